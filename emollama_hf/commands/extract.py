"""`emollama-hf extract`: a source of clips in, a feature data set out, and a summary; or what is known so far."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import datasets

from emollama_hf import schema
from emollama_hf.commands.report import columns_table, console, status_line, table, times_table
from emollama_hf.console import timing
from emollama_hf.console.terminal import shown_text, write_line
from emollama_hf.engines.workers import DEFAULT_WORKERS, Workers
from emollama_hf.extraction.extract import check_engine
from emollama_hf.extraction.open_run import open_run
from emollama_hf.extraction.run import Run
from emollama_hf.extraction.sources import open_source
from emollama_hf.feature_set.manifest import DEFAULT_CONFIG, read_manifest
from emollama_hf.feature_set.random_columns import random_sentence
from emollama_hf.planning import memory_check
from emollama_hf.schema import describe_column
from emollama_hf.work_store.shard import Failure
from emollama_hf.work_store.work_store import Stored

ERRORS_SHOWN = 10


def run_extract(
    source: str,
    out: Path,
    *,
    labels: Path | None = None,
    split: str | None = None,
    workers: Workers = DEFAULT_WORKERS,
    shard_rows: int | None = None,
    log_shards: bool = True,
    **options: Any,
) -> int:
    """Extract, print a summary, and return the number of failed clips. options: as `emollama_hf.extract`."""
    if workers.engine == "ray":
        keep_standard_error()
    quiet_unless_terminal(log_shards=log_shards)
    timing.reset()
    check_engine(workers)
    run = opened(source, out, labels, split, options)
    rows = range(len(run.ds))
    known = sum(run.known(row) is not None for row in rows)
    result = run.finish(workers, shard_rows=shard_rows)
    screen = console()
    statuses = Counter(result[schema.STATUS])
    screen.print(f"Wrote {out} ({status_line(statuses)}).", markup=False)
    config = read_manifest(out).configs[DEFAULT_CONFIG]
    if options.get("existing") == "add":
        screen.print(f"With what was there it holds {config.rows} rows.", markup=False)
    new = sum(run.known(row) is not None for row in rows) - known  # by a run beside this one, too
    screen.print(f"{new} computed now, {known} known from before.\n", markup=False)
    screen.print(columns_table({name: describe_column(kind) for name, kind in config.features.items()}))
    times = timing.stage_times()
    if times:
        screen.print()
        screen.print(times_table(times))
    print_failures([error for error in result[schema.ERROR] if error])
    if options.get("quantize") is not None:
        screen.print(
            "\nThe decoder was quantized. How far that takes the hidden states of your model from those without it, on "
            "five of your clips, on a machine with memory for all of it:"
        )
        screen.print(comparison(run, source, labels=labels, split=split))
    for line in config.withheld:
        if "`--include" in line:  # what shows people is never there
            screen.print(f"left out: {shown_text(line)}", markup=False)
    note = run.coverage_note(result)
    if note:
        screen.print(f"\n{note}", markup=False)
    random = random_sentence(read_manifest(out).configs.values())
    if random:
        screen.print(f"\n{random}", markup=False)
    screen.print(f'\nOpen it with: datasets.load_dataset("{out}", split="train")', markup=False)
    return sum(statuses.values()) - statuses[schema.OK]


def comparison(run: Run, source: str, *, labels: Path | None, split: str | None) -> str:
    """What to run to see how far the quantized decoder's hidden states are from those of the decoder as it is."""
    first, decoder = run.pipeline.stages[0], run.pipeline.stages[-1]
    where, folder = decoder.placement, getattr(first.config, "openface_folder", None)
    given = {
        "--model": where.model, "--model-revision": where.revision, "--tokenizer": where.tokenizer,
        "--adapter": where.adapter,
        "--labels": labels, "--split": split, "--peak": None if folder is None else f"openface:{folder}",
    }  # fmt: skip
    command = ["emollama-hf", "verify", str(run.out), "--source", source, "--sample", "5", "--quantize", "none"]
    command += [text for option, value in given.items() if value is not None for text in (option, str(value))]
    return shlex.join(command)


def show_status(
    source: str, out: Path, *, labels: Path | None = None, split: str | None = None, **options: Any
) -> None:
    """Print what of an extraction is there, what is missing, and what failed and why. Computes and writes nothing."""
    quiet_unless_terminal()
    run = opened(source, out, labels, split, {**options, "retry_failed": False, "look_only": True})
    screen, rows = console(), range(len(run.ds))
    report = table("stage", "there", "failed", "missing")
    known = [run.known(row) for row in rows]
    for stage in run.pipeline.stages:
        found = [run.computation.find(stage, row) if run.computation.readable(row) else None for row in rows]
        there, failed = sum(isinstance(one, Stored) for one in found), sum(isinstance(one, Failure) for one in found)
        # What an earlier stage has failed never comes this far.
        absent = sum(one is None and not isinstance(known[row], Failure) for row, one in enumerate(found))
        report.add_row(stage.name, str(there), str(failed), str(absent))
    failures = {row: one for row, one in enumerate(known) if isinstance(one, Failure)}
    unread = [row for row in rows if not run.computation.readable(row)]
    missing = [row for row in rows if known[row] is None and row not in unread]
    done = len(known) - len(failures) - len(missing) - len(unread)
    told = f"{len(known)} clips, {done} ok, {len(failures)} failed, {len(missing)} not computed yet"
    told += f", {len(unread)} that cannot be read now" if unread else ""
    screen.print(f"{shown_text(str(out))}: {told}\n", markup=False)
    screen.print(report)
    kinds = Counter(failure.kind for failure in failures.values())
    if kinds:
        screen.print("\nfailed: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()), markup=False)
    print_failures([f"{run.computation.label(row)}: {one.kind}: {one.message}" for row, one in failures.items()])
    for row in unread[:ERRORS_SHOWN]:
        write_line(f"cannot be read: {run.computation.label(row)}")


def is_random(out: Path) -> bool:
    """Whether the feature data set was made with random weights."""
    return any(config.is_random for config in read_manifest(out).configs.values())


def quiet_unless_terminal(*, log_shards: bool = True) -> None:
    """Progress bars for people only, a log line a shard elsewhere; libraries' remarks on themselves for nobody."""
    logging.basicConfig(format="emollama-hf: %(message)s", level=logging.WARNING)
    if log_shards:
        logging.getLogger(memory_check.__name__).setLevel(logging.INFO)  # what was picked, on a terminal as well
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
        if log_shards:
            logging.getLogger("emollama_hf").setLevel(logging.INFO)


def keep_standard_error() -> None:
    """Standard error for this program alone: Ray's core writes remarks there, past Python, that no setting stops."""
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def opened(source: str, out: Path, labels: Path | None, split: str | None, options: dict[str, Any]) -> Run:
    """The run that the options of the command line describe; as for `emollama_hf.extract`."""
    chosen = {"model": None, "stages": None, "on_error": "null", "keep": (), "overwrite": False, "retry_failed": False}
    settings = {**chosen, **options, **options.get("typed", {}), "out": out}
    settings.pop("typed", None)
    return open_run(open_source(source, split=split, labels=labels), **settings)


def print_failures(errors: list[str]) -> None:
    """The first messages of failed clips, and how many more there are."""
    for error in errors[:ERRORS_SHOWN]:
        write_line(f"failed: {error}")
    if len(errors) > ERRORS_SHOWN:
        write_line(f"failed: {len(errors) - ERRORS_SHOWN} more, see the column {schema.ERROR}")
