"""Which columns a push on the command line may publish: somebody is asked about each that looks personal."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence

import typer
from rich.console import Console
from rich.text import Text

from emollama_hf.commands.report import console, table
from emollama_hf.console.terminal import shown_text
from emollama_hf.errors import ShareError
from emollama_hf.privacy.numbered_columns import named_columns
from emollama_hf.sharing.published_columns import PublishedColumn


class AskColumns:
    """A review that asks on a terminal, and elsewhere holds back what looks personal.

    include: columns that may leave unasked. yes: so may all. shown: whether the columns were listed for somebody to
    decide. unasked: what was held back because nobody could be asked, a sentence each.
    """

    def __init__(self, *, include: Collection[str], yes: bool) -> None:
        self.include = include
        self.yes = yes
        self.shown = False
        self.unasked: list[str] = []

    def __call__(self, columns: Sequence[PublishedColumn]) -> list[str]:
        """The names of columns to hold back."""
        asked = [] if self.yes else self._asked(columns)
        if not asked:
            return []
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            self.unasked = [_held_back(column) for column in asked]
            return [column.name for column in asked]
        screen = console()
        screen.print("About to be published:")
        print_columns(screen, columns)
        self.shown = True
        return [column.name for column in asked if not _confirmed(column)]

    def _asked(self, columns: Sequence[PublishedColumn]) -> list[PublishedColumn]:
        named = named_columns(self.include, [column.name for column in columns])
        new = [column for column in columns if not column.already_published and column.name not in named]
        return [column for column in new if column.personal is not None]


def print_columns(screen: Console, columns: Sequence[PublishedColumn]) -> None:
    """Print what is published: column, type, an example, what it looks like."""
    listed = table("column", "type", "example", "")
    for column in columns:
        remark = "" if column.personal is None else f"looks like {column.personal}"
        listed.add_row(*(Text(shown_text(text)) for text in (column.name, column.type, column.example, remark)))
    screen.print(listed)


def _held_back(column: PublishedColumn) -> str:
    name = shown_text(column.name)
    if column.names_rows:
        return (
            f"the names in {name} look like {column.personal}: hashes of them are published. --include {name} "
            "publishes the names, --hash-keys silences this."
        )
    return (
        f"held back: {name} looks like {column.personal}. --include {name} publishes it, --drop {name} silences this."
    )


def _confirmed(column: PublishedColumn) -> bool:
    what = f"the names in {column.name} in clear" if column.names_rows else column.name
    try:
        return typer.confirm(f"Publish {shown_text(what)} ({column.example}, ...)?", default=False)
    except typer.Abort:
        raise ShareError("nothing was published.") from None
