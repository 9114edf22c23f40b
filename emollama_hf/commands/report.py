"""Tables that several commands print."""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from emollama_hf.timing import StageTime


def console() -> Console:
    """Standard output; plain and not folded at 80 columns where it is no terminal."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a directory's name need not be UTF-8
    out = Console(highlight=False, soft_wrap=True)
    return out if out.is_terminal else Console(highlight=False, soft_wrap=True, width=160)


def table(*headings: str) -> Table:
    made = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def columns_table(columns: Mapping[str, str]) -> Table:
    """Names and descriptions of columns, as `store.feature_set.describe_column` words them."""
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
