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
    assert done.is_done


def test_only_what_is_needed_runs_on_what_is_known() -> None:
    first, second = Double(), Twice()
    done = task(1, 5, needed=[{"double", "twice"}, {"twice"}], known={"doubled": {1: 100.0}}).run([first, second])
    assert made(done) == {"double": {0: 2}, "twice": {0: 4, 1: 200}}
    assert first.seen == [1]


@pytest.mark.parametrize("after", [0, 1])
def test_parts_that_were_taken_some_stages_on_come_together_as_one(after: int) -> None:
    whole = task(1, -2, 3).run([Double(), Twice()])
    divided = task(1, -2, 3)
    stages: list[Stage] = [Double(), Twice()]
    parts = [pickle.loads(pickle.dumps(part.run(stages[:after]))) for part in divided.split()]
    assert [part.rows for part in parts] == [(10,), (11,), (12,)]
    divided.take_in(parts).run(stages[after:])
    assert made(divided) == made(whole)
    assert {i: str(error) for i, error in divided.failures.items()} == {1: "double met -2"}
    assert {stage: time.rows for stage, time in divided.times.items()} == {"double": 3, "twice": 2}
    assert stages[1].seen == [2, 6]  # type: ignore[attr-defined]


def test_times_of_parts_are_added() -> None:
    divided = task(1, 2, 3)
    parts = [part.run([Double()]) for part in divided.split()]
    divided.take_in(parts)
    assert divided.times["double"].rows == 3
    assert divided.times["double"].seconds == pytest.approx(sum(part.times["double"].seconds for part in parts))


def test_a_part_knows_what_its_row_knew() -> None:
    divided = task(1, 5, needed=[{"twice"}, {"twice"}], known={"doubled": {0: 7.0, 1: 100.0}})
    divided.take_in([part.run([Twice()]) for part in divided.split()])
    assert made(divided) == {"twice": {0: 14, 1: 200}}


def test_a_task_travels_without_what_nobody_reads_any_more() -> None:
    """Crops are several megabytes a clip."""
    first, second = Double(), Twice()
    begun = task(1, -2).run([first])
    assert not begun.is_done
    arrived = pickle.loads(pickle.dumps(begun)).run([second])
    assert made(arrived) == {"double": {0: 2, 1: "bad_features"}, "twice": {0: 4}}
    assert pickle.loads(pickle.dumps(arrived))._values == {}
    assert made(pickle.loads(pickle.dumps(arrived))) == made(arrived)
