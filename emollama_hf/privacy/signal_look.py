"""Whether numbers look like a signal, that is a picture, a film or a sound: by their values, whatever their type is.

Measured, as the largest correlation of neighbours (`LAGS`) in any window:

    a face in grey, RGB or RGBA, interleaved or planar, 224 to 16 pixels,
    as uint8, [0, 1], [-1, 1] or with ImageNet's mean and deviation        0.64 to 0.99
    films, patches of 16 x 16, speech-like sound, tones                    0.95 to 1.00
    normal vectors, ReLU, softmax, sparse vectors, counts of words,
    float16 and bfloat16 vectors (1,024 windows each)                      at most 0.25
    hidden states and vectors of the golden outputs                        at most 0.29

A sound of white noise has no such neighbours: it is found as a lattice, if its samples are 16 bit. Pictures whose
pixels were shuffled and scaled on purpose are found neither way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Fewer numbers than these show nobody: a picture of 16 x 16.
FEWEST_NUMBERS = 256
#: Long rows are looked at in windows, so that a picture beside an embedding is found, too; at most so many of a row.
WINDOW = 1024
MOST_WINDOWS = 64
#: The next pixel or sample, and the next of the same colour in RGB and RGBA, or of the same of 16 channels.
LAGS = tuple(range(1, 17))
SMOOTH = 0.5
#: Levels of a lattice: of pixels, with room for 10 bits, and of samples of a sound.
PIXEL_LEVELS = 1024
SOUND_LEVELS = 65536
#: Counts of words and answers are whole numbers, too, but half of them lie within fewer steps than this.
SPREAD_STEPS = 8
#: How far from a step a number may be, in steps.
TOLERANCE = 0.02
_BLOCK = 1 << 20


def looks_like_signal(rows: NDArray[np.float64]) -> bool:
    """Whether one of some rows of numbers looks like a picture, a film or a sound.

    Rows are looked at in windows. A window looks like a signal if neighbours in it correlate (its outermost hundredths
    clipped, so that a few large channels of an embedding decide nothing), or if its numbers are steps of a lattice.

    Args:
        rows: (rows, numbers) float64, finite, in the order in which the numbers are stored.

    Returns:
        Whether a row does; False for rows of fewer than `FEWEST_NUMBERS`, and for constant ones.

    Example:
        >>> looks_like_signal(np.linspace(0, 1, 1024)[None])
        True
        >>> looks_like_signal(np.random.default_rng(0).normal(size=(8, 1024)))
        False
    """
    count, width = rows.shape
    if width < FEWEST_NUMBERS:
        return False
    together = max(1, _BLOCK // min(width, WINDOW * MOST_WINDOWS))
    with np.errstate(over="ignore", invalid="ignore"):  # numbers near the largest of float64 are no signal
        return any(_is_signal(_windows(rows[first : first + together])) for first in range(0, count, together))


def _windows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of less than two windows as they are; of longer ones windows at equal distances, ends included."""
    width = rows.shape[1]
    if width < 2 * WINDOW:
        return rows
    starts = np.linspace(0, width - WINDOW, min(-(-width // WINDOW), MOST_WINDOWS)).astype(int)
    return np.concatenate([rows[:, start : start + WINDOW] for start in starts])


def _is_signal(windows: NDArray[np.float64]) -> bool:
    ordered = np.sort(windows, axis=1)
    return _is_smooth(windows, ordered) or _is_lattice(ordered)


def _is_smooth(windows: NDArray[np.float64], ordered: NDArray[np.float64]) -> bool:
    outermost = windows.shape[1] // 100
    low, high = ordered[:, [outermost]], ordered[:, [-1 - outermost]]
    # Of a vector with few values beside zero, two that happen to be neighbours would be half of all that varies.
    tenth = windows.shape[1] // 10
    varied = ordered[:, -1 - tenth] > ordered[:, tenth]
    scaled = (np.clip(windows[varied], low[varied], high[varied]) - low[varied]) / (high - low)[varied]
    scaled -= scaled.mean(axis=1, keepdims=True)
    power = (scaled * scaled).mean(axis=1)
    return any(bool((np.abs((scaled[:, :-lag] * scaled[:, lag:]).mean(axis=1)) > SMOOTH * power).any()) for lag in LAGS)


def _is_lattice(ordered: NDArray[np.float64]) -> bool:
    """Whether all numbers of a window are low + k * step with whole k: levels of grey, or samples of 16 bits."""
    gaps = np.diff(ordered, axis=1)
    step = np.where(gaps > 0, gaps, np.inf).min(axis=1, keepdims=True)
    width = ordered.shape[1]
    levels = np.minimum((ordered - ordered[:, :1]) / step, 2.0 * SOUND_LEVELS)
    spread = levels[:, width * 3 // 4] - levels[:, width // 4] >= SPREAD_STEPS
    pixels = levels[:, -1] < PIXEL_LEVELS
    sounds = (levels[:, -1] < SOUND_LEVELS) & (width >= WINDOW)
    possible = spread & (pixels | sounds)
    if not possible.any():
        return False
    some = levels[possible]
    whole = (np.abs(some - np.round(some)) <= TOLERANCE).all(axis=1)
    return bool((whole & (pixels[possible] | ~_have_few_bits(ordered[possible]))).any())


def _have_few_bits(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows are float16 or bfloat16 numbers: large ones are all whole multiples of a step that is small enough."""
    return np.asarray((numbers.astype(np.float16) == numbers).all(axis=1))
