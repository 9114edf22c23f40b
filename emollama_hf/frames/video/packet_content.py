"""What can be read off a packet without decoding it."""

from __future__ import annotations

from typing import NamedTuple


class PacketContent(NamedTuple):
    """What a packet says about itself.

    shown: pictures that it shows.  start: decoding that starts here gives every later picture as a whole decode does.
    droppable: a packet on which no other picture depends may be left out of the decoding.
    known: false where its bytes do not prove the rest.
    order: a number that grows in the order of showing, None if its bytes do not say.
    is_leaf: no other picture depends on it.
    """

    shown: int
    start: bool
    droppable: bool
    known: bool
    order: int | None = None
    is_leaf: bool = False


UNPROVED = PacketContent(0, False, False, False)
DAMAGED = PacketContent(1, False, True, True)  # the picture that it was; the decoder will say what is left of it
