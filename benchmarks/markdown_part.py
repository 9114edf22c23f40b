"""A part of a Markdown file that a program writes: what lies between `<!-- NAME -->` and `<!-- /NAME -->`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MarkdownPart:
    """A part that its file is known to have.

    Raises ValueError for a file that lacks it; OSError for one that cannot be read.
    """

    path: Path
    name: str

    def __post_init__(self) -> None:
        self._around()

    def fill(self, text: str) -> None:
        """Put a text in place of the one that is there."""
        before, after = self._around()
        self.path.write_text(f"{before}\n{text.strip()}\n\n{after}", encoding="utf-8")

    def _around(self) -> tuple[str, str]:
        opening, closing = f"<!-- {self.name} -->\n", f"<!-- /{self.name} -->\n"
        before, begins, rest = self.path.read_text(encoding="utf-8").partition(opening)
        _, ends, after = rest.partition(closing)
        if not (begins and ends):
            raise ValueError(
                f"{self.path} lacks the lines {opening.strip()} and {closing.strip()}, one after the other. Add them."
            )
        return before + begins, ends + after


def add_option(parser: argparse.ArgumentParser) -> None:
    """`--table FILE`."""
    parser.add_argument("--table", type=Path, help="Markdown file to put the table into, as benchmarks/README.md")


def part_asked_for(parser: argparse.ArgumentParser, path: Path | None, name: str) -> MarkdownPart | None:
    """The part to fill, None if none was asked for; ends the program if the file does not have it."""
    try:
        return None if path is None else MarkdownPart(path, name)
    except (OSError, ValueError) as error:
        parser.error(f"--table: {error}")
