"""push, info, verify and forget on the command line: what they print, how they end, what they ask."""

from __future__ import annotations

import os
import pty
from pathlib import Path

import pytest

from emollama_hf.frames.demo_clips import write_demo_clips
from tests import second_process
from tests.commands.command_line import MAIN, run, run_fresh
from tests.hub import hub
from tests.sharing.labs import shared


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two clips, labels and their features."""
    folder = tmp_path_factory.mktemp("lab")
    names = [path.name for path in write_demo_clips(folder / "clips")]
    labels = "".join(f"{name},P{number},MW\n" for number, name in enumerate(names))
    (folder / "labels.csv").write_text("file_name,participant_id,mw_label\n" + labels)
    options = ["--model", "random-tiny", "--peak", "middle", "--keep", "peak_frame"]
    places = ["--out", str(folder / "features"), "--labels", str(folder / "labels.csv")]
    run("extract", str(folder / "clips"), *options, *places)
    return folder


def test_share_check_and_forget_in_a_directory(lab: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "shared")
    told = run("push", str(lab / "features"), place, "--include", "participant_id").stdout
    assert "2 clips; 2 added, 0 replaced, 0 were there already" in told
    assert "left out: `peak_frame`: recordings or pictures of people" in told
    assert "left out: the names in `file_name`: only hashes of them are here" in told
    assert f'Open it with: load_dataset("{place}", split="train")' in told
    told = run("info", place).stdout
    assert "2 clips, 2 with features" in told
    assert "mw_label: MW: 2" in told
    assert "face coverage (share of frames with a face): 90% to 100%: 2" in told
    assert "key: file_name, hashed with sha256" in told
    assert "peak='middle'" in told
    told = run("verify", place, "--source", str(lab / "clips"), "--sample", "2").stdout
    assert "2 rows: all are what they say." in told
    told = run("forget", place, "--where", "participant_id=P1").stdout
    assert "1 row forgotten; 1 file written again, 1 removed." in told
    assert len(shared(tmp_path / "shared")) == 1


def test_a_clip_that_deviates_ends_with_3(lab: Path, tmp_path: Path) -> None:
    run("push", str(lab / "features"), str(tmp_path / "shared"))
    clips = sorted((lab / "clips").glob("*.mp4"))
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / clips[0].name).write_bytes(clips[1].read_bytes())
    told = run("verify", str(tmp_path / "shared"), "--source", str(tmp_path / "clips"), status=3).stdout
    assert "1 not what they say" in told


def test_media_asks_once_more(lab: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "shared")
    told = run("push", str(lab / "features"), place, "--media", status=1).stderr
    assert told.startswith("emollama-hf: --media publishes recordings and pictures of people")
    assert "--yes" in told
    assert not (tmp_path / "shared").exists()
    assert "no" in _answer("no", "push", str(lab / "features"), place, "--media")
    assert not (tmp_path / "shared").exists()
    _answer("yes\nn", "push", str(lab / "features"), place, "--media")
    assert "peak_frame" in shared(tmp_path / "shared").column_names
    run("push", str(lab / "features"), str(tmp_path / "second"), "--media", "--yes")
    assert "peak_frame" in shared(tmp_path / "second").column_names


def _answer(answer: str, *arguments: str) -> str:
    """What a person sees who runs it on a terminal and gives an answer."""
    leader, follower = pty.openpty()
    child = second_process.start(MAIN, *arguments, stdin=follower)
    os.close(follower)
    os.write(leader, f"{answer}\n".encode())
    told, _ = child.communicate(timeout=200)
    os.close(leader)
    return told


def test_a_repository_is_shown_without_its_shards(lab: Path, tmp_path: Path) -> None:
    with hub() as server:
        environment = server.environment(tmp_path)
        run("push", str(lab / "features"), "org/mw", "--tag", "v1", "--include", "participant_id", **environment)
        first = len(server.requests)
        told = run("info", "org/mw", "--revision", "v1", **environment).stdout
        assert "2 clips, 2 with features" in told
        assert not [request for request in server.requests[first:] if request.path.endswith(".parquet")]
        offline = {**environment, "HF_HUB_OFFLINE": "1"}
        requests = len(server.requests)
        assert run("info", "org/mw", **offline).stdout == told
        assert "in the cache" in run("verify", "org/other", "--source", str(lab), status=1, **offline).stderr
        assert len(server.requests) == requests
        told = run("verify", "org/mw", "--source", str(lab / "clips"), "--sample", "1", **environment).stdout
        assert "all are what they say" in told
        told = run("forget", "org/mw", "--where", "participant_id=P1", "--squash", **environment).stdout
        assert "1 row forgotten" in told
        assert "branches and tags: v1" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("push", "nothing", "place"), "nothing: there is no such directory"),
        (("push", "LAB", ""), "no place was named"),
        (("push", "LAB", "OUT", "--key", "nope"), "column 'nope' cannot name rows"),
        (("push", "LAB", "OUT", "--key-secret", "nope"), "nope: the secret cannot be read"),
        (("push", "LAB", "OUT", "--citation", "nope"), "nope: the citation cannot be read"),
        (("push", "LAB", "OUT", "--tag", "v1"), "has no tags"),
        (("verify", "LAB", "--source", "nope"), "is no folder here"),
        (("verify", "LAB", "--source", "LAB"), "expected a column 'video' or 'frames'"),
        (("verify", "OUT", "--source", "nope"), "holds no feature data set"),
        (("forget", "LAB", "--where", "participant_id"), "expected COLUMN=VALUE"),
        (("forget", "LAB", "--where", "participant_id=P9"), "participant_id is P0, P1"),
        (("info", "OUT/nothing"), "there is no such directory"),
        (("info", "s3://"), "names no folder"),
    ],
)
def test_errors_are_one_line(arguments: tuple[str, ...], message: str, lab: Path, tmp_path: Path) -> None:
    names = {"LAB": str(lab / "features"), "OUT": str(tmp_path / "shared"), "OUT/nothing": str(tmp_path / "nothing")}
    told = run(*(names.get(one, one) for one in arguments), status=1).stderr
    assert message in told
    assert len(told.strip().splitlines()) == 1
    assert told.startswith("emollama-hf: ")


def test_columns_that_are_left_out_go_if_they_are_named(lab: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    lines = (lab / "labels.csv").read_text().splitlines()
    notes = ["notes", *(f"clip {number} " * 30 for number in range(2))]
    labels.write_text("\n".join(f"{line},{note}" for line, note in zip(lines, notes, strict=True)))
    out, place = str(tmp_path / "out"), str(tmp_path / "shared")
    arguments = ["extract", str(lab / "clips"), "--model", "random-tiny", "--peak", "middle", "--labels", str(labels)]
    run(*arguments, "--out", out)
    assert "left out: `notes`: texts of several lines or of more than 200" in run("push", out, place).stdout
    told = run("info", place).stdout
    assert "notes" not in told
    assert " of the source" in told
    run(*arguments, "--out", out, "--include", "notes", "--replace")
    assert "stay if they are named (--include notes; include=)" in run(*arguments, "--out", out, status=1).stderr
    place = str(tmp_path / "again")
    assert "`notes`" in run("push", out, place).stdout
    assert "the columns are" in run("push", out, place, "--include", "nose", status=1).stderr
    run("push", out, str(tmp_path / "whole"), "--include", "notes")
    assert sorted(shared(tmp_path / "whole")["notes"]) == notes[1:]


def test_what_is_not_there_ends_with_1_and_one_line(tmp_path: Path) -> None:
    with hub() as server:
        environment = server.environment(tmp_path / "home")
        for command in (["info"], ["forget", "--where", "a=b"], ["verify", "--source", str(tmp_path)],
                        ["export", "--npy", str(tmp_path / "npy")]):  # fmt: skip
            for target in ("org/nothing", str(tmp_path / "nothing")):
                ran = run_fresh(command[0], target, *command[1:], status=1, **environment)
                assert ran.stderr.startswith("emollama-hf: ")
                assert ran.stderr.count("\n") == 1
                assert not ran.stdout
