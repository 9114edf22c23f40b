"""How far features that are computed again may be from those that were shared, by the type that they were computed in.

Another batch size, card or processor adds the same products in another order, which rounds differently. Measured on an
H100 with random weights, relative to the spread of a row's values: hidden states of 16 clips together are 2.6e-3 (root
mean square; the largest of 1.3 million values 2.5e-2) from those of each clip alone in float16; in a type whose decoder
is float16, four times that is allowed. bfloat16 rounds eight times as far. Face features hardly move with the batch
(3e-7); they are allowed four times their distance from float32. The root mean square tells rounding from anything else:
a decoder in 8 bits is 4.2e-2 away, another of the recorded clips 0.06 or more by its face features, 0.5 by its states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emollama_hf import schema
from emollama_hf.stages.known_columns import is_computed, known_columns
from emollama_hf.stages.known_stages import find_maker

#: The tolerance of a column in float32 (`Column.tolerance`) that the limits below are made for.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Limit:
    """What two rows may differ by, relative to the row's spread.

    Attributes:
        rms: root mean square of the differences.
        largest: of a single difference.
    """

    rms: float
    largest: float

    def of_tolerance(self, tolerance: float) -> Limit:
        """The limits of a column whose values in float32 are allowed another tolerance.

        Args:
            tolerance: of the column; these limits are for `TOLERANCE`.
        """
        factor = tolerance / TOLERANCE
        return self if factor == 1 else Limit(self.rms * factor, self.largest * factor)

    def share(self, stated: np.ndarray, made: np.ndarray, step: float) -> float:
        """How much of what is allowed two rows differ by.

        Args:
            stated, made: values of one row, of one shape, float64.
            step: of the stored type at 1, which is allowed as well: half of it is lost on each side.

        Returns:
            The larger of both deviations over what is allowed: up to 1 is within.
        """
        same = np.isnan(stated) & np.isnan(made)
        with np.errstate(invalid="ignore", divide="ignore"):  # infinite values, and rows of nothing but zeros
            difference = np.where(same | (made == stated), 0, np.abs(made - stated))
            sizes = np.abs(stated)
            # One number has no spread: as `Column` says, the number counts, or 1 if that is larger.
            spread = stated.std() if stated.size > 1 else max(1.0, float(sizes.max(initial=0)))
            shares = difference / (self.largest * spread + step * sizes)
            rms = _rms(difference) / (self.rms * spread + step * _rms(sizes))
        largest = np.where(difference == 0, 0, np.nan_to_num(shares, nan=np.inf, posinf=np.inf)).max(initial=0)
        return float(max(largest, 0 if np.isnan(rms) else rms))


#: Of hidden states.
LIMITS = {
    "float32": Limit(rms=1e-4, largest=3e-4),
    "float16-mixed": Limit(rms=1e-2, largest=1e-1),
    "float16": Limit(rms=1e-2, largest=1e-1),
    "bfloat16": Limit(rms=8e-2, largest=8e-1),
}
#: Of face features, which are float32 in float16-mixed.
FEATURE_LIMITS = {
    "float32": LIMITS["float32"],
    "float16": Limit(rms=3e-3, largest=1e-2),
    "bfloat16": Limit(rms=2e-2, largest=7e-2),
}
#: Hidden states in 8 bits: activations are rounded to 8 bits as well, and which are too large for that depends on the
#: clips that were computed together (largest 0.05 between 1 and 4 clips together, with random weights).
LIMIT_8BIT = Limit(rms=3e-2, largest=2e-1)


def limit_of(column: str, stages: list[Mapping[str, Any]]) -> Limit | None:
    """The limits of a column in a shared set.

    Args:
        column: its name.
        stages: the stages that computed the set, as its provenance lists them.

    Returns:
        The limits, or None for a column that no network computes: `tolerance_of` holds, value by value.
    """
    maker, tolerance = find_maker(column), known_columns()[column].tolerance if is_computed(column) else None
    if maker is None or tolerance is None or not maker.rounds:
        return None
    own = [stage["config"] for stage in stages if stage["stage"] == maker.name]
    if maker.rounds == "once":
        dtype = next((config["dtype"] for config in own if "dtype" in config), "float32")
        return FEATURE_LIMITS[dtype].of_tolerance(tolerance)
    # They follow from other features: all types that came before them count.
    limits = [LIMITS[stage["config"].get("dtype", "float32")] for stage in stages]
    if any(config.get("quantize") == "8bit" for config in own):
        limits.append(LIMIT_8BIT)
    return max(limits, key=lambda limit: limit.rms, default=LIMITS["float32"]).of_tolerance(tolerance)


def tolerance_of(column: str, feature: Any) -> float | None:
    """How far each value of a column without `Limit` may be off, as a share of the value, or of 1 where it is smaller.

    Args:
        column: the name of a computed column.
        feature: its type of `datasets` in the set.

    Returns:
        The tolerance that its stage declares, or None where values must be equal: texts, whole numbers, booleans.
    """
    if schema.shape_of(feature) is None or np.dtype(schema.dtype_of(feature)).kind in "iub":
        return None
    return known_columns()[column].tolerance


def allowed_text(columns: Iterable[str], limits: Mapping[str, Limit]) -> str:
    """The sentence that says what a verification allows.

    Args:
        columns: names of the compared columns.
        limits: of those of them that have limits (`limit_of`).

    Returns:
        One sentence that names each column once.

    Example:
        >>> allowed_text(["clip_fps", "peak_index"], {})
        'Allowed are 0.001 for clip_fps; no differences for peak_index.'
    """
    by_limit: dict[Limit, list[str]] = {}
    by_tolerance: dict[float | None, list[str]] = {}
    for column in columns:
        if column in limits:
            by_limit.setdefault(limits[column], []).append(column)
        else:
            tolerance = tolerance_of(column, known_columns()[column].feature)
            by_tolerance.setdefault(tolerance, []).append(column)
    equal = by_tolerance.pop(None, [])
    parts = [f"{limit.rms:g} and {limit.largest:g} for {', '.join(names)}" for limit, names in by_limit.items()]
    if parts:
        relative = "; ".join(parts)
        parts = [
            f"as shares of the row's spread by root mean square and of a single value, {relative} (and a step of the "
            "stored type)"
        ]
    parts += [f"{tolerance:g} for {', '.join(names)}" for tolerance, names in by_tolerance.items()]
    parts += [f"no differences for {', '.join(equal)}"] if equal else []
    comma = "," if by_limit else ""
    return f"Allowed are{comma} {'; '.join(parts)}."


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values).mean()))
