"""MER2023: emotions, valence and transcripts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Value, Video

from dataset_scripts.mer2023 import MER2023
from emollama_hf.errors import SourceError
from tests.videos import still, write_video

CHECKOUT = Path(__file__).resolve().parents[2]
EMOTIONS = ["neutral", "angry", "happy", "sad", "worried", "surprise"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("recorded") / "clip.mp4", still(4))


@pytest.fixture
def lab(tmp_path: Path, recorded: Path) -> Path:
    (tmp_path / "video").mkdir()
    for number in range(3):
        shutil.copyfile(recorded, tmp_path / "video" / f"sample_0000000{number}.mp4")
    (tmp_path / "labels.csv").write_text(
        "name,discrete,valence\nsample_00000000,happy,1.5\nsample_00000001,worried,-2.0\nsample_00000002,sad,\n"
    )
    (tmp_path / "spoken.csv").write_text("name,chinese,note\nsample_00000000,你好,x\nsample_00000002,,x\n")
    return tmp_path


def prepared(lab: Path, **options: Any) -> Dataset:
    made = MER2023(clips=lab / "video", labels=lab / "labels.csv", **options)
    made.download_and_prepare()
    return made.as_dataset("train")


def test_rows_have_emotions_valence_and_transcripts(lab: Path, caplog: pytest.LogCaptureFixture) -> None:
    ds = prepared(lab, transcripts=lab / "spoken.csv")
    assert ds.column_names == ["video", "file_name", "name", "discrete", "valence", "chinese"]
    assert ds.features["video"] == Video(decode=False)
    assert ds.features["discrete"] == ClassLabel(names=EMOTIONS)
    assert ds.features["valence"] == Value("float32")
    assert list(ds["discrete"]) == [2, 4, 3]
    assert list(ds["valence"]) == [1.5, -2.0, None]
    assert list(ds["chinese"]) == ["你好", None, None]
    assert "1 clips without a transcript, null: 'sample_00000001'" in caplog.text
    with pytest.raises(SourceError, match="without a transcript"):
        prepared(lab, transcripts=lab / "spoken.csv", strict=True)


def test_labels_without_valence_have_nulls(lab: Path) -> None:
    (lab / "labels.csv").write_text("name,discrete,speaker\nsample_00000000,neutral,s1\n")
    ds = prepared(lab)
    assert list(ds["valence"]) == [None]
    assert ds.features["valence"] == Value("float32")
    assert list(ds["speaker"]) == ["s1"]


@pytest.mark.parametrize("column", ["chinese", "english", "sentence", "text"])
def test_transcripts_may_have_several_names(lab: Path, column: str) -> None:
    (lab / "spoken.csv").write_text(f"name,{column}\nsample_00000000,hello\n")
    assert prepared(lab, transcripts=lab / "spoken.csv")[column][0] == "hello"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("labels.csv", "name,discrete\nsample_00000000,joy\n", "line 2: discrete is 'joy'; expected one of neutral"),
        ("labels.csv", "name,discrete\nsample_00000000,\n", "line 2: discrete is empty"),
        ("labels.csv", "name,valence\nsample_00000000,1\n", "expected the columns discrete as well"),
        ("labels.csv", "name,discrete,valence\nsample_00000000,sad,low\n", "line 2: valence is 'low'"),
        ("labels.csv", "name,discrete,valence\nsample_00000000,sad,nan\n", "line 2: valence is 'nan'"),
        ("labels.csv", "name,discrete,chinese\nsample_00000000,sad,x\n", "chinese are made by this package"),
        ("labels.csv", "name,discrete\n../labels,sad\n", "is no name of a clip"),
        ("spoken.csv", "name,words\nsample_00000000,x\n", "expected one or more of chinese, english, sentence, text"),
        ("spoken.csv", "name,text\na,x\na,y\n", "line 3: name 'a' is there twice, first in line 2"),
        ("spoken.csv", "name,text\nsample_00000000,x\nsample_00000000 ,y\n", "line 3: .*, as line 2 .* is. Remove one"),
    ],
)
def test_bad_input_is_one_error_with_its_line(lab: Path, file: str, content: str, message: str) -> None:
    (lab / file).write_text(content)
    with pytest.raises(SourceError, match=message) as raised:
        prepared(lab, transcripts=lab / "spoken.csv")
    assert file in str(raised.value)


def test_an_edited_transcript_gives_new_rows(lab: Path) -> None:
    assert prepared(lab, transcripts=lab / "spoken.csv")["chinese"][0] == "你好"
    (lab / "spoken.csv").write_text("name,chinese\nsample_00000000,再见\n")
    assert prepared(lab, transcripts=lab / "spoken.csv")["chinese"][0] == "再见"


def test_a_stream_and_workers_give_the_same_rows(lab: Path, tmp_path: Path) -> None:
    rows = prepared(lab).to_list()
    options = {"clips": lab / "video", "labels": lab / "labels.csv"}
    assert list(MER2023(**options).as_streaming_dataset("train")) == rows
    made = MER2023(**options, cache_dir=str(tmp_path / "cache"))
    made.download_and_prepare(num_proc=2)
    assert made.as_dataset("train").to_list() == rows


def test_the_program_counts_emotions(lab: Path) -> None:
    program = [sys.executable, str(CHECKOUT / "dataset_scripts" / "mer2023.py")]
    arguments = ["--clips", str(lab / "video"), "--labels", str(lab / "labels.csv")]
    ran = subprocess.run([*program, *arguments], capture_output=True, text=True, check=True, timeout=100)
    assert [line.split() for line in ran.stdout.splitlines() if line.startswith(("sad", "happy"))] == [
        ["happy", "1", "1"],
        ["sad", "1", "0"],
    ]
