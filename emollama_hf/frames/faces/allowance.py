"""How much may be tried before faces cost more than searching every frame would have."""

from __future__ import annotations

_AHEAD = 0.5  # of a picture, that may be spent before it has been saved


class Allowance:
    """Counts pictures' worth of searching: one for each frame, less what was spent.

    A try that fails is followed by a search of the whole picture, so it is made only where both are left. All that is
    spent is then at most one picture a frame, and half of one.
    """

    def __init__(self) -> None:
        self._left = 0.0

    def add_frame(self) -> None:
        """Another frame, which searching everything would search."""
        self._left += 1.0

    def spend(self, share: float = 1.0) -> None:
        """A share of a picture was searched."""
        self._left -= share

    def allows(self, share: float) -> bool:
        """Whether searching a share of a picture may turn out to be in vain."""
        return self._left - share - 1.0 >= -_AHEAD
