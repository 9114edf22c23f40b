"""Options of `emollama-hf convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emollama_hf.encoders import weight_sources

#: Help of the options that name what is converted.
_SOURCES = {source.option: source.help for source in weight_sources()}


def convert(
    out: Annotated[Path, typer.Option("--out", "-o", help="Model directory to write; it must be new or empty.")],
    facemae: Annotated[str | None, typer.Option(help=_SOURCES["facemae"])] = None,
    videomae: Annotated[str | None, typer.Option(help=_SOURCES["videomae"])] = None,
    hubert: Annotated[str | None, typer.Option(help=_SOURCES["hubert"])] = None,
    eva: Annotated[str | None, typer.Option(help=_SOURCES["eva"])] = None,
    emotion_llama: Annotated[str | None, typer.Option(help=_SOURCES["emotion_llama"])] = None,
    llama: Annotated[str | None, typer.Option(help=_SOURCES["llama"])] = None,
    lora_alpha: Annotated[
        list[float] | None, typer.Option(help="LoRA alpha, if the checkpoint does not say it.")
    ] = None,
    architecture: Annotated[
        Path | None, typer.Option(help="JSON file with sizes, for models other than the published ones.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32, float16 or bfloat16 for every tensor. Default: as the sources have it.")
    ] = None,
    adapter: Annotated[
        str | None, typer.Option(help="What finetune trained, a directory or Hub id: merged into the result.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model directory or Hub id to merge the adapter into, instead of the sources.")
    ] = None,
) -> None:
    """Make a model directory from the original's checkpoints, or from another one with --model and --adapter.

    Each source is a path, a URL of any fsspec scheme, or hf://OWNER/NAME and a path below it.

    Any subset of the six may be given: the face encoders alone are useful, and Llama-2 is gated.
    """
    from emollama_hf.commands.convert import run_convert

    sources = {
        "facemae": facemae, "videomae": videomae, "hubert": hubert,
        "eva": eva, "emotion_llama": emotion_llama, "llama": llama,
    }  # fmt: skip
    run_convert(
        out, sources, lora_alpha=lora_alpha, architecture=architecture, dtype=dtype, model=model, adapter=adapter
    )
