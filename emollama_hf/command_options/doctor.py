"""Options of `emollama-hf doctor`."""

from __future__ import annotations

import typer


def doctor() -> None:
    """Say what is installed, what would run where, what is missing and how to mend it."""
    from emollama_hf.commands.doctor import run_doctor

    if not run_doctor():
        raise typer.Exit(1)
