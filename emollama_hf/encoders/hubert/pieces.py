"""A long sound in pieces that overlap, each short enough for attention over all of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Piece:
    """A stretch of a waveform that goes through the network at once.

    Args:
        begin, end: samples of the waveform.
        first, last: frames of the piece that are kept, from `first` up to and without `last`, counted from the piece's
            own first frame; the others lie so near a cut that they lack what surrounds them.
    """

    begin: int
    end: int
    first: int
    last: int


def pieces(samples: int, *, hop: int, receptive_field: int, most_frames: int) -> list[Piece]:
    """What a waveform is cut into: as a whole if it has `most_frames` frames or fewer, else pieces of that many.

    A piece begins two thirds after the one before it, the last one so that it ends with the sound. All pieces have the
    same length, and each kept frame has at least a sixth of a piece around it unless the sound itself ends there.

    Args:
        samples: length of the waveform.
        hop, receptive_field: samples between frames, and of a frame.
        most_frames: of a piece.

    Returns:
        Pieces whose kept frames, in order, are all frames of the waveform, each once.

    Raises:
        ValueError: the waveform is shorter than a frame.

    Example:
        >>> len(pieces(16_000 * 60, hop=320, receptive_field=400, most_frames=1500))
        3
    """
    if samples < receptive_field:
        raise ValueError(f"a sound of {samples} samples is shorter than a frame of {receptive_field}")
    frames = (samples - receptive_field) // hop + 1
    if frames <= most_frames:
        return [Piece(0, samples, 0, frames)]
    step = max(1, most_frames * 2 // 3)
    starts = [*range(0, frames - most_frames, step), frames - most_frames]
    # Between two pieces the boundary is in the middle of what both have.
    inner = [(before + most_frames + after) // 2 for before, after in pairwise(starts)]
    bounds = [0, *inner, frames]
    length = (most_frames - 1) * hop + receptive_field
    return [
        Piece(start * hop, start * hop + length, bounds[i] - start, bounds[i + 1] - start)
        for i, start in enumerate(starts)
    ]
