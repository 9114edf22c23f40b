"""Values that a stack of transformer blocks keeps while it computes."""

from __future__ import annotations

#: In units of the inner width: that layer before and after its activation function.
INNER = 2


def block_values(tokens: int, width: int, inner_width: int, widths: int) -> int:
    """Values that exist at once.

    Args:
        tokens: of a clip.
        width, inner_width: of a token between blocks, and between the two layers of a block.
        widths: values a token beside the inner ones, in units of the width: residual stream, its norm and what torch
            adds, as measured.
    """
    return tokens * (widths * width + INNER * inner_width)
