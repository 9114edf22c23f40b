"""Rows on their way through the stages: who has failed goes no further, and parts come together again."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from datasets import Value

from emollama_hf.errors import ClipError
from emollama_hf.planning.task import Task
from emollama_hf.rows import Row, Rows
from emollama_hf.stages import Column, Stage
from emollama_hf.stages.reduction import Reduction, reading_of


class Double(Stage):
    """Twice the number of a row; a negative one is an error."""

    name, version, inputs = "double", 1, ("number",)

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def outputs(self) -> dict[str, Column]:
        return {f"{self.name}d": Column(Value("float32"), "twice the number")}

    def prepare(self, row: Row) -> float:
        number = row[self.inputs[0]]
        self.seen.append(number)
        if number is None or number < 0:
            raise ClipError("bad_features", f"{self.name} met {number}")
        return float(number)

    def compute(self, items: list[float]) -> list[dict[str, Any] | ClipError]:
        return [{self.makes[0]: 2 * item} for item in items]


class Twice(Double):
    """And again."""

    name, inputs = "twice", ("doubled",)


def task(
    *numbers: float, needed: list[set[str]] | None = None, known: dict[str, dict[int, float]] | None = None
) -> Task:
    rows = [10 + number for number in range(len(numbers))]
    batch = Rows.from_batch({"number": list(numbers)})
    return Task(rows, batch, needed or [{"double", "twice"}] * len(numbers), known or {})


def sent(one: Task) -> Task:
    """The task in another process."""
    arrived: Task = pickle.loads(pickle.dumps(one))
    return arrived


def made(done: Task) -> dict[str, dict[int, Any]]:
    """Values and kinds of errors by stage and row."""
    return {
        stage: {i: one.kind if isinstance(one, ClipError) else next(iter(one.values())) for i, one in outcomes.items()}
        for stage, outcomes in done.outcomes.items()
    }


def test_a_row_that_has_failed_meets_no_later_stage() -> None:
    first, second = Double(), Twice()
    done = task(1, -2, 3).run([first, second])
    assert made(done) == {"double": {0: 2, 1: "bad_features", 2: 6}, "twice": {0: 4, 2: 12}}
    assert second.seen == [2, 6]
    assert str(done.failures[1]) == "double met -2"
    assert list(done.failures) == [1]
    assert not done.needs(first)
    assert not done.needs(second)


def test_only_what_is_needed_runs_on_what_is_known() -> None:
    first, second = Double(), Twice()
    done = task(1, 5, needed=[{"double", "twice"}, {"twice"}], known={"doubled": {1: 100.0}}).run([first, second])
    assert made(done) == {"double": {0: 2}, "twice": {0: 4, 1: 200}}
    assert first.seen == [1]


@pytest.mark.parametrize("first", [1, 2])
def test_parts_that_were_taken_some_stages_on_come_together_as_one(first: int) -> None:
    whole = task(1, -2, 3).run([Double(), Twice()])
    divided = task(1, -2, 3)
    stages: list[Stage] = [Double(), Twice()]
    parts = {i: sent(part.run(stages[:first])) for i, part in divided.split(stages[:first]).items()}
    assert {i: part.rows for i, part in parts.items()} == {0: (10,), 1: (11,), 2: (12,)}
    divided.take_in(parts).run(stages[first:])
    assert made(divided) == made(whole)
    assert {i: str(error) for i, error in divided.failures.items()} == {1: "double met -2"}
    assert {stage: time.rows for stage, time in divided.times.items()} == {"double": 3, "twice": 2}
    assert stages[1].seen == [2, 6]  # type: ignore[attr-defined]


def test_times_of_parts_are_added() -> None:
    divided = task(1, 2, 3)
    parts = {i: part.run([Double()]) for i, part in divided.split([Double()]).items()}
    divided.take_in(parts)
    assert divided.times["double"].rows == 3
    assert divided.times["double"].seconds == pytest.approx(
        sum(part.times["double"].seconds for part in parts.values())
    )


def test_a_part_is_a_row_that_needs_the_stages_with_what_these_read() -> None:
    known = {"doubled": {0: 7.0, 1: 100.0}, "number": {1: 3.0}}
    divided = task(1, 5, 6, needed=[{"twice"}, {"twice"}, set()], known=known)
    assert divided.split([Double()]) == {}
    parts = divided.split([Twice()])
    assert {i: part._values for i, part in parts.items()} == {0: {"doubled": {0: 7.0}}, 1: {"doubled": {0: 100.0}}}
    divided.take_in({i: part.run([Twice()]) for i, part in parts.items()})
    assert made(divided) == {"twice": {0: 14, 1: 200}}


class Shown(Double):
    """Twice the number again, of which it reads no more than its tens."""

    name, inputs = "shown", ("doubled",)

    def reductions(self) -> dict[str, Reduction]:
        return {"doubled": tens}


def tens(value: float) -> float:
    if value == 0:
        raise ClipError("bad_features", "nothing has no tens")
    return value // 10 * 10


def test_a_task_leaves_behind_what_no_later_stage_reads() -> None:
    """Crops are several megabytes a clip."""
    first, second = Double(), Twice()
    begun = task(1, -2, 3, needed=[{"double", "twice"}, {"double", "twice"}, {"double"}]).run([first])
    assert begun._values == {"doubled": {0: 2, 2: 6}}
    arrived = sent(begun.leave_behind(reading_of([second], first.makes)))
    assert arrived._values == {"doubled": {0: 2}}
    assert made(arrived.run([second])) == {"double": {0: 2, 1: "bad_features", 2: 6}, "twice": {0: 4}}
    assert sent(arrived).leave_behind({})._values == {}
    assert made(sent(arrived)) == made(arrived)


@pytest.mark.parametrize(
    ("later", "left"),
    [
        ([Shown], {0: 20, 1: 0}),  # what cannot be reduced stays for the stage to say so
        ([Twice], {0: 24, 1: 0}),
        ([Shown, Twice], {0: 24, 1: 0}),  # one of them reads it whole
    ],
)
def test_a_value_is_reduced_where_all_that_read_it_read_no_more(
    later: list[type[Double]], left: dict[int, float]
) -> None:
    first, stages = Double(), [stage() for stage in later]
    begun = task(12, 0, needed=[{"double", *(stage.name for stage in stages)}] * 2).run([first])
    assert begun.leave_behind(reading_of(stages, first.makes))._values == {"doubled": left}
