"""How far one computation of the same values is from another, and how far rounding may move them."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.dtypes import deviation

#: Root mean square of what another order of the same sums moves a column by, relative to its spread, in each type.
ROUNDING = {"float32": 1e-4, "float16-mixed": 0.01, "float16": 0.01, "bfloat16": 0.06}


def between(exact: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """Deviation of `other`, and whether it has the same bits."""
    return {
        **deviation(np.asarray(exact, np.float32), np.asarray(other, np.float32)),
        "same_bits": bool(np.array_equal(exact, other)),
    }
