"""Rows through stages, for `map` and for runs alike: what came of each row, and why a row failed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emollama_hf import schema
from emollama_hf.computing.fitting_batches import is_out_of_memory
from emollama_hf.console import timing
from emollama_hf.console.timing import StageTime
from emollama_hf.errors import ERROR_KINDS, ClipError, ModelError, PluginError, StageError
from emollama_hf.rows import Rows
from emollama_hf.stages.failing import failed_stage, of_known_kind, unforeseen
from emollama_hf.stages.returned_values import check_results, check_row
from emollama_hf.stages.step import Step

#: The columns that a stage computed of a row; or why it could not.
Outcome = dict[str, Any] | ClipError


@dataclass
class StageResult:
    """What a stage made of some rows.

    outcomes: by index of the row. failures: why rows go no further: errors, and computed rows that are not accepted.
    """

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    failures: dict[int, ClipError] = field(default_factory=dict)
    time: StageTime = field(default_factory=StageTime)


def run_stage(stage: Step, rows: Rows, indices: Sequence[int]) -> StageResult:
    """Take some rows of a micro-batch through one stage, which is ready.

    Raises:
        PluginError: the stage returned something else than it declares.
        StageError: the stage ended with an error that is no ClipError.
    """
    started = time.perf_counter()
    outcomes = dict(zip(indices, outcomes_of(stage, rows, indices), strict=True))
    result = StageResult(outcomes, time=StageTime(time.perf_counter() - started, len(indices)))
    for index, outcome in outcomes.items():
        error = outcome if isinstance(outcome, ClipError) else stage.rejection(outcome)
        if error is not None:
            result.failures[index] = of_known_kind(stage, error)
    return result


def outcomes_of(stage: Step, rows: Rows, indices: Sequence[int]) -> list[Outcome]:
    """The columns that a stage computes of some rows, in the given order; for a row that failed, why."""
    outcomes: dict[int, Outcome] = {}
    items: dict[int, Any] = {}
    for index in indices:
        try:
            items[index] = stage.prepare(rows.row(index))
        except ClipError as error:
            outcomes[index] = of_known_kind(stage, error)
        except (ModelError, MemoryError):
            raise  # wrong for every row
        except (ImportError, SystemExit) as error:  # as well
            raise failed_stage(stage, "prepare", [rows.row(index).label], error) from error
        except Exception as error:
            # One odd file must not end a run of thousands; the type and message stay with the row.
            outcomes[index] = unforeseen(stage, error)
    computed = _computed(stage, rows, items) if items else []
    declared = stage.outputs() if items else {}
    for index, outcome in zip(items, computed, strict=True):
        if isinstance(outcome, ClipError):
            outcomes[index] = of_known_kind(stage, outcome)
        else:
            check_row(stage, declared, outcome, rows.row(index).label)
            outcomes[index] = outcome
    return [outcomes[index] for index in indices]


def run_chunk(stages: Sequence[Step], rows: Rows) -> None:
    """Compute the columns of several stages for a micro-batch and add them, the statuses and the errors to it.

    Raises:
        ClipError: a row failed in a stage with on_error="raise"; the message names the row.
        PluginError, StageError: as `run_stage`.
    """
    for stage in stages:
        statuses = statuses_of(rows)
        errors = [rows.value(schema.ERROR, index) for index in range(rows.length)]
        # A row that an earlier stage has failed is passed on as it is.
        pending = [index for index, status in enumerate(statuses) if status == schema.OK]
        done = run_stage(stage, rows, pending)
        timing.add(stage.name, done.time.seconds, done.time.rows)
        for index, error in done.failures.items():
            if stage.config.on_error == "raise":
                raise named(error, rows.row(index).label)
            statuses[index], errors[index] = error.kind, f"{rows.row(index).label}: {error}"
        results = [{} if index in done.failures else done.outcomes.get(index, {}) for index in range(rows.length)]
        for column in stage.makes:
            rows.add(column, [result.get(column) for result in results if not isinstance(result, ClipError)])
        rows.add(schema.STATUS, statuses)
        rows.add(schema.ERROR, errors)


def statuses_of(rows: Rows) -> list[str]:
    """What earlier stages made of each row. Raises ValueError for a status that no stage writes."""
    statuses = [rows.value(schema.STATUS, i) or schema.OK for i in range(rows.length)]
    strange = next((status for status in statuses if status not in (schema.OK, *ERROR_KINDS)), None)
    if strange is not None:
        raise ValueError(
            f"column {schema.STATUS!r} holds {strange!r}, which no stage writes. Rename or remove that column: "
            "a row with a status other than ok is passed on uncomputed."
        )
    return statuses


def named(error: ClipError, label: str) -> ClipError:
    """The error with the name of its row, as on_error="raise" raises it."""
    message = f"{label}: {error}"
    hint = "" if "on_error" in message else ' Or pass on_error="null" to keep the row with an error status.'
    raised = ClipError(error.kind, message + hint)
    raised.__cause__ = error.__cause__
    return raised


def _computed(stage: Step, rows: Rows, items: Mapping[int, Any]) -> Sequence[Any]:
    """What `compute` returns of prepared rows, by index. Raises StageError for an error that the stage did not mean."""
    try:
        results: object = stage.compute(list(items.values()))
    except (ModelError, PluginError, StageError):
        raise
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise
        raise failed_stage(stage, "compute", [rows.row(index).label for index in items], error) from error
    return check_results(stage, results, len(items))
