"""`emollama-hf evaluate` as a person meets it: what it prints and writes, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.command_line import run
from tests.evaluation.answers import answers

NAMED = ("--prediction", "emotion", "--label", "emotion_label")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("answers é")
    answers(60).save_to_disk(folder / "set")
    return str(folder / "set")


def test_it_prints_the_numbers_and_what_to_know_of_them(place: str) -> None:
    ran = run("evaluate", place, *NAMED, "--group", "participant_id", "--resamples", "200")
    assert ran.stderr == ""
    lines = [" ".join(line.split()) for line in ran.stdout.splitlines()]
    assert lines[0] == "emotion compared with emotion_label: 60 rows, 3 classes"
    assert "measure value 95 % interval" in lines
    for name in ("accuracy", "weighted F1 (MER2023)", "macro F1", "balanced accuracy", "Cohen's kappa"):
        assert any(line.startswith(f"{name} 0.") and " to 0." in line for line in lines), name
    assert "class rows predicted precision recall F1" in lines
    assert "angry happy sad (failed)" in lines
    assert any("expected calibration error" in line for line in lines)
    assert "4 rows without a prediction counted as wrong: 4 empty_file." in lines
    assert any("participant_id has 8 groups" in line for line in lines)


def test_it_writes_files(place: str, tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("from,to\nangry,bad\nsad,bad\nhappy,good\n")
    options = ("--map", str(tmp_path / "map.csv"), "--failed", "leave-out", "--out", str(tmp_path / "out"))
    told = run("evaluate", place, *NAMED, *options, "--resamples", "50").stdout
    assert "56 rows, 2 classes" in told
    assert "Wrote evaluation.json, metrics.csv, classes.csv, confusion.csv, confusion.svg, calibration.csv" in told
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["compared"] == 56


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--label", "emotion_lable"), "no column 'emotion_lable'"),
        (("--failed", "out"), "failed='out' is unknown. Valid: 'wrong', 'leave-out'"),
        (("--map", "none.csv"), "none.csv: there is no such file"),
        (("--group", "emotion_probs"), "expected a group a row"),
        (("--split", "test"), "has no splits"),
        (("--resamples", "0"), "resamples=0"),
    ],
)
def test_an_error_is_one_line(place: str, options: tuple[str, ...], message: str) -> None:
    ran = run("evaluate", place, *NAMED, *options, status=1)
    assert message in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert ran.stdout == ""


def test_names_from_data_move_no_cursor(tmp_path: Path) -> None:
    names = ["[red]a", "\x1b[31mb"]
    answers(20, failed=0, emotion=names * 10, emotion_label=names * 10).save_to_disk(tmp_path / "set")
    ran = run("evaluate", str(tmp_path / "set"), *NAMED, "--resamples", "5")
    assert "[red]a" in ran.stdout
    assert "\x1b" not in ran.stdout
