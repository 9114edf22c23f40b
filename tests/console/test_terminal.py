"""Whatever the data says, a terminal shows lines of printable characters, and nothing forges one."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset
from hypothesis import example, given
from hypothesis import strategies as st

from emollama_hf.commands.report import Screen, columns_table, table
from emollama_hf.console.logs import package_logger
from emollama_hf.console.terminal import for_terminal, shown_text, write_line
from emollama_hf.schema import describe_column
from tests.extraction.crops import write_crops

#: What moves a cursor, colours, reverses, hides or forges, beside any other text.
HOSTILE = [
    "\x1b[31m", "\x1b]0;title\x07", "\x9b2J", "\x07", "\b\b\b", "\r", "\n", "\nfailed: everything", "\x7f",
    "\x00", "\u202e", "\u202a", "\u2068", "\u061c", "\U000e0041", "a\u0301\u0301",
    "\u2066", "\u200b", "\u200d", "\u2028", "\u2029", "\ufeff", "\u00ad", "\x85", "[red]", "[link=http://x]a[/link]",
    "[/]", ":smile:", "\t", "\x1b[8m", "\ue000",
]  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=5)), max_size=5).map("".join)
#: The colours and the bold headings that this package and rich write.
OWN = re.compile(r"\x1b\[[0-9;]*m")


def screen_of(show: Callable[[Screen], None], *, terminal: bool) -> str:
    file = io.StringIO()
    show(Screen(file=file, force_terminal=terminal, highlight=False, soft_wrap=True, width=10_000, emoji=True))
    return OWN.sub("", file.getvalue())


@given(texts)
def test_a_shown_text_is_one_printable_line(text: str) -> None:
    assert shown_text(text).isprintable()
    assert shown_text(text, lines=True).replace("\n", "").isprintable()
    assert shown_text(shown_text(text)) == shown_text(text)
    if text.isprintable():
        assert shown_text(text) == text


@pytest.mark.parametrize("terminal", [True, False])
@given(text=texts)
@example(text="[red]alarm[/red] :smile:")
def test_a_line_is_a_line(terminal: bool, text: str) -> None:
    said = screen_of(lambda screen: screen.print(f"\nlabel: {text}.\n"), terminal=terminal)
    assert said == f"\nlabel: {for_terminal(text)}.\n\n"


@pytest.mark.parametrize("terminal", [True, False])
@given(names=st.lists(texts, min_size=1, max_size=3, unique=True))
def test_a_row_of_a_table_is_a_line(terminal: bool, names: list[str]) -> None:
    kind = ClassLabel(names=names)

    def show(screen: Screen) -> None:
        screen.print(columns_table({name: describe_column(kind) for name in names}))
        made = table(*names)
        made.add_row(*names)
        screen.print(made)

    lines = screen_of(show, terminal=terminal).splitlines()
    assert len(lines) == 1 + len(names) + 2
    assert all(line.isprintable() for line in lines)
    assert all(for_terminal(name).strip() in "\n".join(lines) for name in names)


@given(texts)
def test_a_line_on_standard_error_is_a_line(text: str) -> None:
    for encoding in ("utf-8", "ascii"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with redirect_stderr(stream):
            write_line(f"failed: {text}")
        stream.seek(0)
        said = stream.read()
        assert said.endswith("\n")
        assert said[:-1].isprintable()


@given(texts)
def test_a_record_is_a_line(text: str) -> None:
    stream = io.StringIO()
    logger = package_logger("emollama_hf.test_terminal")
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        logger.warning("%s: left out: %d", text, 3)
    finally:
        logger.removeHandler(handler)
    assert stream.getvalue() == f"{for_terminal(text)}: left out: 3\n"


COMMANDS = """
import json, sys
from emollama_hf.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["emollama-hf", *arguments]
    print("$")
    try:
        main()
    except SystemExit:
        pass
"""


def on_a_terminal(*commands: Sequence[str]) -> str:
    """All that commands write to a terminal of their own."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm", COLUMNS="200")
        os.execv(sys.executable, [sys.executable, "-c", COMMANDS, json.dumps(commands)])
    said = bytearray()
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not piece:
            break
        said += piece
    os.close(terminal)
    os.waitpid(child, 0)
    return said.decode()


def test_commands_on_a_terminal_show_no_control_character(tmp_path: Path) -> None:
    hostile = "".join(HOSTILE).replace("\x00", "")
    frames = [*write_crops(tmp_path / "crops", 1), str(tmp_path / f"missing{hostile}".replace("/", "|"))]
    values = {"frames": frames, f"label{hostile}": [f"value{hostile}", "other"], "uuid": [f"1{hostile}", "2"]}
    ds = Dataset.from_dict(values)
    ds = ds.cast_column(f"label{hostile}", ClassLabel(names=[f"value{hostile}", "other"]))
    ds.save_to_disk(str(tmp_path / "saved"))
    out, made = str(tmp_path / f"out{hostile}".replace("/", "|")), str(tmp_path / "made")
    extract = ("extract", str(tmp_path / "saved"), "--model", "random-tiny", "--faces", "none", "--peak", "middle")
    said = on_a_terminal(
        (*extract, "--out", made), (*extract, "--out", made, "--status"), (*extract, "--out", out), ("info", made),
        ("info", f"nowhere{hostile}"), ("--debug", "info", f"nowhere{hostile}"), ("dance", hostile), (hostile,),
        ("push", made, str(tmp_path / f"shared{hostile}".replace("/", "|"))), ("push", made, made, "--config", hostile),
        ("export", made, "--npy", str(tmp_path / "npy")), ("forget", made, "--where", f"{hostile}=1"),
    )  # fmt: skip
    assert said.count("2 clips") >= 3
    # Of a bar: the start of the line, a line up, the rest of the line cleared.
    plain = re.sub(r"\x1b\[(?:[0-9;]*m|A|K|2K|\?25[hl])", "", said)
    assert plain.replace("\r", "").replace("\n", "").isprintable(), ascii(plain)
    assert "\nfailed: everything" not in plain.replace("\r", "")
    assert not {f"\x1b[{code}m" for code in (8, 31)} & set(re.findall(r"\x1b\[[0-9;]*m", said))
