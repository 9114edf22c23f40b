"""MindWandering: labelled clips, what is refused, and the identity of what was prepared."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Value, Video, load_dataset, load_from_disk

from dataset_scripts.mindwandering import MindWandering
from emollama_hf import extract
from emollama_hf.errors import SourceError
from emollama_hf.extraction.sources import open_source
from emollama_hf.frames.demo_clips import write_demo_clips
from tests import second_process

CHECKOUT = Path(__file__).resolve().parents[2]
HEADINGS = "participant_id,instance_gmt,uuid,mw_label,test_fold_num"
NAMES = ("a 1", "é-2", "c.3", "d..4")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_demo_clips(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def lab(tmp_path: Path, recorded: list[Path]) -> Path:
    """Four real clips, one of them in a subfolder, and their labels: two folds, two participants in each."""
    clips = tmp_path / "clips"
    for number, name in enumerate(NAMES):
        path = clips / ("sub" if number == 3 else "") / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(recorded[number % 2], path)
    write_labels(tmp_path, *(f"00{i},2021-03-0{i} 10:00:00,{name},{'MW' if i % 2 else 'NonMW'},{i // 2}"
                             for i, name in enumerate(NAMES)))  # fmt: skip
    return tmp_path


def write_labels(lab: Path, *lines: str, headings: str = HEADINGS, encoding: str = "utf-8") -> None:
    (lab / "labels.csv").write_text("\n".join([headings, *lines]) + "\n", encoding=encoding)


def builder(lab: Path, **options: Any) -> MindWandering:
    return MindWandering(clips=lab / "clips", labels=lab / "labels.csv", **options)


def prepared(lab: Path, **options: Any) -> Dataset:
    made = builder(lab, **options)
    made.download_and_prepare()
    return made.as_dataset("train")


def test_rows_have_their_clips_labels_and_folds(lab: Path) -> None:
    ds = prepared(lab)
    assert ds.features["video"] == Video(decode=False)
    assert ds.features["mw_label"] == ClassLabel(names=["NonMW", "MW"])
    assert ds.features["test_fold_num"] == Value("int64")
    assert ds.column_names[:2] == ["video", "file_name"]
    assert list(ds["file_name"]) == ["a 1.mp4", "é-2.mp4", "c.3.mp4", "sub/d..4.mp4"]
    assert list(ds["uuid"]) == list(NAMES)
    assert list(ds["participant_id"]) == ["000", "001", "002", "003"]
    assert list(ds["mw_label"]) == [0, 1, 0, 1]
    assert list(ds["test_fold_num"]) == [0, 0, 1, 1]
    assert [Path(video["path"]) for video in ds["video"]] == [lab / "clips" / name for name in ds["file_name"]]


def test_other_columns_are_kept_as_text(lab: Path) -> None:
    write_labels(lab, "p,t,a 1,MW,1,007", "p,t,c.3,MW,1,", headings=f"{HEADINGS},page")
    ds = prepared(lab)
    assert ds.features["page"] == Value("string")
    assert list(ds["page"]) == ["007", None]


def test_a_byte_order_mark_and_floats_of_pandas_are_accepted(lab: Path) -> None:
    write_labels(lab, "p,t,a 1,MW,1.0", "", "p,t,c.3,MW,1.0", encoding="utf-8-sig")
    assert list(prepared(lab)["test_fold_num"]) == [1, 1]


def test_decomposed_names_of_a_mac_are_found(lab: Path) -> None:
    (lab / "clips" / "é-2.mp4").rename(lab / "clips" / unicodedata.normalize("NFD", "é-2.mp4"))
    assert list(prepared(lab)["uuid"]) == list(NAMES)


def test_what_is_left_out_is_named_once_each(lab: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_labels(lab, "p,t,a 1,MW,1", "p,t,gone 1,MW,1", "p,t,gone 2,MW,1")
    made = builder(lab)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("dataset_scripts")] == [
        "2 rows without a clip, left out: 'gone 1', 'gone 2'",
        "3 clips without a row, left out: 'c.3.mp4', 'sub/d..4.mp4', 'é-2.mp4'",
    ]
    assert made.gaps["rows without a clip, left out"] == ["gone 1", "gone 2"]
    assert [row["uuid"] for row in made.as_streaming_dataset("train")] == ["a 1"]
    with pytest.raises(
        SourceError, match=r"strict: 2 rows without a clip, left out: 'gone 1', 'gone 2'; 3 clips without a row"
    ):
        builder(lab, strict=True)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["p,t,a 1,MW,1", "p,t,a 1,MW,1"], "line 3: uuid 'a 1' is there twice, first in line 2"),
        (["p,t,,MW,1"], "line 2: uuid is empty"),
        (["p,t, ,MW,1"], "line 2: uuid is empty"),
        (["p,t,a 1,MW,1", ",,c.3,MW,1"], "line 3: participant_id, instance_gmt is empty"),
        (["p,t,a 1,MW,1", "p,t,c.3,mw,1"], "line 3: mw_label is 'mw'; expected one of NonMW, MW"),
        (["p,t,a 1,MW,1.5"], "line 2: test_fold_num is '1.5'; expected a whole number"),
        (["p,t,a 1,MW,two"], "line 2: test_fold_num is 'two'"),
        (["p,t,a 1,MW,-1"], "line 2: test_fold_num is '-1'"),
        (["p,t,a 1,MW,1", "q,t,é-2,MW,2", "p,t,c.3,MW,2"], r"'p' in 1 \(line 2\) and 2 \(line 4\)"),
        (["p,t,../labels,MW,1"], "line 2: uuid '../labels' is no name of a clip"),
        (["p,t,..,MW,1"], "no name of a clip"),
        (["p,t,/etc/passwd,MW,1"], "no name of a clip"),
        (["p,t,sub\\d..4,MW,1"], "no name of a clip"),
        (["p,t,sub/d..4,MW,1"], "no name of a clip"),
        (["p,t,a 1"], "line 2: has 3 cells; expected 5"),
        (["p,t,a 1,MW,1,more"], "line 2: has 6 cells; expected 5"),
        (['p,t,"a 1,MW,1'], "cannot be read as a CSV"),
        (["p,t,x,MW,1"], "no uuid matches a clip; it has 'x', the clips are 'a 1.mp4', .* A uuid is a file's name"),
        ([], "no rows below its headings"),
    ],
)
def test_a_bad_row_is_one_error_with_its_line(lab: Path, lines: list[str], message: str) -> None:
    write_labels(lab, *lines)
    with pytest.raises(SourceError, match=message) as raised:
        builder(lab)
    assert "labels.csv" in str(raised.value)


@pytest.mark.parametrize(
    ("headings", "message"),
    [
        ("participant_id,uuid,mw_label", "expected the columns instance_gmt, test_fold_num as well"),
        (HEADINGS.replace(",", ";"), "parted by ';'"),
        (f"{HEADINGS},uuid", "'uuid' is there twice"),
        (f",{HEADINGS}", r"column 1 has no name.*index=False"),
        (f"{HEADINGS},video,facemae", "video, facemae are made by this package"),
        (f"{HEADINGS},file_name", "file_name are made by this package"),
        ("", "line 1: has nothing"),
    ],
)
def test_bad_headings_are_one_error(lab: Path, headings: str, message: str) -> None:
    write_labels(lab, *([re.sub("[^,]+", "x", headings)] if headings else []), headings=headings)
    with pytest.raises(SourceError, match=message):
        builder(lab)


def test_another_encoding_is_refused_with_its_line(lab: Path) -> None:
    write_labels(lab, "p,t,a 1,MW,1", "p,t,é-2,MW,1", encoding="latin-1")
    with pytest.raises(SourceError, match="line 3: is not UTF-8"):
        builder(lab)


def test_folders_that_cannot_be_used(lab: Path) -> None:
    labels = lab / "labels.csv"
    (lab / "empty").mkdir()
    for options, message in (
        ({"clips": lab / "nowhere", "labels": labels}, "does not exist"),
        ({"clips": labels, "labels": labels}, "is a file; expected a folder"),
        ({"clips": lab / "empty", "labels": labels}, "holds no videos"),
        ({"clips": lab / "clips", "labels": lab / "no.csv"}, "no such file"),
        ({"clips": lab / "clips", "labels": lab}, "cannot be read"),
        ({"labels": labels}, "clips is missing"),
        ({"clips": lab / "clips"}, "labels is missing"),
        ({"clips": lab / "clips", "labels": labels, "identify_by": "md5"}, "Valid: 'sha256', 'mtime'"),
    ):
        with pytest.raises(SourceError, match=message):
            MindWandering(**options)


def test_two_clips_for_one_row_are_refused(lab: Path) -> None:
    shutil.copyfile(lab / "clips" / "a 1.mp4", lab / "clips" / "sub" / "a 1.MOV")
    with pytest.raises(
        SourceError, match=r"line 2: uuid 'a 1' is the name of 2 clips: 'a 1\.mp4', 'sub/a 1\.MOV'\. Remove"
    ):
        builder(lab)


def test_links_lead_out_of_the_folder_only_if_asked(lab: Path, recorded: list[Path]) -> None:
    (lab / "clips" / "a 1.mp4").unlink()
    (lab / "clips" / "a 1.mp4").symlink_to(recorded[0])
    with pytest.raises(SourceError, match=r"'a 1\.mp4' are links out of the folder.*follow_links=True"):
        builder(lab)
    assert prepared(lab, follow_links=True)["uuid"][0] == "a 1"
    (lab / "clips" / "a 1.mp4").unlink()
    (lab / "clips" / "a 1.mp4").symlink_to(lab / "clips" / "c.3.mp4")
    assert prepared(lab)["uuid"][0] == "a 1"


def test_an_edited_label_gives_new_rows(lab: Path) -> None:
    before = prepared(lab)
    labels = lab / "labels.csv"
    changed = labels.read_text().replace(",a 1,NonMW,", ",a 1,MW,")
    labels.write_text(changed)
    assert before["mw_label"][0] == 0
    assert prepared(lab)["mw_label"][0] == 1


@pytest.mark.parametrize("identify_by", ["sha256", "mtime"])
def test_a_replaced_clip_gives_another_identity(lab: Path, recorded: list[Path], identify_by: str) -> None:
    before = builder(lab, identify_by=identify_by).config_id
    assert builder(lab, identify_by=identify_by).config_id == before
    shutil.copyfile(recorded[1], lab / "clips" / "a 1.mp4")
    assert builder(lab, identify_by=identify_by).config_id != before


def test_moved_folders_keep_their_identity_and_rows_their_clips(lab: Path, tmp_path: Path) -> None:
    """The prepared rows are found again, and held paths to where the clips had been."""
    before = builder(lab)
    before.download_and_prepare()
    (tmp_path / "moved").mkdir()
    for name in ("clips", "labels.csv"):
        shutil.move(lab / name, tmp_path / "moved" / name)
    after = builder(tmp_path / "moved")
    assert after.config_id == before.config_id
    after.download_and_prepare()
    ds = after.as_dataset("train")
    assert all(Path(video["path"]).is_file() for video in ds["video"])
    assert ds.column_names == before.as_dataset("train").column_names
    assert ds.features == after.info.features


def test_a_stream_and_workers_give_the_same_rows(lab: Path, tmp_path: Path) -> None:
    rows = prepared(lab).to_list()
    assert list(builder(lab).as_streaming_dataset("train")) == rows
    made = builder(lab, cache_dir=str(tmp_path / "cache"))
    made.download_and_prepare(num_proc=2)
    assert made.as_dataset("train").to_list() == rows


def test_a_second_process_finds_the_same_rows(lab: Path) -> None:
    ds = prepared(lab)
    code = f"""
