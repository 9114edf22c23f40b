"""`emollama-hf extract`: a source of clips in, a feature data set out, and a summary."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
from datasets import Dataset

from emollama_hf import schema, timing
from emollama_hf.commands.report import columns_table, console, status_line, times_table
from emollama_hf.store import extract
from emollama_hf.store.extraction import without_media
from emollama_hf.store.feature_set import check_destination, describe_column
from emollama_hf.store.provenance import RANDOM_WEIGHTS
from emollama_hf.store.sources import open_source

ERRORS_SHOWN = 10


def run_extract(
    source: str,
    out: Path,
    *,
    model: str | None,
    labels: Path | None = None,
    split: str | None = None,
    overwrite: bool = False,
    keep: tuple[str, ...] = (),
    **options: Any,
) -> int:
    """Extract, print a summary, and return the number of failed clips."""
    quiet_unless_terminal()
    check_destination(out, overwrite=overwrite)  # before hours of work
    ds = open_source(source, split=split, labels=labels)
    timing.reset()
    result = extract(ds, model, out=out, overwrite=overwrite, keep=keep, **options)
    return summarise(result, out, keep)


def summarise(result: Dataset, out: Path, keep: tuple[str, ...] = ()) -> int:
    """Print what was written, what failed and where the time went; returns the number of failed rows."""
    screen = console()
    statuses = Counter(result[schema.STATUS])
    written = without_media(result, keep=keep)
    screen.print(f"Wrote {out} ({status_line(statuses)}).\n", markup=False)
    screen.print(columns_table({name: describe_column(kind) for name, kind in written.features.items()}))
    times = timing.stage_times()
    if times:
        screen.print()
        screen.print(times_table(times))
    failed = [error for error in result[schema.ERROR] if error]
    for error in failed[:ERRORS_SHOWN]:
        sys.stderr.write(f"failed: {error}\n")
    if len(failed) > ERRORS_SHOWN:
        sys.stderr.write(f"failed: {len(failed) - ERRORS_SHOWN} more, see the column {schema.ERROR}\n")
    if is_random(out):
        screen.print(f"\n{RANDOM_WEIGHTS}", markup=False)
    screen.print(f'\nOpen it with: datasets.load_dataset("{out}", split="train")', markup=False)
    return sum(statuses.values()) - statuses[schema.OK]


def is_random(out: Path) -> bool:
    """Whether the feature data set was made with random weights."""
    from emollama_hf.store.feature_set import read_provenance

    return bool(read_provenance(out).get("model", {}).get("random_weights"))


def quiet_unless_terminal() -> None:
    """Progress bars for people only; libraries' remarks on their own internals for nobody."""
    logging.basicConfig(format="emollama-hf: %(message)s", level=logging.WARNING)
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
