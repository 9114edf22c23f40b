"""What `emollama-hf extract SOURCE` opens, and labels."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Video

from emollama_hf.errors import SourceError
from emollama_hf.extraction.labels import join_labels
from emollama_hf.extraction.sources import open_source
from emollama_hf.files.video_files import VIDEO_SUFFIXES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.mp4",
        "a clip é.MOV",
        "sub/c.webm",
        "sub/d.avi",
        ".hidden.mp4",
        ".git/e.mp4",
        "notes.txt",
    ):
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "clips"


def test_a_folder_gives_its_clips_in_order(folder: Path) -> None:
    ds = open_source(str(folder))
    assert ds["file_name"] == ["a clip é.MOV", "b.mp4", "sub/c.webm", "sub/d.avi"]
    assert ds.features["video"] == Video(decode=False)
    assert all(Path(video["path"]).is_absolute() for video in ds["video"])


def test_endings_of_videos_are_known_in_either_case(tmp_path: Path) -> None:
    expected = ["3gp", "asf", "avi", "flv", "h264", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf",
                "ogv", "ts", "vob", "webm", "wmv"]  # fmt: skip
    assert {f".{ending}" for ending in expected} < set(VIDEO_SUFFIXES)
    assert len(set(VIDEO_SUFFIXES)) == len(VIDEO_SUFFIXES)
    for ending in expected:
        (tmp_path / f"a.{ending}").write_bytes(b"x")
        (tmp_path / f"b.{ending.upper()}").write_bytes(b"x")
    assert len(open_source(str(tmp_path))) == 2 * len(expected)


def test_metadata_is_joined(folder: Path) -> None:
    (folder / "metadata.csv").write_text("file_name,uuid,test_fold_num,label\nb.mp4,007,1,MW\nsub/c.webm,008,2,\n")
    ds = open_source(str(folder))
    assert ds["uuid"] == [None, "007", "008", None]
    assert ds["test_fold_num"] == [None, 1, 2, None]
    assert ds["label"] == [None, "MW", None, None]


def test_labels_by_uuid(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("uuid,mw_label\nb,MW\nd,NonMW\nzz,MW\n")
    ds = open_source(str(folder), labels=labels)
    assert ds.features["mw_label"] == ClassLabel(names=["NonMW", "MW"]), "as the builder makes it"
    assert ds["mw_label"] == [None, 1, None, 0]
    assert "'zz'" in caplog.text
    assert "2 clips have no row" in caplog.text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,label\nb.mp4,1\n", "expected one of file_name, uuid"),
        (b"file_name,label\nb.mp4,1\nb.mp4,2\n", "line 3: file_name 'b.mp4' is there twice, first in line 2"),
        (b"file_name,label\n,1\n", "line 2: file_name is empty"),
        ("file_name,label\nb.mp4,\u00e9\n".encode("latin-1"), r"is not UTF-8 \(byte 22\)\. Save it as UTF-8"),
        (b"file_name,label\nb.mp4\n", "CSV"),
        (b"", "CSV"),
        (b"file_name,video,emollama_status\nb.mp4,x,ok\n", "video, emollama_status are made by this package"),
        (b"file_name,label\nz.mp4,1\n", "no file_name matches"),
    ],
)
def test_a_bad_csv_is_one_clear_error(folder: Path, tmp_path: Path, content: bytes, message: str) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        open_source(str(folder), labels=labels)


def test_a_saved_data_set_is_opened(tmp_path: Path) -> None:
    Dataset.from_dict({"video": ["x.mp4"], "uuid": ["u"]}).save_to_disk(str(tmp_path / "saved"))
    ds = open_source(str(tmp_path / "saved"))
    assert ds["video"] == ["x.mp4"]
    (tmp_path / "labels.csv").write_text("uuid,label\nu,MW\n")
    assert join_labels(ds, tmp_path / "labels.csv")["label"] == ["MW"]


def test_the_split_of_several_is_named_and_the_only_one_is_not(tmp_path: Path) -> None:
    one, other = (Dataset.from_dict({"uuid": [name]}) for name in ("u", "v"))
    DatasetDict({"held_out": one}).save_to_disk(str(tmp_path / "single"))
    assert open_source(str(tmp_path / "single"))["uuid"] == ["u"]
    DatasetDict({"train": one, "test": other}).save_to_disk(str(tmp_path / "several"))
    assert open_source(str(tmp_path / "several"), split="test")["uuid"] == ["v"]
    for split in (None, "valid"):
        with pytest.raises(SourceError, match=r"has the splits train, test\. Choose one with --split"):
            open_source(str(tmp_path / "several"), split=split)


def test_why_a_data_set_cannot_be_opened_is_told_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "rows.parquet").write_bytes(b"no parquet")
    with pytest.raises(SourceError, match=r"/damaged' cannot be opened as a data set: Parquet magic bytes"):
        open_source(str(tmp_path / "damaged"))


def test_a_long_list_of_names_is_cut(folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    labels = tmp_path / "labels.csv"
    for extra, end in ((5, "'n3', 'n4'"), (6, "'n3', 'n4' and 1 more")):
        caplog.clear()
        labels.write_text("uuid,mw_label\nb,MW\n" + "".join(f"n{i},MW\n" for i in range(extra)))
        open_source(str(folder), labels=labels)
        assert f"{extra} rows have no clip: 'n0', 'n1', 'n2', {end}" in [
            record.message.split(": ", 1)[1] for record in caplog.records
        ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "empty"),
        ("./nowhere", "no folder"),
        ("org/no-such-data-set", "org/no-such-data-set"),
        ("{empty}", "no videos"),
        ("{file}", "is a file"),
    ],
)
def test_a_wrong_source_is_one_clear_error(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "clip.mp4").write_bytes(b"x")
    with pytest.raises(SourceError, match=message):
        open_source(source.format(empty=tmp_path / "empty", file=tmp_path / "clip.mp4"))


def test_accents_in_another_spelling_are_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    name = unicodedata.normalize("NFD", "é Zoë.mp4")
    (tmp_path / "clips" / name).write_bytes(b"x")
    labels = tmp_path / "labels.csv"
    labels.write_text(unicodedata.normalize("NFC", "file_name,label\né Zoë.mp4,MW\n"), encoding="utf-8")
    assert open_source(str(tmp_path / "clips"), labels=labels)["label"] == ["MW"]
    labels.write_text(unicodedata.normalize("NFC", "uuid,label\né Zoë,MW\n"), encoding="utf-8")
    assert open_source(str(tmp_path / "clips"), labels=labels)["label"] == ["MW"]


def test_a_doubled_column_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    labels = tmp_path / "labels.csv"
    labels.write_text("file_name,label,label\na.mp4,MW,MW\n")
    with pytest.raises(SourceError, match="'label' is there twice"):
        open_source(str(tmp_path), labels=labels)


def test_a_link_to_nothing_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to(tmp_path / "nowhere.mp4")
    assert open_source(str(tmp_path))["file_name"] == ["a.mp4"]


def test_a_source_that_nobody_has_is_an_error_with_a_next_step() -> None:
    with pytest.raises(SourceError, match=r"is no folder here .*[^.]\. Give a folder of videos, a data set"):
        open_source("nothing-of-this-name")
