"""Which stages run before others: the makers of columns that a stage reads and a data set lacks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from emollama_hf.errors import PluginError
from emollama_hf.stages.known_stages import find_maker, position_of

if TYPE_CHECKING:
    from emollama_hf.stages.stage import Stage


def behind_missing(
    wanted: Iterable[Stage], present: Collection[str], make: Callable[[Stage, type[Stage]], Stage]
) -> list[Stage]:
    """Stages in order, each behind the stages whose columns it reads and that a data set lacks.

    Args:
        wanted: the stages to run.
        present: columns of the data set.
        make: instance of an earlier stage, for the stage that reads its columns.

    Raises:
        PluginError: stages read each other's columns.
    """
    stages: list[Stage] = []

    def add(stage: Stage, readers: tuple[Stage, ...]) -> None:
        if any(type(one) is type(stage) for one in readers):
            names = " -> ".join(one.name for one in (*readers, stage))
            raise PluginError(f"stages read each other's columns: {names}. One of them has to go without.")
        for column in stage.runs_first():
            maker = None if column in present else find_maker(column)
            if maker is None or any(type(one) is maker for one in stages):
                continue
            first = make(stage, maker)
            if column in stage.inputs or _can_run(first, present):
                add(first, (*readers, stage))
        if not any(type(one) is type(stage) for one in stages):
            stages.append(stage)

    for stage in wanted:
        add(stage, ())
    return stages


def _can_run(stage: Stage, present: Collection[str]) -> bool:
    """Whether a stage whose columns are optional finds what it reads, and its part of the model."""
    try:
        stage.check_columns(present)
    except ValueError:
        return False
    return stage.is_available


def in_known_order(stages: Sequence[Stage]) -> list[Stage]:
    """Stages in the order in which they are known, as far as each comes after those whose columns it reads."""
    left = sorted(stages, key=lambda stage: position_of(type(stage)))
    ordered: list[Stage] = []
    while left:
        made = {column: one for one in left for column in one.makes}
        ready = next(stage for stage in left if all(made[column] is stage for column in stage.given(made)))
        left.remove(ready)
        ordered.append(ready)
    return ordered
