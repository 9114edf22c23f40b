"""Which layers' hidden states are kept. No torch."""

from __future__ import annotations

from collections.abc import Sequence

LAST = -1


def checked_layers(layers: Sequence[int], blocks: int | None = None) -> tuple[int, ...]:
    """Numbers of layers that a decoder has.

    Args:
        layers: 0 is the decoder's input, k the residual stream after block k, -1 the last hidden state, which is the
            stream after the last block behind the final norm.
        blocks: how many blocks the decoder has; None where that is not known yet.

    Raises:
        ValueError: none, one twice, or one that the decoder does not have.

    Example:
        >>> checked_layers([8, 16, -1], 32)
        (8, 16, -1)
    """
    # numpy's whole numbers and ranges are welcome; the configuration becomes JSON.
    found = tuple(int(one) if hasattr(one, "__index__") and not isinstance(one, bool) else one for one in layers)
    most = blocks if blocks is not None else max([0, *(one for one in found if isinstance(one, int))])
    good = all(isinstance(one, int) and not isinstance(one, bool) and LAST <= one <= most for one in found)
    if not found or not good or len(set(found)) != len(found):
        raise ValueError(
            f"layers={layers!r}: expected different numbers from 0 (the decoder's input) to "
            f"{'that of its last block' if blocks is None else blocks}, or -1 (after the final norm)."
        )
    return found
