"""Which files a set's README.md opens: `datasets` reads whatever it names, also outside of the directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard

from emollama_hf.feature_set.manifest import ManifestError, UnsafeManifest, read_manifest
from emollama_hf.feature_set.set_paths import README
from emollama_hf.files.links import leads_out


def check_card_files(directory: Path) -> None:
    """Raise UnsafeManifest if a feature data set of this machine would be opened with files from elsewhere.

    Args:
        directory: the set. What `datasets` cannot read there is for `datasets` to say.
    """
    try:
        read_manifest(directory)
    except UnsafeManifest:
        raise
    except ManifestError:
        pass  # rows can be opened without it
    if leads_out(directory, directory / README):
        raise UnsafeManifest(f"{directory / README} is a link to something outside of {directory}. Put the file there.")
    try:
        card = DatasetCard.load(directory / README, ignore_metadata_errors=True)
        named = list(_texts(list(MetadataConfigs.from_dataset_card_data(card.data).values())))
    except Exception:  # of a YAML reader, of `datasets`: it will say so itself
        return
    for text in named:
        if "://" in text or "::" in text or leads_out(directory, directory / text.split("*")[0]):
            raise UnsafeManifest(
                f"{directory / README} opens files outside of {directory}: {text!r:.120}. Nothing was read. Fetch the "
                "set again from those who shared it."
            )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
