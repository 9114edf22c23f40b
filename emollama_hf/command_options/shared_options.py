"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Model directory, Hub id, random-tiny or random-full. Default: the environment's EMOLLAMA_MODEL.",
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Directory to write the feature data set to.")]
Labels = Annotated[Path | None, typer.Option(help="CSV (.tsv, .jsonl, .parquet) with file_name or uuid.")]
Split = Annotated[str | None, typer.Option(help="Split of a data set.")]
KeySecret = Annotated[Path | None, typer.Option(help="File with the secret of hashed names.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
SharedSet = Annotated[str, typer.Argument(help="ORG/NAME on the Hub, a URL, a directory.", show_default=False)]
