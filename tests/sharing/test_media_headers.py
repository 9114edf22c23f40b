"""Pictures and recordings are found wherever they lie, and noise is none."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.sharing.media_headers import find_media
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
