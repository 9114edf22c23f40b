"""`emollama-hf push` says what leaves, and asks about what looks personal: on a real terminal, and where none is."""

from __future__ import annotations

import os
import pty
import select
import time
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from emollama_hf.sharing.names.row_names import hash_name
from tests import second_process
from tests.commands.command_line import MAIN, run
from tests.sharing.labs import shared

#: Standard input is a terminal of the test; so are the output and the errors then.
ON_TERMINAL = f"""
import os, sys
os.dup2(0, 1), os.dup2(0, 2)
sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
{MAIN}
"""


def source(folder: Path, uuids: tuple[str, ...] = ("u1", "u2"), **more: list[Any]) -> Path:
    """A directory with the features of two clips, and who they show."""
    columns: dict[str, list[Any]] = {"uuid": list(uuids), "participant_id": ["P7", "P8"], "label": ["MW", "NonMW"]}
    ds = Dataset.from_dict({**columns, "facemae": [[1.0, 2.0], [3.0, 4.0]], **more})
    ds.save_to_disk(folder / "features")
    return folder / "features"


def columns(place: Path) -> list[str]:
    return list(shared(place).column_names)


class Terminal:
    """A command that somebody runs on a terminal; all that it shows is in `shown`."""

    def __init__(self, *arguments: object) -> None:
        self._leader, follower = pty.openpty()
        self._child = second_process.start(ON_TERMINAL, *arguments, stdin=follower, environment={"COLUMNS": "200"})
        os.close(follower)
        self.shown = ""

    def answer(self, asked: str, answer: str) -> None:
        """Wait for a question, and answer it."""
        self._read(lambda: asked in self.shown)
        assert asked in self.shown
        os.write(self._leader, answer.encode())

    def end(self) -> int:
        """Wait for its end; the exit status."""
        self._read(lambda: False)
        os.close(self._leader)
        return self._child.wait(60)

    def _read(self, enough: Any) -> None:
        until = time.monotonic() + 60
        while not enough() and time.monotonic() < until:
            if not select.select([self._leader], [], [], 1)[0]:
                continue
            try:
                self.shown += os.read(self._leader, 65_536).decode()
            except OSError:  # the command has ended
                return


def test_on_a_terminal_each_personal_column_is_shown_and_asked_about(tmp_path: Path) -> None:
    more = {"recorded_at": ["2021-03-04 12:30", "2021-03-05 12:30"], "who": ["Anna Meier", "Ben Schulz"]}
    terminal = Terminal("push", source(tmp_path, **more), tmp_path / "shared")
    terminal.answer("Publish participant_id (P7, ...)? [y/N]", "y\n")
    assert "About to be published:" in terminal.shown
    table, _, _ = terminal.shown.partition("Publish participant_id")
    assert not (tmp_path / "shared").exists(), "asked before anything is written"
    for words in (("uuid", "text", "u1"), ("label", "text", "MW"), ("facemae", "[1, 2, ...]")):
        assert any(all(word in line for word in words) for line in table.splitlines()), words
    assert any("recorded_at" in line and "looks like a moment" in line for line in table.splitlines())
    terminal.answer("Publish recorded_at (2021-03-04 12:30, ...)?", "\n")
    terminal.answer("Publish who (Anna Meier, ...)?", "n\n")
    assert terminal.end() == 0
    assert columns(tmp_path / "shared") == ["uuid", "participant_id", "label", "facemae"]
    assert terminal.shown.count("column") == 1, "listed once"


def test_what_a_set_has_already_is_not_asked_about_again(tmp_path: Path) -> None:
    features = source(tmp_path)
    run("push", str(features), str(tmp_path / "shared"), "--include", "participant_id")
    more = source(tmp_path / "more", ("u3", "u4"))
    terminal = Terminal("push", more, tmp_path / "shared")
    assert terminal.end() == 0
    assert "[y/N]" not in terminal.shown
    assert len(shared(tmp_path / "shared")) == 4


def test_who_leaves_without_an_answer_has_published_nothing(tmp_path: Path) -> None:
    terminal = Terminal("push", source(tmp_path), tmp_path / "shared")
    terminal.answer("[y/N]", "\x04")
    assert terminal.end() == 1
    assert "emollama-hf: nothing was published." in terminal.shown
    assert not (tmp_path / "shared").exists()


@pytest.mark.parametrize("options", [("--yes",), ("--include", "participant_id"), ("--drop", "participant_id")])
def test_who_has_decided_is_not_asked(options: tuple[str, ...], tmp_path: Path) -> None:
    features = source(tmp_path)
    terminal = Terminal("push", features, tmp_path / "shared", *options)
    assert terminal.end() == 0
    assert "[y/N]" not in terminal.shown
    assert ("participant_id" in columns(tmp_path / "shared")) == (options[0] != "--drop")
    ran = run("push", str(features), str(tmp_path / "again"), *options)
    assert "held back" not in ran.stderr
    assert columns(tmp_path / "again") == columns(tmp_path / "shared")


def test_without_a_terminal_it_is_held_back_and_said(tmp_path: Path) -> None:
    features = source(tmp_path, mail=["anna@example.org", ""])
    ran = run("push", str(features), str(tmp_path / "shared"))
    assert ran.stderr.splitlines() == [
        "emollama-hf: held back: participant_id looks like a person. --include participant_id publishes it, "
        "--drop participant_id silences this.",
        "emollama-hf: held back: mail looks like a person. --include mail publishes it, --drop mail silences this.",
    ] + [line for line in ran.stderr.splitlines() if "left out" in line]
    assert columns(tmp_path / "shared") == ["uuid", "label", "facemae"]
    assert "anna@example.org" not in ran.stdout + ran.stderr
    for path in (tmp_path / "shared").rglob("*"):
        if path.is_file():
            assert b"anna@example.org" not in path.read_bytes()
    again = run("push", str(features), str(tmp_path / "shared"))
    assert "2 were there already" in again.stdout


