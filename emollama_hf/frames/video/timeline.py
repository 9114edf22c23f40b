"""When each frame is shown, from clocks that may miss, jump, wrap or start anew."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# Broadcasts and recorders that are restarted have clocks of which FFmpeg says that they jump; a gap beyond this is
# one there, as in FFmpeg's program. Elsewhere a still picture may well stand for minutes.
_GAP_OF_JUMPING_CLOCKS_S = 10.0
_GAP_S = 3600.0
_RESTART_STEPS = 2.5  # times that fall back by more than so many frames start anew; by less, they are uneven

UNKNOWN = np.iinfo(np.int64).min  # stands for a time that is not known


def largest_gap_s(clock_jumps: bool) -> float:
    """The longest time that one frame can stand. clock_jumps: whether the container's clock is known to."""
    return _GAP_OF_JUMPING_CLOCKS_S if clock_jumps else _GAP_S


def even_timeline(count: int, rate: float) -> tuple[NDArray[np.float64], float]:
    """Times in seconds of frames at a constant rate, and how long they last; nan where the rate is unknown (nan)."""
    step_s = 1 / rate if rate > 0 else math.nan
    return np.arange(count, dtype=np.float64) * step_s, count * step_s


def timeline(
    stamps: NDArray[np.int64], last_duration: int, tick_s: float, gap_s: float, rate: float
) -> tuple[NDArray[np.float64], float]:
    """Seconds from the first frame to each frame, ascending, and to the end of the last.

    stamps: (frames,) int64, the clock at each frame in the order of showing, or UNKNOWN.
    last_duration: of the last frame, 0 if unknown; both in units of tick_s seconds.
    gap_s: a longer step is a jump of the clock, and so is one back; a jump counts as one frame's time.
    rate: frames a second as declared, nan if unknown; used where the clock says nothing.
    """
    known = np.flatnonzero(stamps != UNKNOWN)
    if not len(known) or tick_s <= 0:
        return even_timeline(len(stamps), rate)
    apart, moved = np.diff(known), np.diff(stamps[known])
    plausible = (moved > 0) & (moved * tick_s <= gap_s)
    if plausible.any():
        step = float(np.median(moved[plausible] / apart[plausible]))
    else:
        step = round(1 / rate / tick_s) if rate > 0 else 0
    jump = (moved * tick_s > gap_s) | (moved < -_RESTART_STEPS * max(step, 1))
    moved = np.where(jump, step * apart, moved)
    # A few frames have no time of their own in program streams: they lie evenly between those that have.
    ticks_known = np.maximum.accumulate(np.concatenate([[0.0], np.cumsum(moved)]))
    numbers = np.arange(len(stamps))
    ticks = np.interp(numbers, known, ticks_known)
    ticks += step * (np.minimum(numbers - known[0], 0) + np.maximum(numbers - known[-1], 0))
    ticks -= ticks[0]
    last = last_duration if 0 < last_duration * tick_s <= gap_s else step
    return ticks * tick_s, float((ticks[-1] + last) * tick_s)
