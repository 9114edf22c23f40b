"""Errors of a stage that it did not mean: which stage, of which distribution, and for which rows."""

from __future__ import annotations

from collections.abc import Sequence

from emollama_hf.errors import ClipError, StageError
from emollama_hf.stages.known_stages import described, origin_of
from emollama_hf.stages.step import Step
from emollama_hf.text.plural import counted

#: Rows that a message names.
LABELS_SHOWN = 5


def failed_stage(stage: Step, method: str, labels: Sequence[str], error: Exception) -> StageError:
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
    origin = origin_of(type(stage))
    which = stage.name if origin is None or origin.distribution is None else f"{stage.name} ({origin})"
    failure = ClipError("unexpected", f"{which} met {_kind(error)}: {error}")
    failure.__cause__ = error
    return failure


def _kind(error: Exception) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
