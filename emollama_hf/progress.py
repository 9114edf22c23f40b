"""How far a run is: a bar on a terminal, one log line a shard elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from typing import Any

from emollama_hf import timing
from emollama_hf.timing import StageTime

logger = logging.getLogger(__name__)


class Progress:
    """Rate, time left, failures so far and the slowest stage of a run over `total` clips.

    On a terminal it is a bar, which `datasets.disable_progress_bars()` switches off; elsewhere `shard` logs a line.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._started = time.monotonic()
        self.failed: Counter[str] = Counter()
        self.times: dict[str, StageTime] = {}
        self._bar = _bar(total, "Extracting features") if total else None

    def advance(self, rows: int, failed: Counter[str], times: dict[str, StageTime]) -> None:
        """Clips that were computed, what failed of them, and what they cost."""
        self._done += rows
        self.failed += failed
        for stage, spent in times.items():
            sum_ = self.times.setdefault(stage, StageTime())
            sum_.seconds, sum_.rows = sum_.seconds + spent.seconds, sum_.rows + spent.rows
        if self._bar is not None:
            self._bar.set_postfix_str(", ".join(self._notes()), refresh=False)
            self._bar.update(rows)

    def shard(self) -> None:
        """A shard is safe on the disk."""
        if self._bar is None and self._done:
            seconds = time.monotonic() - self._started
            left = max(0, self._total - self._done) * seconds / self._done
            rate = f"{self._done / seconds * 60:.1f} clips a minute"
            logger.info(
                "%s", ", ".join([f"{self._done} of {self._total} clips", rate, f"{_words(left)} left", *self._notes()])
            )

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _notes(self) -> list[str]:
        notes = [f"{sum(self.failed.values())} failed"]
        slowest = timing.slowest(self.times)
        if slowest is not None:
            notes.append(f"slowest: {slowest[0]} {slowest[1]:.0%}")
        return notes


def hashing_bar(rows: int) -> Any:
    """A bar for reading the clips once, where somebody watches."""
    return _bar(rows, "Reading clips")


def sharing_bar(rows: int, title: str) -> Any:
    """A bar for going through rows that are shared, where somebody watches."""
    return _bar(rows, title)


def _bar(total: int, title: str) -> Any:
    from datasets.utils import are_progress_bars_disabled
    from tqdm.auto import tqdm

    if are_progress_bars_disabled() or not sys.stderr.isatty():
        return None
    return tqdm(total=total, desc=title, unit="clip", dynamic_ncols=True)


def _words(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
