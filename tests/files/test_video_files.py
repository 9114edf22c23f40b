"""The videos of a folder: what is taken, and what is said to be left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emollama_hf.errors import ClipError, SourceError
from emollama_hf.extraction.sources import open_source
from emollama_hf.files.video_files import find_videos
from emollama_hf.frames import open_video
from emollama_hf.frames.source import path_as_text
from emollama_hf.privacy.media import without_folder
from tests.videos import still, write_video


def files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def names_of(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_videos(folder).clips]


def test_what_is_left_out_is_said_once_by_kind_and_number(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files(tmp_path, "a.mp4", "b.TXT", "s/c.txt", "d.docx", "e", ".git/a.mp4", ".DS_Store", "labels.csv")
    files(tmp_path, "s/f.txt")
    (tmp_path / "metadata.csv").write_text("file_name,x\na.mp4,1\n")
    (tmp_path / "labels.csv").write_text("file_name,y\na.mp4,1\n")
    open_source(str(tmp_path), labels=tmp_path / "labels.csv")
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"{tmp_path}: left out: 3 .txt, 2 hidden, 1 .docx, 1 without an ending"]


def test_a_folder_without_videos_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"holds no videos .*\. It has 2 \.docx\."):
        open_source(str(files(tmp_path, "a.docx", "b.docx")))


def test_linked_folders_are_searched_once(tmp_path: Path) -> None:
    elsewhere = files(tmp_path / "elsewhere", "b.mp4", "deep/c.mp4")
    clips = files(tmp_path / "clips", "s1/a.mp4")
    (clips / "s2").symlink_to(elsewhere)
    assert names_of(clips) == ["s1/a.mp4", "s2/b.mp4", "s2/deep/c.mp4"]
    (clips / "again").symlink_to(clips / "s1")
    (clips / "s1" / "loop").symlink_to(clips)
    (clips / "gone").symlink_to(tmp_path / "nowhere")
    assert names_of(clips) == ["s1/a.mp4", "s2/b.mp4", "s2/deep/c.mp4"]
    assert find_videos(clips).left_out() == "2 links to folders that were searched already, 1 broken links"


def test_a_linked_source_is_searched(tmp_path: Path) -> None:
    files(tmp_path / "real", "a.mp4")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert names_of(tmp_path / "link") == ["a.mp4"]


def test_names_that_are_not_utf_8_are_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    video = write_video(tmp_path / "video.mp4", still(12)).read_bytes()
    folder = os.fsencode(tmp_path / "clips") + b"/s\xff"
    os.makedirs(folder)
    for name, content in ((b"m\xfcller.mp4", video), (b"bad\xfe.mp4", b"no video"), ("é %41.mp4".encode(), video)):
        with open(folder + b"/" + name, "wb") as clip_file:
            clip_file.write(content)
    with open(folder + b"/metadata.csv", "w") as file:
        file.write("file_name,label\nm%FCller.mp4,X\n")
    ds = open_source(str(tmp_path / "clips"))
    assert ds["file_name"] == ["s%FF/bad%FE.mp4", "s%FF/m%FCller.mp4", "s%FF/é %41.mp4"]
    assert ds["label"] == [None, "X", None]
    assert "3 names are not UTF-8" in caplog.text
    assert caplog.text.encode(), "a terminal shows it"
    bad, good, other = ds["video"][:]
    for video in (good, other):
        with open_video(video["path"]) as clip:
            assert clip.info.frame_count == 12
    with pytest.raises(ClipError) as error, open_video(bad["path"]):
        pass
    assert error.value.kind == "not_a_video"
    assert without_folder(f"clip {bad['path']!r}: damaged", bad) == "clip 'bad%FE.mp4': damaged"


def test_a_message_about_such_a_name_can_be_stored(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/m\xfc.mp4")
    for message in (f"no such file ({path})", f"no such file ({path!r})"):
        stored = str(ClipError("missing_file", message))
        assert stored.encode()
        assert str(tmp_path) not in without_folder(stored, path_as_text(Path(path)))
