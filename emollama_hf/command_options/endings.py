"""How a command ends: its exit status, and its error in one line."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from emollama_hf.console.terminal import write_line

#: The command finished, and some rows failed.
SOME_FAILED = 3
#: Ctrl-C, as shells count it.
INTERRUPTED = 130


def end(failed_rows: int) -> None:
    """End with 3 if rows failed.

    Raises:
        typer.Exit: rows failed.
    """
    if failed_rows:
        raise typer.Exit(SOME_FAILED)


def fail(message: str, status: int) -> NoReturn:
    """End the process with a status, after one line on standard error."""
    write_line(f"emollama-hf: {message}")
    sys.exit(status)
