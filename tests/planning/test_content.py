"""The same content has the same digest anywhere, and another content another one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.planning.content import content_digest, names_a_local_file


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A folder over HTTP; gives its address."""
    (tmp_path / "served").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


@given(st.binary(max_size=300), st.binary(max_size=300))
@settings(deadline=None, max_examples=50)
def test_bytes_are_equal_when_their_digests_are(a: bytes, b: bytes) -> None:
    assert (content_digest("video", a) == content_digest("video", {"bytes": b, "path": "x"})) == (a == b)


def test_a_file_is_its_bytes_wherever_it_lies(tmp_path: Path, server: str) -> None:
    content = b"a clip"
    for name in ("a.mp4", "other name.mov", "served/a.mp4"):
        (tmp_path / name).write_bytes(content)
    with fsspec.open("memory://digest/a.mp4", "wb") as file:
        file.write(content)
    places = [
        content,
        str(tmp_path / "a.mp4"),
        tmp_path / "other name.mov",
        {"path": str(tmp_path / "a.mp4"), "bytes": None},
        f"file://{tmp_path}/a.mp4",
        "memory://digest/a.mp4",
        f"{server}/a.mp4",
    ]
    assert len({content_digest("video", place) for place in places}) == 1


def test_a_url_whose_content_changes_has_another_digest(tmp_path: Path, server: str) -> None:
    digests = set()
    for content in (b"one", b"two", b"three"):
        (tmp_path / "served" / "a.mp4").write_bytes(content)
        with fsspec.open("memory://digest/changing.mp4", "wb") as file:
            file.write(content)
        here, there = (content_digest("video", url) for url in (f"{server}/a.mp4", "memory://digest/changing.mp4"))
        assert here == there
        digests.add(here)
    assert len(digests) == 3


def test_a_folder_of_pictures_is_its_names_and_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for name in ("1.png", "2.png"):
            PIL.Image.new("RGB", (4, 4), (10, 20, int(name[0]))).save(tmp_path / folder / name)
    first = content_digest("frames", str(tmp_path / "a"))
    assert content_digest("frames", str(tmp_path / "b")) == first
    (tmp_path / "b" / "2.png").rename(tmp_path / "b" / "0.png")
    assert content_digest("frames", str(tmp_path / "b")) != first


def test_numbers_count_with_type_and_shape() -> None:
    stack = np.zeros((2, 3, 3, 3), np.uint8)
    values = [stack, stack + 1, stack.reshape(3, 2, 3, 3), stack.astype(np.float32), None, 2, 2.0, [stack, stack]]
    assert len({content_digest("frames", value) for value in values}) == len(values)
    assert content_digest("apex", "2") != content_digest("apex", 2)


def test_what_cannot_be_read_raises(tmp_path: Path, server: str) -> None:
    for place in (str(tmp_path / "nothing.mp4"), f"{server}/nothing.mp4", "memory://digest/nothing.mp4"):
        with pytest.raises(OSError, match="nothing"):
            content_digest("video", place)


def test_only_paths_may_change_under_a_run(tmp_path: Path) -> None:
    assert names_a_local_file("video", "a.mp4")
    assert names_a_local_file("frames", {"path": "a.png", "bytes": None})
    assert not names_a_local_file("video", b"content")
    assert not names_a_local_file("video", {"path": "a.mp4", "bytes": b"content"})
    assert not names_a_local_file("video", "http://127.0.0.1/a.mp4")
    assert not names_a_local_file("label", "a.mp4")
