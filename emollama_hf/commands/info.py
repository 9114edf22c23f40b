"""`emollama-hf info`: what a model or a feature data set is, without loading weights or features."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from datasets import Features

from emollama_hf.checkpoints import PARTS, open_model
from emollama_hf.commands.report import columns_table, console, status_line, table
from emollama_hf.errors import ModelError
from emollama_hf.store.destination import is_feature_set, read_provenance
from emollama_hf.store.feature_card import describe_column
from emollama_hf.store.provenance import RANDOM_WEIGHTS


def show_info(target: str) -> None:
    """Print what `target` is. Raises ModelError or ValueError if it is neither a model nor a feature data set."""
    if not target.strip():
        raise ValueError("nothing was named. Give a model or a feature data set.")
    if is_feature_set(Path(target)):
        _show_feature_set(Path(target))
    else:
        _show_model(target)


def _show_feature_set(directory: Path) -> None:
    screen = console()
    provenance = read_provenance(directory)
    files = sorted((directory / "data").glob("*.parquet"))
    if not files:
        raise ValueError(f"{directory}: data/ holds no Parquet files. Extract it again.")
    model = provenance.get("model", {})
    size = sum(path.stat().st_size for path in files)
    screen.print(f"Feature data set {directory}: {status_line(Counter(provenance['status']))}", markup=False)
    screen.print(
        f"{len(files)} Parquet file(s), {size / 1e6:.1f} MB, made by emollama_hf {provenance['emollama_hf']}\n"
    )
    features = Features.from_arrow_schema(pq.read_schema(files[0]))
    screen.print(columns_table({name: describe_column(kind) for name, kind in features.items()}))
    screen.print(f"\nmodel: {model.get('name', 'none')}", markup=False)
    for part, digest in model.get("digests", {}).items():
        screen.print(f"  {part}: sha256 {digest}", markup=False)
    for stage in provenance["stages"]:
        settings = ", ".join(f"{key}={value!r}" for key, value in stage["config"].items())
        screen.print(f"{stage['stage']} (version {stage['version']}): {settings}", markup=False)
    if model.get("random_weights"):
        screen.print(f"\n{RANDOM_WEIGHTS}")


def _show_model(target: str) -> None:
    screen = console()
    source = open_model(target)
    report = table("part", "what it gives", "sha256")
    for part in PARTS:
        try:
            report.add_row(part, _gives(source, part), source.digest(part))
        except ModelError as error:
            report.add_row(part, f"not there: {error}", "")
    screen.print(f"Model {source.name}\n", markup=False)
    screen.print(report)
    if source.is_random:
        screen.print(f"\n{RANDOM_WEIGHTS}")


def _gives(source: Any, part: str) -> str:
    if part == "emotion_llama":
        return f"(L, {source.hidden_size()}) hidden states, {source.visual_tokens(2)} visual tokens in layout fork"
    return f"({source.feature_width(part)},) a clip"
