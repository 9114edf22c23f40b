"""Results in the type that is stored, rounded and checked where they were computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from emollama_hf.computing.device_copies import on_host

if TYPE_CHECKING:
    import torch


class StoredValues(NamedTuple):
    """One result on the host.

    Attributes:
        values: in the type that is stored.
        largest: the largest magnitude before rounding, float32; NaN or infinite if any value was.
    """

    values: np.ndarray
    largest: np.float32

    @property
    def was_finite(self) -> bool:
        """Whether every value was finite before it was rounded."""
        return bool(np.isfinite(self.largest))

    @property
    def is_finite(self) -> bool:
        """Whether every stored value is finite: rounding keeps order, so the largest magnitude tells."""
        with np.errstate(over="ignore"):
            return bool(np.isfinite(self.largest.astype(self.values.dtype)))


def stored_values(
    batches: Iterable[torch.Tensor], dtype: Literal["float16", "float32"] = "float32"
) -> list[StoredValues]:
    """Results as they are stored: 2 bytes a value come from a GPU for float16, and no host looks at each value.

    Args:
        batches: (B, ...) float32 of at least one value a result, of any shapes; one is rounded before the next is
            computed.
        dtype: that is stored.

    Returns:
        One for each result of each batch, in order; rounded to the nearest, to even between two, as numpy rounds.
    """
    import torch

    stored: torch.dtype = getattr(torch, dtype)
    values: list[torch.Tensor] = []
    largest: list[torch.Tensor] = []
    for batch in batches:
        values.append(batch.to(stored))
        largest.append(_largest(batch))
    if not values:
        return []
    *arrays, magnitudes = on_host([*values, torch.cat(largest)])
    each = [value for array in arrays for value in array]
    return [StoredValues(value, magnitude) for value, magnitude in zip(each, magnitudes, strict=True)]


def as_batches(results: torch.Tensor | Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Results as `stored_values` takes them: a batch (B, ...), or a tensor for each result, of any shapes."""
    import torch

    return [results] if isinstance(results, torch.Tensor) else [one.unsqueeze(0) for one in results]


def stacked(parts: Sequence[StoredValues]) -> StoredValues:
    """Results of one shape as one result, along a new first axis."""
    return StoredValues(np.stack([part.values for part in parts]), np.max([part.largest for part in parts]))


def _largest(batch: torch.Tensor) -> torch.Tensor:
    """The largest magnitude of each result, (B,). Extremes pass NaN on, and no copy of the values is made."""
    import torch

    values = batch.flatten(1)
    # Not `aminmax`, which a CPU computes ten times as slowly along an axis.
    return torch.maximum(values.amax(dim=1), -values.amin(dim=1))
