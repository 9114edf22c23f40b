"""Options of `emollama-hf push-adapter`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def push_adapter(
    directory: Annotated[Path, typer.Argument(help="Adapter that finetune wrote.", show_default=False)],
    repo: Annotated[str, typer.Argument(help="ORG/NAME of a model on the Hub.", show_default=False)],
    public: Annotated[bool, typer.Option("--public", help="Allow a public repository. Default: private.")] = False,
    license: Annotated[
        str | None, typer.Option(help="Licence, as the Hub names it. Default: llama2, which holds for derivatives.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Branch of the repository.")] = None,
    tag: Annotated[str | None, typer.Option(help="Name for the new commit, such as v1.")] = None,
) -> None:
    """Share a trained adapter, with a card that says what it was trained on, what it reached and what it is not for.

    Predictions, reports, names of clips and participants, and paths stay here. Asks for a login: hf auth login.
    """
    from emollama_hf.commands.push_adapter import run_push_adapter

    run_push_adapter(directory, repo, private=not public, license=license, revision=revision, tag=tag)
