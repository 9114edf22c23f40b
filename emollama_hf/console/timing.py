"""Where the time of this process went: seconds and rows by stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class StageTime:
    """What a stage has cost so far, and for how many rows."""

    seconds: float = 0.0
    rows: int = 0


_times: dict[str, StageTime] = {}


def add(stage: str, seconds: float, rows: int) -> None:
    """Add to the time of a stage.

    Args:
        stage: its name.
        seconds: that some rows took together.
        rows: how many they are.
    """
    time = _times.setdefault(stage, StageTime())
    time.seconds += seconds
    time.rows += rows


def stage_times() -> dict[str, StageTime]:
    """Seconds spent and rows handled by each stage in this process since `reset`."""
    return {stage: StageTime(time.seconds, time.rows) for stage, time in _times.items()}


def reset() -> None:
    """Forget all times."""
    _times.clear()


def slowest(times: dict[str, StageTime]) -> tuple[str, float] | None:
    """The stage that took most of the time.

    Args:
        times: by stage.

    Returns:
        Its name and its share, 0..1; None if no stage took any time.
    """
    total = sum(time.seconds for time in times.values())
    if not total:
        return None
    stage = max(times, key=lambda name: times[name].seconds)
    return stage, times[stage].seconds / total
