"""Pictures and recordings are found wherever they lie, and noise is none."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.privacy.media_headers import find_media
from tests.sharing.media import VIDEOS, pictures, recordings

PICTURES = dict(pictures())


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return dict(recordings(tmp_path_factory.mktemp("films")))


def around(media: bytes) -> list[bytes]:
    """Ways in which a value may hold media."""
    noise = np.random.default_rng(5).bytes(1001)
    text = base64.b64encode(media)
    return [
        media,
        noise + media,
        noise + media + noise,
        b"data:video/mp4;base64," + text,
        b'{"clip": "' + text[:4000] + b'"}',
        base64.urlsafe_b64encode(media),
        b"\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
    ]


@pytest.mark.parametrize("kind", list(PICTURES))
def test_pictures_are_found(kind: str) -> None:
    for value in around(PICTURES[kind]):
        assert find_media(value), value[:40]


@pytest.mark.parametrize("kind", list(VIDEOS))
def test_recordings_are_found(kind: str, films: dict[str, bytes]) -> None:
    for value in around(films[kind])[: 3 if kind == "ts" else None]:  # a transport stream has no header to encode
        assert find_media(value), value[:40]


def test_the_kind_is_named(films: dict[str, bytes]) -> None:
    named = {kind: find_media(data) for kind, data in {**PICTURES, **films}.items()}
    assert named["PNG"] == "PNG picture"
    assert named["JPEG without a name"] == "JPEG picture"
    assert named["numpy"] == "numpy array of pictures"
    assert {named[kind] for kind in ("mp4", "mov")} == {"MP4 video"}
    assert (named["mkv"], named["webm"], named["avi"]) == ("Matroska video", "WebM video", "AVI video")
    assert (named["ts"], named["mpg"], named["wmv"]) == ("MPEG transport stream", "MPEG video", "Windows Media video")


def test_pieces_of_headers_are_nothing() -> None:
    pieces = [
        b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00\x10", b"BM", b"GIF89a", b"RIFF", b"ftyp", b"\x89PNG",
        b"\x89PNG\r\n\x1a\n", b"II*\0", b"G" * 5000, b"moov", b"\0\0\1\xba", b"\x1a\x45\xdf\xa3",
    ]  # fmt: skip
    for piece in pieces:
        assert find_media(piece + bytes(4000)) is None, piece
        assert find_media(bytes(100) + piece * 3 + b"abc") is None, piece


@pytest.mark.parametrize(
    ("behind", "found"),
    [(b"\0\0\1\xbb", True), (b"\0\0\1\xb9", True), (b"\0\0\1\xb8", False), (b"\0\1\1\xbb", False), (b"", False)],
)
def test_a_pack_header_counts_only_with_a_packet_behind_it(behind: bytes, found: bool) -> None:
    mpeg2 = b"\0\0\1\xba" + bytes([0x44, 0, 4, 0, 4, 1, 0, 0, 3, 0])
    mpeg1 = b"\0\0\1\xba" + bytes([0x21, 0, 1, 0, 1, 0x80, 0, 1])
    for header in (mpeg2, mpeg1):
        assert (find_media(header + behind + bytes(100)) == "MPEG video") == found


def jpeg(marker: int, components: int = 3, precision: int = 8) -> bytes:
    """A picture without a name: a table, and a frame of this kind."""
    table = b"\xff\xdb" + (67).to_bytes(2) + bytes(65)
    frame = bytes([precision, 0, 96, 0, 128, components]) + bytes(3 * components)
    return b"\xff\xd8" + table + b"\xff" + bytes([marker]) + (len(frame) + 2).to_bytes(2) + frame


def test_every_kind_of_jpeg_frame_is_known() -> None:
    frames = [*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)]
    assert [marker for marker in range(0xC0, 0xD0) if find_media(jpeg(marker)) == "JPEG picture"] == frames
    assert [n for n in range(6) if find_media(jpeg(0xC0, components=n))] == [1, 3, 4]
    assert [n for n in range(20) if find_media(jpeg(0xC0, precision=n))] == [8, 12, 16]
    for marker, name in ((0xE0, b"JFIF\0"), (0xE1, b"Exif\0"), (0xEE, b"Adobe"), (0xE2, b"ICC_PROFILE")):
        head = b"\xff\xd8\xff" + bytes([marker]) + (40).to_bytes(2) + name
        assert find_media(head + bytes(60)) == "JPEG picture"


@pytest.mark.parametrize(
    ("shape", "found"), [((16, 16, 3), True), ((2, 16, 400, 1), True), ((15, 16, 3), False), ((16, 16), False)]
)
def test_arrays_of_numpy_are_pictures_from_sixteen_pixels_on(shape: tuple[int, ...], found: bool) -> None:
    file = io.BytesIO()
    np.save(file, np.zeros(shape, np.uint8))
    assert (find_media(file.getvalue()) is not None) == found


def test_noise_and_features_are_nothing() -> None:
    rng = np.random.default_rng(11)
    for _ in range(4):
        assert find_media(rng.bytes(16_000_000)) is None
        assert find_media(rng.standard_normal(4_000_000).astype(np.float32).tobytes()) is None
        assert find_media(rng.standard_normal(4_000_000).astype(np.float16).tobytes()) is None
    assert find_media(bytes(16_000_000)) is None
    assert find_media(b"BM" * 1_000_000) is None
    assert find_media(b"abcd" * 1_000_000) is None


@given(st.binary(max_size=400))
def test_short_noise_is_nothing(noise: bytes) -> None:
    assert find_media(noise) is None