def test_a_column_that_is_named_after_somebody_in_the_rows_or_after_a_file_is_held_back(tmp_path: Path) -> None:
    more: dict[str, list[Any]] = {"who": ["Anna Meier", "Ben Schulz"], "file_name": ["qz_0815.mp4", "b.mp4"]}
    raters = {"anna_meier_valence": [1, 2], "SchulzArousal": [1, 2], "qz_0815_score": [1, 2], "valence": [1, 2]}
    ran = run("push", str(source(tmp_path, **more, **raters)), str(tmp_path / "shared"))
    assert columns(tmp_path / "shared") == ["uuid", "label", "facemae", "valence"]
    for name in ("anna_meier_valence", "SchulzArousal", "qz_0815_score"):
        assert f"held back: {name} looks like a person" in ran.stderr
        for path in (tmp_path / "shared").rglob("*.*"):
            assert name.encode() not in path.read_bytes()
    terminal = Terminal("push", source(tmp_path / "again", **raters, who=more["who"]), tmp_path / "asked")
    terminal.answer("Publish participant_id", "n\n")
    terminal.answer("Publish anna_meier_valence (1, ...)? [y/N]", "y\n")
    terminal.answer("Publish SchulzArousal", "n\n")
    terminal.answer("Publish who", "n\n")
    assert terminal.end() == 0
    assert columns(tmp_path / "asked") == ["uuid", "label", "facemae", "anna_meier_valence", "qz_0815_score", "valence"]


@pytest.mark.parametrize("uuids", [("anna@example.org", "ben@example.org"), ("Anna Meier", "Ben Schulz")])
def test_names_of_rows_that_look_like_people_are_hashed(uuids: tuple[str, str], tmp_path: Path) -> None:
    features = source(tmp_path, uuids)
    ran = run("push", str(features), str(tmp_path / "shared"), "--drop", "participant_id")
    assert "the names in uuid look like a person: hashes of them are published. --include uuid" in ran.stderr
    assert shared(tmp_path / "shared")["uuid"] == [hash_name(name) for name in uuids]
    assert uuids[0] not in ran.stdout
    assert (tmp_path / "features.names.csv").read_text().splitlines()[1:] == [f"{hash_name(n)},{n}" for n in uuids]
    run("push", str(features), str(tmp_path / "shared"), "--drop", "participant_id")
    run("push", str(features), str(tmp_path / "clear"), "--drop", "participant_id", "--include", "uuid")
    assert shared(tmp_path / "clear")["uuid"] == list(uuids)
    terminal = Terminal("push", features, tmp_path / "asked", "--drop", "participant_id")
    terminal.answer(f"Publish the names in uuid in clear ({uuids[0]}, ...)? [y/N]", "n\n")
    assert terminal.end() == 0
    assert shared(tmp_path / "asked")["uuid"] == [hash_name(name) for name in uuids]


def test_the_summary_lists_what_left_and_where_the_table_is(tmp_path: Path) -> None:
    ds = Dataset.from_dict({"file_name": ["Jane_Doe.mp4"], "n": [3], "facemae": [[1.0, 2.0]]})
    ds.save_to_disk(tmp_path / "features")
    told = run("push", str(tmp_path / "features"), str(tmp_path / "shared")).stdout
    lines = [line.split() for line in told.splitlines()]
    assert ["column", "type", "example"] in lines
    assert ["file_name", "hash", "of", "a", "name", hash_name("Jane_Doe.mp4")] in lines
    assert ["n", "int64", "3"] in lines
    assert f"Which row is whose is in {tmp_path / 'features.names.csv'}, which stays here." in told
    told = run("push", str(tmp_path / "features"), str(tmp_path / "clear"), "--names").stdout
    assert ["file_name", "text", "Jane_Doe.mp4"] in [line.split() for line in told.splitlines()]
    assert "names.csv" not in told


def test_nothing_of_a_value_reaches_the_terminal_but_printable_characters(tmp_path: Path) -> None:
    evil = "\u202e[red]\u2066" + "x" * 99  # what has control characters is no short text, and asks nothing
    features = source(tmp_path, label=[evil, "b"], notes=["\x1b]0;owned\x07", "\x1b[31m"],
                      **{"patient\u202e": ["[bold]1", "2"], "\x1b[2J\n": ["a", "b"]})  # fmt: skip
    terminal = Terminal("push", features, tmp_path / "shared", "--drop", "participant_id")
    terminal.answer("[y/N]", "n\n")
    assert terminal.end() == 0
    assert "\\u202e[red]" in terminal.shown
    for bad in ("\x1b]0", "\x07", "\x1b[31m", "\u202e", "\u2066", "\x1b[2J"):
        assert bad not in terminal.shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--names", "--hash-keys"),
            "--names publishes names of files in clear, and --hash-keys and --key-secret hash",
        ),
        (("--include", "nope"), "include: 'nope' is no column; the columns are uuid, participant_id, label, facemae"),
        (("--include", "label", "--drop", "label"), "'label' is to be included and to be dropped"),
    ],
)
def test_what_contradicts_is_one_line(options: tuple[str, ...], message: str, tmp_path: Path) -> None:
    told = run("push", str(source(tmp_path)), str(tmp_path / "shared"), *options, status=1).stderr
    assert message in told
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "shared").exists()
