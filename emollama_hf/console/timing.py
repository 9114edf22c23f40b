"""Where the time of this process went: seconds and rows by stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class StageTime:
    seconds: float = 0.0
    rows: int = 0


_times: dict[str, StageTime] = {}


def add(stage: str, seconds: float, rows: int) -> None:
    time = _times.setdefault(stage, StageTime())
    time.seconds += seconds
    time.rows += rows


def stage_times() -> dict[str, StageTime]:
    """Seconds spent and rows handled by each stage in this process since `reset`."""
    return {stage: StageTime(time.seconds, time.rows) for stage, time in _times.items()}


def reset() -> None:
    _times.clear()


def slowest(times: dict[str, StageTime]) -> tuple[str, float] | None:
    """The stage that took most of the time, and its share; None if none took any."""
    total = sum(time.seconds for time in times.values())
    if not total:
        return None
    stage = max(times, key=lambda name: times[name].seconds)
    return stage, times[stage].seconds / total
