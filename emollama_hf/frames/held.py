"""Decoded pictures held within a budget of bytes, the most promising ones first."""

from __future__ import annotations

from .clip import Picture

BUDGET_BYTES = 128 * 2**20  # holds the 32 crop frames of a 1080p clip


class HeldPictures:
    """Pictures by frame number; beyond the budget the least promising go, and are decoded again if needed."""

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self._budget_bytes = budget_bytes
        self._held: dict[int, tuple[float, Picture]] = {}
        self._nbytes = 0

    def keep(self, number: int, picture: Picture, promise: float) -> None:
        """Hold a picture while there is room. promise: how likely it is needed again; inf for certain."""
        self._held[number] = promise, picture
        self._nbytes += picture.nbytes
        while self._nbytes > self._budget_bytes and self._held:
            # Of equals the latest goes, so that what has to be decoded again lies together at the end.
            worst = min(self._held, key=lambda n: (self._held[n][0], -n))
            self._nbytes -= self._held.pop(worst)[1].nbytes

    def get(self, number: int) -> Picture | None:
        """A held picture, or None."""
        found = self._held.get(number)
        return None if found is None else found[1]
