"""`emollama-hf convert`: the original's checkpoints in, a model directory out, and what became of each file."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from itertools import takewhile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from emollama_hf.checkpoints.model_provenance import read_model_provenance
from emollama_hf.commands.report import console, table
from emollama_hf.conversion.convert import run_adapted_conversion
from emollama_hf.encoders import known_encoders
from emollama_hf.errors import ModelError
from emollama_hf.files.given_path import given_path
from emollama_hf.files.strict_json import read_object


def run_convert(
    out: Path,
    sources: Mapping[str, str | None],
    *,
    lora_alpha: Sequence[float] | None,
    architecture: Path | None,
    dtype: str | None,
    model: str | None = None,
    adapter: str | None = None,
) -> None:
    """Convert and print a summary."""
    target = Path(os.path.abspath(given_path(out, error=ModelError)))  # "." names another folder once it was replaced
    locations = {kind: location for kind, location in sources.items() if location is not None}
    sizes = None if architecture is None else read_architecture(architecture)
    # A bar for people; a log gets the summary alone (rich 13 ends even a disabled bar with a new line).
    screen = Console(stderr=True)  # for a bar without a text
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=screen, transient=True)
    with bar if sys.stderr.isatty() else nullcontext():
        task = bar.add_task("converting", total=None)
        run_adapted_conversion(
            target,
            locations,
            model=model,
            adapter=adapter,
            lora_alpha=lora_alpha,
            architecture=sizes,
            dtype=dtype,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    show_conversion(target)


def read_architecture(path: Path) -> dict[str, Any]:
    """The sizes in a JSON file. Raises ModelError if it cannot be read."""
    try:
        return read_object(path)
    except (OSError, ValueError) as error:
        raise ModelError(f"--architecture {path}: cannot be read as JSON ({error}).") from error


def show_conversion(out: Path) -> None:
    """Print what became of each source, what the parts are, and what to do next."""
    provenance = read_model_provenance(out)
    screen = console()
    report = table("source", "file", "tensors used", "not used, and left out")
    for kind, source in provenance["sources"].items():
        report.add_row(kind, source["name"], str(source["used"]), grouped(source["dropped"]))
    screen.print(report)
    screen.print()
    report = table("part", "size", "sha256")
    for part in (encoder.name for encoder in known_encoders()):
        if part in provenance["parts"]:
            entry = provenance["parts"][part]
            size = sum(file["size"] for file in entry["files"].values())
            report.add_row(part, f"{size / 1e6:,.1f} MB", entry["digest"])
    screen.print(report)
    for conversion in (encoder.conversion for encoder in known_encoders()):
        for line in [] if conversion is None else conversion.summary(provenance["options"]):
            screen.print(f"\n{line}", markup=False)
    if "merged" in provenance:
        merged = provenance["merged"]
        into = f" into {merged['model']['name']}" if merged["model"]["name"] else ""
        screen.print(f"\nThe adapter {merged['adapter']['name']} was merged{into}.", markup=False)
    for name in provenance["licenses"]:
        screen.print(f"Licence copied: {name}", markup=False)
    for notice in provenance["notices"]:
        screen.print(f"\n{notice}", markup=False)
    screen.print(f"\nWrote {out}. Look at it with: emollama-hf info {out}", markup=False)


def grouped(names: list[str]) -> str:
    """Names with the same first word as one: "optimizer, norm.* (2), blocks.39.* (13)"."""
    groups: dict[str, list[list[str]]] = {}
    for name in names:
        groups.setdefault(name.partition(".")[0], []).append(name.split("."))
    shown = [".".join(group[0]) if len(group) == 1 else _pattern(group) for group in groups.values()]
    return ", ".join(shown) or "-"


def _pattern(names: list[list[str]]) -> str:
    """What names have in common: "layers.*.inv_freq (3)"."""
    start, end = _shared_start(names), _shared_start([name[::-1] for name in names])[::-1]
    return f"{'.'.join([*start, '*', *end])} ({len(names)})"


def _shared_start(names: list[list[str]]) -> list[str]:
    return [words[0] for words in takewhile(lambda words: len(set(words)) == 1, zip(*names, strict=False))]
