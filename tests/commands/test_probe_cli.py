"""`emollama-hf probe` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.command_line import run
from tests.probing.planted import planted

PROBE = ("--label", "mw_label", "--group", "participant_id", "--permutations", "1", "--resamples", "200")


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("features") / "planted"
    planted(groups=10).select_columns(
        ["uuid", "participant_id", "mw_label", "clip_duration_s", "signal", "noise"]
    ).save_to_disk(str(path))
    return str(path)


def test_a_table_a_conclusion_and_files(features: str, tmp_path: Path) -> None:
    out = tmp_path / "probe"
    ran = run("probe", features, *PROBE, "--combine", "signal+noise", "--out", str(out))
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("mw_label of 120 rows")
    for name in ("signal", "noise", "signal+noise", "control", "chance"):
        assert any(line.startswith(name + " ") for line in lines), name
    assert "signal" in lines[-1]
    assert "above chance" in lines[-1]
    described = json.loads((out / "probe.json").read_text())
    assert described["dataset"]["place"] == "planted"
    assert described["conclusion"] == lines[-1]


def test_without_a_folder_it_says_that_nothing_was_saved(features: str) -> None:
    lines = run("probe", features, *PROBE, "--columns", "noise").stdout.splitlines()
    assert lines[-1].startswith("Nothing was saved: --out FOLDER saves")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--columns", "sgnal"), "Did you mean signal?"),
        (("--folds", "11"), "10 groups, which do not suffice for 11 folds"),
        (("--fold", "nothing"), "there is no such column"),
    ],
)
def test_an_error_is_one_line(features: str, options: tuple[str, ...], said: str) -> None:
    ran = run("probe", features, *PROBE, *options, status=1)
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert len([line for line in ran.stderr.splitlines() if line.startswith("emollama-hf: ")]) >= 1


def test_a_folder_that_cannot_be_written_is_found_before_the_probe(features: str, tmp_path: Path) -> None:
    """The file that is in the way is named, not the column that does not exist: nothing was computed."""
    taken = tmp_path / "file"
    taken.write_text("mine")
    for out in (taken, taken / "below"):
        ran = run("probe", features, *PROBE, "--columns", "absent", "--out", str(out), status=1)
        assert f"{taken} is a file" in ran.stderr.replace("\n", " ")
    assert taken.read_text() == "mine"
