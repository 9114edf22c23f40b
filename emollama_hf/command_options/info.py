"""Options of `emollama-hf info`."""

from __future__ import annotations

from typing import Annotated

import typer


def info(
    target: Annotated[
        str, typer.Argument(help="Feature data set (directory, Hub id, URL) or model (directory, Hub id, random-tiny).")
    ],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of a Hub id.")] = None,
) -> None:
    """Say what a model or a feature data set is, without loading weights or features."""
    from emollama_hf.commands.info import show_info

    show_info(target, revision=revision)
