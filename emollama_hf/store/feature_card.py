"""The README of a feature data set, the card that people read first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasets import Features
from huggingface_hub import DatasetCard

from emollama_hf import schema
from emollama_hf.store.destination import PROVENANCE
from emollama_hf.store.provenance import RANDOM_WEIGHTS
from emollama_hf.store.readme_metadata import readme_metadata


def write_card(features: Features, provenance: Mapping[str, Any], files: Mapping[str, str]) -> str:
    """The card of a set. files: pattern of the data files of each split."""
    columns = "\n".join(f"| `{name}` | {describe_column(kind)} |" for name, kind in features.items())
    status = ", ".join(f"{count} {kind}" for kind, count in provenance["status"].items()) or "no rows"
    model = provenance.get("model", {})
    warning = f"> {RANDOM_WEIGHTS}\n\n" if model.get("random_weights") else ""
    return (
        readme_metadata(features, files) + f"\n{warning}# Emotion-LLaMA features\n\n"
        f"{provenance['rows']} clips ({status}), made by emollama_hf {provenance['emollama_hf']} with the model "
        f"`{model.get('name', 'none')}`. Settings, versions and digests are in `{PROVENANCE}`.\n\n"
        "```python\nfrom datasets import load_dataset\n\n"
        'ds = load_dataset("path/to/this/directory", split="train")\n'
        f'ds = ds.filter(lambda status: status == "ok", input_columns="{schema.STATUS}")\n```\n\n'
        f"| column | one row |\n| --- | --- |\n{columns}\n"
    )


def update_card(edited: str, features: Features, files: Mapping[str, str]) -> str:
    """A card that somebody has edited, with the columns and files of now; its text and other metadata stay."""
    card, now = DatasetCard(edited, ignore_metadata_errors=True), DatasetCard(readme_metadata(features, files))
    for name in ("dataset_info", "configs"):
        card.data[name] = now.data.get(name)
    return str(card)


def describe_column(feature: Any) -> str:
    """A column's shape and type for people: "(309, 4096) float16", "text", "int32"."""
    shape = schema.shape_of(feature)
    if shape is None:
        kind = getattr(feature, "dtype", type(feature).__name__)
        return {"string": "text", "large_string": "text", "binary": "bytes"}.get(kind, type(feature).__name__.lower())
    return f"{shape} {schema.dtype_of(feature)}" if shape else schema.dtype_of(feature)