import json
from dataset_scripts.mindwandering import MindWandering
builder = MindWandering(clips={str(lab / "clips")!r}, labels={str(lab / "labels.csv")!r})
builder.download_and_prepare()
ds = builder.as_dataset("train")
print(json.dumps([builder.config_id, ds._fingerprint, ds.to_list()]))
"""
    ran = second_process.run(code, with_package=False, check=True)
    assert json.loads(ran.stdout) == [builder(lab).config_id, ds._fingerprint, ds.to_list()]


def test_parquet_leads_to_the_clips(lab: Path, tmp_path: Path) -> None:
    """`datasets` 5.2 puts the recordings into the files; 4.0 leaves their paths."""
    builder(lab).download_and_prepare(str(tmp_path / "rows"), file_format="parquet")
    ds = load_dataset("parquet", data_files=str(tmp_path / "rows" / "*.parquet"), split="train")
    video = ds.cast_column("video", Video(decode=False))[0]["video"]
    assert (video["bytes"] or Path(video["path"]).read_bytes()) == (lab / "clips" / "a 1.mp4").read_bytes()


def test_features_are_extracted(lab: Path, tmp_path: Path) -> None:
    ds = prepared(lab)
    done = extract(ds, "random-tiny", peak="middle", out=tmp_path / "features")
    assert set(done["emollama_status"]) == {"ok"}
    opened = load_dataset(str(tmp_path / "features"), split="train")
    assert opened.features["mw_label"] == ds.features["mw_label"]
    assert list(opened["file_name"]) == list(ds["file_name"])
    assert "video" not in opened.column_names
    np.testing.assert_array_equal(opened[2]["facemae"], opened[0]["facemae"])  # the same clip under another name


def run(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    """The program, from a folder that is not the checkout."""
    ran = second_process.run_script(CHECKOUT / "dataset_scripts" / "mindwandering.py", *arguments, cwd="/")
    assert ran.returncode == status, f"ended with {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    return ran


def test_the_program_says_what_is_there_and_saves_it(lab: Path) -> None:
    with (lab / "labels.csv").open("a", encoding="utf-8") as file:
        file.write("004,t,gone,MW,1\n")
    ran = run("--clips", lab / "clips", "--labels", lab / "labels.csv", "--out", lab / "new" / "rows")
    assert "4 rows" in ran.stdout
    assert [line.split() for line in ran.stdout.splitlines() if "%" in line] == [
        ["0", "2", "1", "1", "50.0%"],
        ["1", "2", "1", "1", "50.0%"],
        ["all", "4", "2", "2", "50.0%"],
    ]
    assert "1 rows without a clip, left out: 'gone'" in ran.stdout
    assert ran.stderr == ""
    ds = load_from_disk(str(lab / "new" / "rows"))
    assert ds["video"][0] == str(lab / "clips" / "a 1.mp4"), "paths, and no copy of every recording"
    assert ds.features["mw_label"].names == ["NonMW", "MW"]
    assert [path.name for path in (lab / "new").iterdir()] == ["rows"]
    command = ["extract", str(lab / "new" / "rows"), "--model", "random-tiny", "--peak", "middle"]
    second_process.run("from emollama_hf.cli import main; main()", *command, "--out", lab / "features", check=True)
    assert load_dataset(str(lab / "features"), split="train")["mw_label"] == [0, 1, 0, 1]


def test_the_program_ends_with_one_line_and_1(lab: Path) -> None:
    given = ["--clips", lab / "clips", "--labels", lab / "labels.csv"]
    for arguments, message in (
        (["--clips", lab / "clips"], "--labels"),
        ([*given, "--out", lab / "clips"], "is there already"),
        ([*given, "--sideways"], "sideways"),
        (["--clips", lab / "none", "--labels", lab / "labels.csv"], "does not exist"),
    ):
        ran = run(*arguments, status=1)
        assert message in ran.stderr
        assert len(ran.stderr.strip().splitlines()) == 1
    assert "Traceback" in run("--clips", lab / "none", "--labels", lab / "labels.csv", "--debug", status=1).stderr


def test_a_label_has_the_same_type_by_every_route(lab: Path) -> None:
    """The builder, a table beside the clips, and a table in them."""
    text = (lab / "labels.csv").read_text(encoding="utf-8").splitlines()
    write_labels(lab, *(f"{line},{n}" for n, line in enumerate(text[1:])), headings=f"{HEADINGS},page")
    built = prepared(lab)
    joined = open_source(str(lab / "clips"), labels=lab / "labels.csv")
    shutil.copyfile(lab / "labels.csv", lab / "clips" / "metadata.csv")
    found = open_source(str(lab / "clips"))
    expected = list(built.remove_columns("video"))
    assert built.features["page"] == Value("int64")
    for ds in (joined, found):
        assert ds.features == {name: built.features[name] for name in ds.column_names}
        rows = {row["file_name"]: row for row in ds.remove_columns("video")}
        assert [rows[row["file_name"]] for row in expected] == expected


def test_a_clip_in_a_folder_whose_name_is_not_utf_8_is_named(lab: Path) -> None:
    os.rename(os.fsencode(lab / "clips" / "sub"), os.fsencode(lab / "clips") + b"/s\xff")
    with pytest.raises(SourceError, match=r"the names 's%FF/d\.\.4\.mp4' are not UTF-8"):
        builder(lab)


def test_what_the_folder_has_besides_is_said(lab: Path, caplog: pytest.LogCaptureFixture) -> None:
    (lab / "clips" / "notes.txt").write_text("x")
    builder(lab)
    assert "left out: 1 .txt" in caplog.text
