"""Options of `emollama-hf forget`."""

from __future__ import annotations

from typing import Annotated

import typer

from emollama_hf.command_options.shared_options import KeySecret, SharedSet


def forget(
    target: SharedSet,
    where: Annotated[
        list[str],
        typer.Option("--where", help="COLUMN=VALUE of the rows; again for more.", show_default=False),
    ],
    revision: Annotated[str | None, typer.Option(help="Branch.")] = None,
    squash: Annotated[
        bool, typer.Option("--squash", help="Also remove the history of the branch, and the old files for good.")
    ] = False,
    key_secret: KeySecret = None,
) -> None:
    """Remove the rows of a participant who withdraws, and say what still holds them."""
    from emollama_hf.commands.forget import run_forget

    run_forget(target, where, revision=revision, squash=squash, key_secret=key_secret)
