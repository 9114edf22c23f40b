"""`emollama-hf forget`: a participant's rows out of a shared set, and what still holds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emollama_hf.commands.extract import quiet_unless_terminal
from emollama_hf.commands.key_secret import read_secret
from emollama_hf.commands.report import console
from emollama_hf.console.terminal import shown_text
from emollama_hf.errors import ShareError
from emollama_hf.text.plural import counted


def run_forget(
    target: str, where: Sequence[str], *, revision: str | None, squash: bool, key_secret: Path | None
) -> None:
    """Forget and print a summary. where: texts of the form COLUMN=VALUE."""
    quiet_unless_terminal(log_shards=False)
    from emollama_hf.sharing.forget import forget

    values: dict[str, object] = {}
    for text in where:
        column, separator, value = text.partition("=")
        if not separator or not column:
            raise ShareError(f"--where {text!r}: expected COLUMN=VALUE, such as participant_id=P12.")
        values[column] = value
    done = forget(target, values, revision=revision, squash=squash, key_secret=read_secret(key_secret))
    screen = console()
    written = f"{counted(done.rewritten, 'file')} written again, {done.deleted} removed"
    screen.print(f"{shown_text(done.place)}: {counted(done.rows, 'row')} forgotten; {written}.\n", markup=False)
    for line in done.still_held_by:
        screen.print(f"- {shown_text(line)}", markup=False)
