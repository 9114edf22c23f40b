import functools
import http.server
import os
import tempfile
import threading
from pathlib import Path

import fsspec
import pytest

from emollama_hf.errors import ClipError
from emollama_hf.frames import DecodeLimits, open_video
from emollama_hf.frames.source import is_url, local_path, path_as_text
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


@pytest.mark.parametrize("name", ["10::30.mp4", "a::b", "100%.mp4", "a%20b.mp4", "a b#c?d.mp4"])
def test_a_file_that_exists_is_a_file(tmp_path, clip_file, name):
    path = tmp_path / name
    path.write_bytes(clip_file.read_bytes())
    for source in (str(path), path, path.as_uri(), f"file://localhost{path.as_uri().removeprefix('file://')}"):
        assert not is_url(source)
        with open_video(source) as clip:
            assert clip.info.frame_count == 12


def test_a_percent_of_a_file_url_is_a_byte_unless_only_the_other_file_exists(tmp_path):
    plain, encoded = tmp_path / "a b.mp4", tmp_path / "a%20b.mp4"
    encoded.write_bytes(b"x")
    assert local_path(f"file://{encoded}") == encoded
    plain.write_bytes(b"x")
    assert local_path(f"file://{encoded}") == plain
    assert local_path(encoded.as_uri()) == encoded
    assert local_path((tmp_path / "none é.mp4").as_uri()) == tmp_path / "none é.mp4"


@pytest.mark.parametrize(
    "url", ["s3://b/a.mp4", "zip://a.mp4::x.zip", "zip://a.mp4::file:///x.zip", "simplecache::https://h/a.mp4"]
)
def test_other_urls_are_those_of_fsspec(url):
    assert is_url(url)
    assert local_path(url) is None


def test_a_missing_file_with_colons_is_missing():
    with pytest.raises(ClipError, match="no such file") as error, open_video("/nowhere/10::31.mp4"):
        pass
    assert error.value.kind == "missing_file"


def test_a_name_that_is_not_utf_8_is_a_url_that_leads_back():
    path = Path(os.fsdecode(b"/clips/m\xfcller %.mp4"))
    text = path_as_text(path)
    assert text == "file:///clips/m%FCller%20%25.mp4"
    assert local_path(text) == path
    assert path_as_text(Path("/clips/müller %.mp4")) == "/clips/müller %.mp4"
