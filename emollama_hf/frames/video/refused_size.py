"""Whether a decoder that fails refused the size of a frame, which FFmpeg says in its log only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from emollama_hf.frames.limits import check_pixels, decoder_pixels
from emollama_hf.frames.settings import DecodeLimits

_TOO_LARGE = re.compile(r"(?:Picture|Frame) size (\d+)x(\d+) exceeds")


def check_refused(context: Any, packet: Any, limits: DecodeLimits) -> None:
    """Raise ClipError("limit_exceeded") if a decoder failed because a frame is larger than the limits allow.

    Args:
        context: the decoder, which `configure_decoder` told the limits.
        packet: the packet on which it failed.
        limits: of the clip.
    """
    size = _size_refused_again(context, packet, decoder_pixels(limits))
    if size is not None:
        check_pixels(*size, limits)


def _size_refused_again(context: Any, packet: Any, limit: str) -> tuple[int, int] | None:
    """Width and height that a new decoder of the same kind refuses in a packet; None if it fails for another reason."""
    import av

    again = av.CodecContext.create(context.codec.name, "r")
    again.extradata = context.extradata
    again.thread_count = 1
    again.options = {"max_pixels": limit}
    with _errors_logged() as lines, suppress(av.FFmpegError, ValueError, MemoryError):
        again.decode(packet)
    found = [match for _, _, text in lines if (match := _TOO_LARGE.search(text))]
    return (int(found[0][1]), int(found[0][2])) if found else None


@contextmanager
def _errors_logged() -> Iterator[list[Any]]:
    """FFmpeg's error messages of this thread, every one of them."""
    from av import logging

    level, skipped = logging.get_level(), logging.get_skip_repeated()
    logging.set_level(logging.ERROR)
    logging.set_skip_repeated(False)
    try:
        with logging.Capture() as lines:
            yield lines
    finally:
        logging.set_skip_repeated(skipped)
        logging.set_level(level)
