"""How far a run is: a bar on a terminal, one log line a shard elsewhere. Both count what is safe on the disk.

The bar is tqdm's. Its rate and time left are not used: tqdm has one counter, and here the bar counts clips that are
stored, by shards, and the rate those that were computed, one by one.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any

from emollama_hf.console import timing
from emollama_hf.console.logs import package_logger
from emollama_hf.console.terminal import for_terminal
from emollama_hf.console.timing import StageTime

logger = package_logger(__name__)

#: Shards come in jumps, which say little of the rate: rate and time left are those of what was computed.
BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} stored [{elapsed}{postfix}]"


class Progress:
    """How many clips are stored, how many more are in hand, rate, time left, failures, the slowest stage.

    A clip in hand has been computed and is not stored yet: a killed run computes it again.
    On a terminal it is a bar, which `datasets.disable_progress_bars()` switches off; elsewhere `shard` logs a line.

    Args:
        total: clips of the run.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._computed = self._stored = self._changed = 0
        self._started = time.monotonic()
        self.failed: Counter[str] = Counter()
        self.times: dict[str, StageTime] = {}
        self._bar = _bar(total, "Extracting features", BAR) if total else None

    def advance(self, rows: int, failed: Counter[str], times: dict[str, StageTime], *, changed: int = 0) -> None:
        """Note clips that were computed.

        Args:
            rows: how many.
            failed: of them, by kind of failure.
            times: what they cost, by stage.
            changed: of them that are thrown away, since their files have changed meanwhile.
        """
        self._computed += rows
        self._changed += changed
        self.failed += failed
        for stage, spent in times.items():
            sum_ = self.times.setdefault(stage, StageTime())
            sum_.seconds, sum_.rows = sum_.seconds + spent.seconds, sum_.rows + spent.rows
        self._show(0)

    def shard(self, stored: int) -> None:
        """Note a shard that is safe on the disk.

        Args:
            stored: clips that it has.
        """
        self._stored += stored
        if self._bar is not None:
            self._show(stored)
        elif self._computed:
            logger.info("%s", ", ".join([f"{self._stored} of {self._total} clips", *self._notes()]))

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()

    def _show(self, stored: int) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(for_terminal(", ".join(self._notes())), refresh=False)
            if not self._bar.update(stored):
                self._bar.refresh()

    def _notes(self) -> list[str]:
        in_hand = self._computed - self._changed - self._stored
        notes = [f"{in_hand} in hand"] if in_hand > 0 else []
        if self._computed:
            seconds = max(time.monotonic() - self._started, 1e-9)
            left = max(0, self._total - self._computed) * seconds / self._computed
            notes += [f"{self._computed / seconds * 60:.1f} clips a minute", f"{duration(left)} left"]
        notes.append(f"{sum(self.failed.values())} failed")
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


def _bar(total: int, title: str, form: str | None = None) -> Any:
    from datasets.utils import are_progress_bars_disabled
    from tqdm.auto import tqdm

    if are_progress_bars_disabled() or not sys.stderr.isatty():
        return None
    return tqdm(total=total, desc=title, unit="clip", dynamic_ncols=True, bar_format=form)


def duration(seconds: float) -> str:
    """A time as people say it.

    Example:
        >>> duration(40), duration(4000)
        ('40 s', '67 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
