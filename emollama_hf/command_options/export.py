"""Options of `emollama-hf export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emollama_hf.command_options.endings import end
from emollama_hf.command_options.shared_options import Split


def export(
    features: Annotated[str, typer.Argument(help="Feature data set: directory or Hub id.", show_default=False)],
    npy: Annotated[Path, typer.Option("--npy", help="Directory to write {name}.npy files to.")],
    column: Annotated[
        list[str] | None,
        typer.Option(help="Column of arrays; again for more, each in a folder of its own. Default: emollama."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Column that names the files. Default: file_name without its ending, or uuid.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="float16 or float32. Default: as stored.")] = None,
    split: Split = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
) -> None:
    """Write features as the original's scripts do: one .npy file a clip.

    Ends with 0, with 3 if clips were skipped because they have no features, with 1 on an error.
    """
    from emollama_hf.commands.export import run_export

    end(run_export(features, npy, columns=column, name=name, dtype=dtype, split=split, overwrite=overwrite))
