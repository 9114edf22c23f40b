"""Options of `emollama-hf demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emollama_hf.command_options.endings import end
from emollama_hf.command_options.shared_options import Out


def demo(
    out: Out = Path("demo-features"),
    model: Annotated[str, typer.Option("--model", "-m", help="As for extract.")] = "random-tiny",
) -> None:
    """Make two short clips with a face and extract their features: the whole chain in one go."""
    from emollama_hf.commands.demo import run_demo

    end(run_demo(out, model))
