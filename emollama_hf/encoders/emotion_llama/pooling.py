"""Which part of the decoder's hidden states is kept: everything, a few positions, or one vector."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

Spans = Mapping[str, tuple[int, int]]

#: Parts of the prompt (names of `emollama_hf.encoders.emotion_llama.prompt.SPAN_NAMES`) whose mean each name keeps.
_MEANS_OVER: dict[str, tuple[str, ...]] = {
    "image_mean": ("image_slot",),
    "features_mean": ("feature_slot",),
    "text_mean": ("segment_0", "segment_1", "segment_2"),
}
POOLINGS = ("all", "mean", "last", *_MEANS_OVER)


def canonical_pooling(pooling: str | slice) -> str:
    """The one JSON-able spelling of a pooling: a name, or "start:stop".

    Raises ValueError, with the valid ones, for an unknown name and for slices that are empty, negative, open
    or stepped: their shape would depend on the sequence's length.

        >>> canonical_pooling(slice(6, 10))
        '6:10'
    """
    if isinstance(pooling, slice):
        if pooling.step in (None, 1) and _is_range(pooling.start, pooling.stop):
            return f"{int(pooling.start)}:{int(pooling.stop)}"
    elif isinstance(pooling, str):
        if pooling in POOLINGS:
            return pooling
        numbers = re.fullmatch(r"\s*(\d+)\s*:\s*(\d+)\s*", pooling)
        if numbers and _is_range(int(numbers[1]), int(numbers[2])):
            return f"{int(numbers[1])}:{int(numbers[2])}"
    names = ", ".join(repr(name) for name in POOLINGS)
    raise ValueError(
        f"pooling={pooling!r}: expected one of {names}, or a range of positions such as '6:10' "
        "or slice(6, 10) (0 <= start < stop, no step)"
    )


def pooled_shape(pooling: str | slice, spans: Spans, hidden: int) -> tuple[int, ...]:
    """Shape of one row after pooling: (L, hidden), (stop - start, hidden) or (hidden,).

    Raises ValueError for an invalid pooling and for a range that reaches past the sequence.
    """
    pooling = canonical_pooling(pooling)
    length = _length(spans)
    if pooling == "all":
        return (length, hidden)
    if ":" in pooling:
        start, stop = _positions(pooling, length)
        return (stop - start, hidden)
    return (hidden,)


def pool(states: torch.Tensor, pooling: str | slice, spans: Spans) -> torch.Tensor:
    """Hidden states (B, L, hidden) of sequences that share `spans`, pooled to (B, *pooled_shape) float32.

    The states may be of any floating type; means are taken in float32. Computed on the states' device.
    Positions beyond the sequence (padding) are left out.
    """
    pooling = canonical_pooling(pooling)
    length = _length(spans)
    if states.shape[1] < length:
        raise ValueError(f"hidden states of {states.shape[1]} positions for a prompt of {length}")
    states = states[:, :length]
    if pooling == "all":
        return states.float()
    if ":" in pooling:
        start, stop = _positions(pooling, length)
        return states[:, start:stop].float()
    if pooling == "mean":
        return states.float().mean(dim=1)
    if pooling == "last":
        return states[:, -1].float()
    keep = np.concatenate([np.arange(*spans[name]) for name in _MEANS_OVER[pooling]])
    return states[:, keep].float().mean(dim=1)


def _is_range(start: object, stop: object) -> bool:
    return all(isinstance(n, int | np.integer) for n in (start, stop)) and 0 <= start < stop  # type: ignore[operator]


def _length(spans: Spans) -> int:
    return max(end for _, end in spans.values())


def _positions(pooling: str, length: int) -> tuple[int, int]:
    start, stop = (int(number) for number in pooling.split(":"))
    if stop > length:
        raise ValueError(
            f"pooling={pooling!r} reaches past the sequence, which has {length} positions with this prompt. "
            f"Choose a range within 0:{length}."
        )
    return start, stop
