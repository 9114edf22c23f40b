"""Labels of clips: a row of a table and the one clip that it names."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Value
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.errors import SourceError
from emollama_hf.extraction.clip_names import ClipNames
from emollama_hf.extraction.labels import join_labels
from emollama_hf.extraction.sources import open_source

NAMED = st.lists(st.sampled_from(["a", "b", "s1/a", "s2/a", "s1/b", "s1/s2/a"]), unique=True, min_size=1)


def folder(tmp_path: Path, *names: str, **tables: str) -> Path:
    """Clips, and the text of tables: `metadata__csv` is metadata.csv."""
    for name in names:
        path = tmp_path / "clips" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    for name, text in tables.items():
        (tmp_path / "clips" / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return tmp_path / "clips"


def labels_of(ds: Dataset, column: str = "label") -> dict[str, Any]:
    return dict(zip(ds["file_name"], ds[column], strict=True))


@given(NAMED)
def test_a_path_in_the_folder_means_one_clip(stems: list[str]) -> None:
    names = [f"{stem}.mp4" for stem in stems]
    clips = ClipNames(names)
    for position, (stem, name) in enumerate(zip(stems, names, strict=True)):
        assert clips.named(name) == clips.named(f"./{name}") == clips.named(name.replace("/", "\\")) == [position]
        same = [index for index, other in enumerate(stems) if other.rpartition("/")[2] == stem.rpartition("/")[2]]
        assert clips.with_stem(stem) == ([position] if "/" in stem else same)


def test_a_row_labels_one_of_namesakes(tmp_path: Path) -> None:
    clips = folder(tmp_path, "a.mp4", "s1/a.mp4", "s2/a.mp4", metadata__csv="file_name,label\na.mp4,X\ns1/a.mp4,Y\n")
    assert labels_of(open_source(str(clips))) == {"a.mp4": "X", "s1/a.mp4": "Y", "s2/a.mp4": None}


def test_a_bare_name_is_good_where_one_clip_has_it(tmp_path: Path) -> None:
    clips = folder(tmp_path, "s1/a.mp4", "s2/b.mp4", metadata__csv="file_name,label\na.mp4,X\n")
    assert labels_of(open_source(str(clips))) == {"s1/a.mp4": "X", "s2/b.mp4": None}


@pytest.mark.parametrize(
    ("names", "table", "message"),
    [
        (("s1/a.mp4", "s2/a.mp4"), "file_name,l\na.mp4,1\n", r"line 2: .* 2 clips: 's1/a\.mp4', 's2/a\.mp4'"),
        (("a.mp4", "s1/a.mp4"), "uuid,l\na,1\n", r"line 2: uuid 'a' is the name of 2 clips: 'a\.mp4', 's1/a\.mp4'"),
        (("a.mp4", "a.mov"), "uuid,l\na,1\n", r"'a\.mov', 'a\.mp4'"),
        (("s1/a.mp4",), "file_name,l\na.mp4,1\ns1/a.mp4,2\n", r"line 3: .* is the clip 's1/a\.mp4', as line 2 "),
        (("a.mp4",), "file_name,l\na.mp4,1\n./a.mp4,1\n", "line 3: .* as line 2 "),
        (("a.mp4",), "file_name,l\na.mp4,1\na.mp4,1\n", "line 3: .* is there twice, first in line 2"),
        (("a.mp4",), "file_name,l\na,1\n", r"no file_name matches .* A file_name has its ending"),
        (("a.mp4",), "uuid,l\na.mp4,1\n", r"no uuid matches .* A uuid is a file's name without its ending"),
        (("a.mp4",), "file_name;l\na.mp4;1\n", "parted by ';'"),
        (("a.mp4",), ",file_name\n0,a.mp4\n", "column 1 has no name"),
    ],
)
def test_a_name_that_does_not_mean_one_clip_is_an_error(
    tmp_path: Path, names: tuple[str, ...], table: str, message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        open_source(str(folder(tmp_path, *names, metadata__csv=table)))


def test_a_uuid_may_have_its_folder(tmp_path: Path) -> None:
    clips = folder(tmp_path, "s1/a.mp4", "s2/a.mp4", metadata__csv="uuid,label\ns1/a,X\ns2/a,Y\n")
    assert labels_of(open_source(str(clips))) == {"s1/a.mp4": "X", "s2/a.mp4": "Y"}


def test_of_two_spellings_in_one_folder_the_written_one_is_meant(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "é.mp4") for form in ("NFC", "NFD"))
    clips = folder(tmp_path, composed, apart, metadata__csv=f"file_name,label\n{apart},X\n{composed},Y\n")
    assert labels_of(open_source(str(clips))) == {composed: "Y", apart: "X"}


def test_identifiers_stay_text_and_that_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = "file_name,id,n,code\na.mp4,0012,1,1e5\nb.mp4,0013,2,2e3\n"
    ds = open_source(str(folder(tmp_path, "a.mp4", "b.mp4", metadata__csv=table)))
    assert ds["id"] == ["0012", "0013"]
    assert ds["code"] == ["1e5", "2e3"]
    assert ds.features["n"] == Value("int64")
    assert "would not be written back as they were read: 'id', 'code'" in caplog.text


def test_what_is_said_of_such_a_column_makes_numbers_of_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = "file_name,rating\na.mp4,1.5\nb.mp4,2\n"
    assert open_source(str(folder(tmp_path / "mixed", "a.mp4", "b.mp4", metadata__csv=table)))["rating"] == ["1.5", "2"]
    assert "all of a column as 2 and 3, or all as 2.0 and 3.5" in caplog.text
    mended = open_source(str(folder(tmp_path / "mended", "a.mp4", "b.mp4", metadata__csv=f"{table.strip()}.0\n")))
    assert mended["rating"] == [1.5, 2.0]


@pytest.mark.parametrize(
    ("rows", "divided"),
    [(["P1,0", "P1,1.0", "P2,1"], "'P1'"), (["P1,1", "P1,1.0", "P2,0"], ""), (["P1,0", "P1,", ",1"], "")],
)
def test_a_participant_in_two_folds_is_said(
    rows: list[str], divided: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The builder of the layout refuses it; any other table may mean it."""
    clips = [f"{number}.mp4" for number in range(len(rows))]
    lines = ["file_name,mw_label,participant_id,test_fold_num"]
    lines += [f"{clip},MW,{row}" for clip, row in zip(clips, rows, strict=True)]
    open_source(str(folder(tmp_path, *clips, metadata__csv="\n".join(lines))))
    said = f"in more than one test_fold_num: the participants {divided}. A model would be tested on people"
    assert (said in caplog.text) == bool(divided)
    assert ("test_fold_num" in caplog.text) == bool(divided)


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_metadata_of_every_kind_that_datasets_reads(tmp_path: Path, kind: str) -> None:
    clips = folder(tmp_path, "a.mp4", "s1/b.mp4")
    table = Dataset.from_dict({"file_name": ["a.mp4", "s1/b.mp4"], "label": ["007", None], "n": [1, 2]})
    path = clips / f"metadata.{kind}"
    table.to_json(path) if kind == "jsonl" else table.to_parquet(path)
    ds = open_source(str(clips))
    assert labels_of(ds) == {"a.mp4": "007", "s1/b.mp4": None}
    assert ds.features["n"] == Value("int64")
    (clips / "metadata.csv").write_text("file_name,label\na.mp4,X\n")
    with pytest.raises(SourceError, match=f"holds metadata.csv and metadata.{kind}; expected one"):
        open_source(str(clips))


