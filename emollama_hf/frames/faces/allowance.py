"""How much may be tried before faces cost more than searching every frame would have."""

from __future__ import annotations

_AHEAD = 0.65  # of a picture, that may be spent before it has been saved: enough for the largest windows


class Allowance:
    """Counts what was saved so far, in pictures' worth of searching: one by each frame that need not be searched, less
    what was tried instead.

    A try that fails is followed by a search of the whole picture, which saves nothing. All that is searched is then at
    most one picture a frame, and two thirds of one.
    """

    def __init__(self) -> None:
        self._saved = 0.0

    def allows(self, share: float) -> bool:
        """Whether searching a share of a picture may turn out to be in vain."""
        return self._saved - share >= -_AHEAD

    def spend(self, share: float) -> None:
        """A share of a picture was searched to spare the whole."""
        self._saved -= share

    def save(self) -> None:
        """A frame need not be searched."""
        self._saved += 1.0
