"""What commands print with: lines and tables in which nothing that comes from data is markup or moves the cursor."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from emollama_hf.console.terminal import for_terminal
from emollama_hf.console.timing import StageTime


class Screen(Console):
    """A console that shows texts as they are: no markup, no emoji codes, no control characters, no secrets."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print a line. Its own line breaks are at its ends; those within it are a value's and are shown as escapes."""
        options = {name: value for name, value in options.items() if name != "markup"}
        super().print(*(_line(one) if isinstance(one, str) else one for one in objects), **options)


class PlainTable(Table):
    """A table of texts, shown as they are; line breaks in a cell are shown as escapes."""

    def add_column(self, header: Any = "", *arguments: Any, **options: Any) -> None:
        super().add_column(_cell(header), *arguments, **options)

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*map(_cell, cells), **options)


def console() -> Screen:
    """Standard output; plain and not folded at 80 columns where it is no terminal."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal need not know every letter
    out = Screen(highlight=False, soft_wrap=True)
    return out if out.is_terminal else Screen(highlight=False, soft_wrap=True, width=160)


def table(*headings: str) -> Table:
    made = PlainTable(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def _line(text: str) -> Text:
    start, end = len(text) - len(text.lstrip("\n")), len(text.rstrip("\n"))
    inner = for_terminal(text[start:end])
    return Text("\n" * start + inner + "\n" * (len(text) - max(end, start)))


def _cell(value: Any) -> Any:
    return Text(for_terminal(value)) if isinstance(value, str) else value


def columns_table(columns: Mapping[str, str]) -> Table:
    """Names and descriptions of columns, as `schema.describe_column` words them."""
    made = table("column", "one row")
    for name, description in columns.items():
        made.add_row(name, description)
    return made


def times_table(times: Mapping[str, StageTime]) -> Table:
    """Seconds, share and seconds a clip of each stage."""
    total = sum(time.seconds for time in times.values()) or 1.0
    made = table("stage", "seconds", "share", "seconds a clip")
    for name, time in times.items():
        a_clip = time.seconds / time.rows if time.rows else 0.0
        made.add_row(name, f"{time.seconds:.2f}", f"{time.seconds / total:.0%}", f"{a_clip:.2f}")
    return made


def status_line(statuses: Counter[str]) -> str:
    """ "3 clips: 2 ok, 1 missing_file"."""
    parts = ", ".join(f"{count} {kind}" for kind, count in statuses.most_common())
    clips = sum(statuses.values())
    return f"{clips} {'clip' if clips == 1 else 'clips'}: {parts or 'none'}"