def test_metadata_of_a_subfolder_names_clips_from_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clips = folder(tmp_path, "a.mp4", "s1/a.mp4", "s2/a.mp4")
    (clips / "metadata.csv").write_text("file_name,label\na.mp4,1\n")
    (clips / "s1" / "metadata.csv").write_text("uuid,label\na,007\n")
    ds = open_source(str(clips))
    assert labels_of(ds) == {"a.mp4": "1", "s1/a.mp4": "007", "s2/a.mp4": None}
    assert "1 clip has no row, so that labels are null: 's2/a.mp4'" in caplog.text
    (clips / "metadata.csv").write_text("file_name,label\ns1/a.mp4,1\n")
    with pytest.raises(SourceError, match=r"s1/metadata\.csv, line 2: .* as another table is"):
        open_source(str(clips))


def test_labels_replace_metadata(tmp_path: Path) -> None:
    clips = folder(tmp_path, "a.mp4", metadata__csv="file_name,label,x\na.mp4,X,1\n")
    (tmp_path / "labels.tsv").write_text("uuid\tlabel\na\tY\n")
    ds = open_source(str(clips), labels=tmp_path / "labels.tsv")
    assert (ds["label"], ds["x"], ds["uuid"]) == (["Y"], [1], ["a"])


def test_classes_of_a_data_set_stay_classes(tmp_path: Path) -> None:
    ds = Dataset.from_dict({"uuid": ["u", "v"], "label": ["MW", "MW"]})
    ds = ds.cast_column("label", ClassLabel(names=["MW", "Other"]))
    (tmp_path / "t.csv").write_text("uuid,label\nu,Other\n")
    joined = join_labels(ds, tmp_path / "t.csv")
    assert joined.features["label"] == ds.features["label"]
    assert joined["label"] == [1, None]
    (tmp_path / "t.csv").write_text("uuid,label\nu,new\n")
    assert join_labels(ds, tmp_path / "t.csv")["label"] == ["new", None]


def test_a_key_that_repeats_in_a_data_set_is_that_of_one_recording(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("uuid,label\nu,X\n")
    windows = Dataset.from_dict({"uuid": ["u", "u"], "video": ["a.mp4", "a.mp4"]})
    assert join_labels(windows, tmp_path / "t.csv")["label"] == ["X", "X"]
    other = Dataset.from_dict({"uuid": ["u", "u"], "video": ["s1/a.mp4", "s2/a.mp4"]})
    with pytest.raises(SourceError, match=r"uuid 'u' is the name of 2 clips: 's1/a\.mp4', 's2/a\.mp4'"):
        join_labels(other, tmp_path / "t.csv")


def test_a_data_set_without_the_key_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file_name,label\nu,X\n")
    with pytest.raises(SourceError, match="keyed by 'file_name', but the data set has only id"):
        join_labels(Dataset.from_dict({"id": ["u"]}), tmp_path / "t.csv")
