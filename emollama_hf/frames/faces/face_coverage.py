"""In how many of a clip's sampled frames its face was found: the rule that makes too few a failure, and what is said.

A coverage is a float32, so it is compared as one: 0.7 is reached by 7 of 10 frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from emollama_hf.errors import ClipError

#: Below this share most people would look at a clip before they use it; `coverage_note` and the card's filter name it.
LOW_COVERAGE = 0.7


def check_min_face_coverage(value: Any, faces: str) -> None:
    """Raise ValueError unless the option `min_face_coverage` is a share that can be asked for."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) <= 1:
        raise ValueError(
            f"min_face_coverage={value!r}: expected the least share of sampled frames with a detected face, a number "
            "from 0 (every clip is accepted) to 1 (a face in each of them), such as 0.7."
        )
    if value and faces == "none":
        raise ValueError(
            f'min_face_coverage={value!r} would have no effect: with faces="none" nobody looks for faces. Leave one of '
            "the two out."
        )


def too_few_faces(coverage: float, least: float) -> ClipError | None:
    """ClipError("no_face") for a coverage below `least`; None for one that reaches it, or where nobody looked (NaN)."""
    if not np.float32(coverage) < np.float32(least):
        return None
    found = f"a face in {coverage:.0%} of the sampled frames" if coverage > 0 else "no face in any sampled frame"
    return ClipError(
        "no_face",
        f"{found}, expected at least {least:.0%} (min_face_coverage={least:g}). Remove the row, or lower "
        "min_face_coverage.",
    )


def coverage_note(coverages: Iterable[float | None]) -> str | None:
    """ "2 clips without a face, 7 below 70 %"; None if there are none. NaN and null are not counted.

    coverages: `face_coverage` of the clips. A clip is counted once.
    """
    known = [one for one in coverages if one is not None and not math.isnan(one)]
    without = sum(one == 0 for one in known)
    low = sum(one > 0 and np.float32(one) < np.float32(LOW_COVERAGE) for one in known)
    counts = [(without, "without a face"), (low, f"below {LOW_COVERAGE * 100:.0f} %")]
    parts = [f"{count} {words}" for count, words in counts if count]
    if not parts:
        return None
    first, _, rest = parts[0].partition(" ")
    text = ", ".join([f"{first} {'clip' if first == '1' else 'clips'} {rest}", *parts[1:]])
    return text if without else f"{text} face coverage"
