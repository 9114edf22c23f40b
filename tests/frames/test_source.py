import functools
import http.server
import tempfile
import threading
from pathlib import Path

import fsspec
import pytest

from emollama_hf.errors import ClipError
from emollama_hf.frames import DecodeLimits, open_video
from tests import videos


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory):
    return videos.write_video(tmp_path_factory.mktemp("source") / "clip.mp4", videos.pan(12))


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def memory_url(clip_file):
    url = "memory://clips/clip.mp4"
    with fsspec.open(url, "wb") as file:
        file.write(clip_file.read_bytes())
    return url


class _NoRanges(http.server.SimpleHTTPRequestHandler):
    """The standard library's file server: it knows no Range requests."""

    def log_message(self, *_):
        pass


@pytest.fixture
def server(clip_file):
    handler = functools.partial(_NoRanges, directory=str(clip_file.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_url_in_memory_is_read_and_its_copy_removed(memory_url, own_temporary_folder):
    with open_video(memory_url) as clip:
        assert clip.info.frame_count == 12
        assert len(list(own_temporary_folder.iterdir())) == 1
        assert len(list(clip.frames(range(12)))) == 12
    assert list(own_temporary_folder.iterdir()) == []


def test_a_file_url(clip_file):
    with open_video(f"file://{clip_file}") as clip:
        assert clip.info.frame_count == 12


def test_a_server_without_ranges(server):
    with open_video(f"{server}/clip.mp4") as clip:
        assert clip.info.frame_count == 12


@pytest.mark.parametrize("url", ["memory://clips/none.mp4", "nosuch://clips/a.mp4"])
def test_a_url_that_leads_nowhere(url, own_temporary_folder):
    with pytest.raises(ClipError, match="cannot be fetched") as error, open_video(url):
        pass
    assert error.value.kind == "missing_file"
    assert list(own_temporary_folder.iterdir()) == []


def test_a_page_that_a_server_does_not_have(server):
    with pytest.raises(ClipError) as error, open_video(f"{server}/none.mp4"):
        pass
    assert error.value.kind == "missing_file"


def test_a_url_is_not_fetched_beyond_the_limit(memory_url, own_temporary_folder):
    with pytest.raises(ClipError, match="max_bytes") as error, open_video(memory_url, DecodeLimits(max_bytes=500)):
        pass
    assert error.value.kind == "limit_exceeded"
    assert list(own_temporary_folder.iterdir()) == []


def test_a_path_and_its_string_are_the_same(clip_file):
    for source in (clip_file, str(clip_file), Path(clip_file)):
        with open_video(source) as clip:
            assert clip.info.frame_count == 12
