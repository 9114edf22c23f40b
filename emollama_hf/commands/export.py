"""`emollama-hf export`: a feature data set in, the original layout out, and what was skipped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset

from emollama_hf.commands.extract import quiet_unless_terminal
from emollama_hf.commands.report import console
from emollama_hf.console.terminal import write_line
from emollama_hf.extraction.sources import open_source
from emollama_hf.feature_set.destination import is_feature_set
from emollama_hf.feature_set.export_npy import export_npy
from emollama_hf.feature_set.parquet_rows import ParquetRows, open_config
from emollama_hf.schema import EMOLLAMA


def run_export(
    source: str,
    directory: Path,
    *,
    columns: Sequence[str] | None = None,
    name: str | None = None,
    dtype: str | None = None,
    split: str | None = None,
    overwrite: bool = False,
) -> int:
    """Export, print a summary, and return the number of rows that were skipped."""
    quiet_unless_terminal()
    chosen = tuple(columns or (EMOLLAMA,))
    ds = _open(source, split)
    done = export_npy(ds, directory, columns=chosen, name=name, dtype=dtype, overwrite=overwrite)
    for row, reason in done.skipped:
        write_line(f"skipped: {row!r} ({reason})")
    console().print(f"Wrote {done.files} files of {', '.join(chosen)} to {directory}.", markup=False)
    return len(done.skipped)


def _open(source: str, split: str | None) -> Dataset | ParquetRows:
    if not is_feature_set(Path(source)):
        return open_source(source, split=split)
    if split not in (None, "train"):
        raise ValueError(f"--split {split}: {source!r} has the split train alone. Leave --split out.")
    return open_config(Path(source))[1]
