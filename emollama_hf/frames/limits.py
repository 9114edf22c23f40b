"""The checks behind `DecodeLimits`: a clip that would cost too much is refused with one clear sentence."""

from __future__ import annotations

from emollama_hf.errors import ClipError
from emollama_hf.frames.settings import DecodeLimits

#: Pixels beyond `max_pixels` that a decoder may allocate: it rounds width and height up to whole blocks of 16 to 64.
_PADDING = 64 * 65536


def decoder_pixels(limits: DecodeLimits) -> str:
    """FFmpeg's option `max_pixels`: what its decoders may allocate for a frame that is within the limits."""
    return str(int(limits.max_pixels) + _PADDING)


def check_pixels(width: int, height: int, limits: DecodeLimits) -> None:
    """ClipError("limit_exceeded") for a picture of more than limits.max_pixels."""
    if width * height > limits.max_pixels:
        raise _refused(f"frames of {width}x{height} pixels", f"max_pixels={limits.max_pixels:,}", "Scale the clip down")


def check_count(count: int, limits: DecodeLimits) -> None:
    """ClipError("limit_exceeded") for more than limits.max_frames frames."""
    if count > limits.max_frames:
        raise _refused(f"{count:,} frames or more", f"max_frames={limits.max_frames:,}", "Cut the clip")


def check_duration(duration_s: float, limits: DecodeLimits) -> None:
    """ClipError("limit_exceeded") for a clip of more than limits.max_seconds seconds."""
    if duration_s > limits.max_seconds:
        raise _refused(f"{duration_s:,.0f} s", f"max_seconds={limits.max_seconds:,.0f}", "Cut the clip")


def check_bytes(count: int, limits: DecodeLimits) -> None:
    """ClipError("empty_file") for no bytes at all, ClipError("limit_exceeded") for more than limits.max_bytes."""
    if count == 0:
        raise ClipError("empty_file", "0 bytes, so there is nothing to decode. Copy it again, or remove the row.")
    if count > limits.max_bytes:
        raise _refused(f"{count:,} bytes or more", f"max_bytes={limits.max_bytes:,}", "Make the file smaller")


def _refused(found: str, limit: str, remedy: str) -> ClipError:
    option = limit.split("=")[0]
    return ClipError(
        "limit_exceeded",
        f"{found}, and at most {limit} are allowed. {remedy}, or raise DecodeLimits({option}=...).",
    )
