"""`emollama-hf extract --sample` and `--estimate`: a few clips, what became of each, and what the rest will take."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from rich.table import Table

from emollama_hf import schema
from emollama_hf.commands.extract import keep_standard_error, opened, print_failures, quiet_unless_terminal
from emollama_hf.commands.report import console, status_line, table
from emollama_hf.console import timing
from emollama_hf.console.terminal import shown_text
from emollama_hf.engines.workers import DEFAULT_WORKERS, Workers
from emollama_hf.extraction.estimate import SAMPLE, estimate_of
from emollama_hf.extraction.estimate_text import sentences
from emollama_hf.extraction.extract import check_engine
from emollama_hf.extraction.run import column_values
from emollama_hf.extraction.sample import Sample, take_sample
from emollama_hf.feature_set.random_columns import RANDOM_WEIGHTS, random_columns
from emollama_hf.feature_set.run_description import describe_run, made_with
from emollama_hf.schema import describe_column
from emollama_hf.text.plural import counted

ROWS_SHOWN = 20
ROWS_AT_ONCE = 8


def run_sample(
    source: str,
    out: Path,
    *,
    sample: int | None,
    say_rest: bool,
    labels: Path | None = None,
    split: str | None = None,
    workers: Workers = DEFAULT_WORKERS,
    shard_rows: int | None = None,
    **options: Any,
) -> int:
    """Compute a few clips, print what became of them, and return how many failed. options: as `emollama_hf.extract`.

    Args:
        source, out, labels, split, workers, shard_rows, options: as for `run_extract`.
        sample: clips; None for 8.
        say_rest: print what the rest will take, too.
    """
    if workers.engine == "ray":
        keep_standard_error()
    quiet_unless_terminal()
    timing.reset()
    check_engine(workers)
    run = opened(source, out, labels, split, options)
    taken = take_sample(run, sample or SAMPLE, workers, shard_rows=shard_rows)
    screen = console()
    statuses = Counter(column_values(taken.ds, schema.STATUS)[0])
    screen.print(f"{_what(taken, len(run.ds))} ({status_line(statuses)}).\n")
    screen.print(_clips(taken))
    screen.print()
    screen.print(_values(taken.ds, list(run.pipeline.features)))
    print_failures([error for error in column_values(taken.ds, schema.ERROR)[0] if error])
    note = taken.run.coverage_note(taken.ds)
    if note:
        screen.print(f"\n{note}")
    if random_columns(describe_run(run.pipeline, made_with=made_with(run.pipeline.stages))):
        screen.print(f"\n{RANDOM_WEIGHTS}")
    if say_rest:
        screen.print()
        for line in sentences(estimate_of(run, taken, workers)):
            screen.print(line)
    option = "--estimate" if say_rest else "--sample"
    screen.print(
        f"\n{shown_text(str(out))} has no data set with these clips yet, only what was computed of them, in .cache. "
        f"Run the same without {option}: it computes what is left and writes all."
        if taken.computed
        else f"\nNothing was written. The same without {option} writes the data set."
    )
    return statuses.total() - statuses[schema.OK]


def _what(taken: Sample, rows: int) -> str:
    if taken.computed:
        return f"Computed {taken.computed:,} of {counted(rows, 'clip')}, from small files to large ones"
    return f"Nothing was left to compute; some of {counted(rows, 'known clip')}"


def _clips(taken: Sample) -> Table:
    """A line for each sampled clip: what it is called, what came of it, and its facts."""
    facts = {schema.CLIP_DURATION_S: "film, s", schema.FACE_COVERAGE: "frames with a face", schema.PEAK_INDEX: "peak"}
    shown = [name for name in facts if name in taken.ds.column_names]
    spent = taken.watch.seconds()
    made = table("clip", "status", *(facts[name] for name in shown), "seconds of work")
    columns = dict(zip(shown, column_values(taken.ds, *shown), strict=True)) if shown else {}
    (statuses,) = column_values(taken.ds, schema.STATUS)
    for index, status in enumerate(statuses[:ROWS_SHOWN]):
        values = [_text(columns[name][index]) for name in shown]
        took = f"{sum(spent[index].values()):.2f}" if index in spent else ""
        made.add_row(taken.run.computation.label(index, folder=False), status, *values, took)
    if len(statuses) > ROWS_SHOWN:
        made.add_row(f"and {len(statuses) - ROWS_SHOWN} more", "", *("" for _ in shown), "")
    return made


def _values(ds: Dataset, names: list[str]) -> Table:
    """A line for each new column: its type, and mean and deviation of its numbers over the clips that are ok."""
    made = table("column", "one row", "mean", "deviation")
    (statuses,) = column_values(ds, schema.STATUS)
    ok = [index for index, status in enumerate(statuses) if status == schema.OK]
    numbers = ds.select(ok).with_format("numpy")
    for name in names:
        kind = ds.features[name]
        mean = deviation = ""
        if ok and not schema.is_picture(kind) and name not in (schema.STATUS, schema.ERROR):
            found = mean_and_deviation(batch[name] for batch in numbers.select_columns([name]).iter(ROWS_AT_ONCE))
            if found is not None:
                mean, deviation = f"{found[0]:.3g}", f"{found[1]:.3g}"
        made.add_row(name, describe_column(kind), mean, deviation)
    return made


def mean_and_deviation(batches: Iterable[Sequence[Any]]) -> tuple[float, float] | None:
    """Of all numbers of a column but NaN; None without one, or for a column of other things.

    Args:
        batches: numbers, arrays of any shape, or None, a few rows at a time: a sample may have as many clips as the
            set, and ten megabytes of hidden states each.
    """
    count, mean, squares = 0, 0.0, 0.0  # squares: of the distances from the mean, added up
    for batch in batches:
        for value in batch:
            try:
                numbers = np.asarray(value, np.float64).ravel()
            except (TypeError, ValueError):
                return None
            numbers = numbers[~np.isnan(numbers)]
            if numbers.size:
                own = float(numbers.mean())
                squares += float(((numbers - own) ** 2).sum())
                squares += (own - mean) ** 2 * count * numbers.size / (count + numbers.size)
                mean += (own - mean) * numbers.size / (count + numbers.size)
                count += numbers.size
    return (mean, math.sqrt(squares / count)) if count else None


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
