"""A clip of exactly the limit is read, and one beyond it is refused."""

import pytest

from emollama_hf.errors import ClipError
from emollama_hf.frames import DecodeLimits
from emollama_hf.frames.limits import check_bytes, check_count, check_duration, check_pixels

LIMITS = DecodeLimits(max_pixels=12, max_frames=5, max_seconds=2.5, max_bytes=100)


@pytest.mark.parametrize(
    ("check", "allowed", "refused"),
    [
        (check_pixels, (3, 4), (13, 1)),
        (check_count, (5,), (6,)),
        (check_duration, (2.5,), (2.51,)),
        (check_bytes, (100,), (101,)),
    ],
)
def test_the_limit_itself_is_allowed(check, allowed, refused):
    check(*allowed, LIMITS)
    with pytest.raises(ClipError, match="at most") as error:
        check(*refused, LIMITS)
    assert error.value.kind == "limit_exceeded"


def test_one_byte_is_a_file_and_none_is_empty():
    check_bytes(1, LIMITS)
    with pytest.raises(ClipError) as error:
        check_bytes(0, LIMITS)
    assert error.value.kind == "empty_file"
