"""Errors of a stage that it did not mean: which stage, of which distribution, and for which rows."""

from __future__ import annotations

from collections.abc import Sequence

from emollama_hf.errors import ERROR_KINDS, ClipError, StageError
from emollama_hf.stages.known_stages import described, origin_of
from emollama_hf.stages.step import Step
from emollama_hf.text.plural import counted

#: Rows that a message names.
LABELS_SHOWN = 5


def failed_stage(stage: Step, method: str, labels: Sequence[str], error: BaseException) -> StageError:
    """The error that ends a run, of an error that a stage's method raised.

    Args:
        method: "prepare" or "compute".
        labels: what people call the rows of that call.
        error: becomes the cause where the result is raised from it.
    """
    more = f" and {len(labels) - LABELS_SHOWN} more" if len(labels) > LABELS_SHOWN else ""
    rows = f"{counted(len(labels), 'row')} ({', '.join(labels[:LABELS_SHOWN])}{more})"
    advice = (
        f"A ClipError for one row is returned by compute, in the position of that row: {error}"
        if isinstance(error, ClipError)
        else str(error)
    )
    return StageError(f"{described(type(stage))} failed in {method} of {rows}: {_kind(error)}: {advice}")


def unforeseen(stage: Step, error: Exception) -> ClipError:
    """The failure of a row whose `prepare` raised something else than a ClipError, which is its cause."""
    failure = ClipError("unexpected", f"{_in_short(stage)} met {_kind(error)}: {error}")
    failure.__cause__ = error
    return failure


def of_known_kind(stage: Step, error: ClipError) -> ClipError:
    """The failure of a row; of the kind "unexpected" where the stage made up a kind, which nobody could read again."""
    if error.kind in ERROR_KINDS:
        return error
    failure = ClipError("unexpected", f"{_in_short(stage)} has the kind {error.kind!r}, which is unknown: {error}")
    failure.__cause__ = error
    return failure


def _in_short(stage: Step) -> str:
    origin = origin_of(type(stage))
    return stage.name if origin is None or origin.distribution is None else f"{stage.name} ({origin})"


def _kind(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
