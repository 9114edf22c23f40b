"""`emollama-hf probe`: which feature column carries a label, as a table, and as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emollama_hf.commands.extract import quiet_unless_terminal
from emollama_hf.commands.probe_table import print_result
from emollama_hf.commands.report import console
from emollama_hf.probing.probe import probe
from emollama_hf.probing.saving import check_folder


def run_probe(source: str, *, out: Path | None, **options: Any) -> None:
    """Probe, print the table and what to conclude, and write the result where that is asked for.

    Args:
        source: A feature data set: a directory, a data set on the Hub, a URL.
        out: The folder to write to.
        options: As `emollama_hf.probe`.

    Raises:
        ProbeError, ValueError: As `emollama_hf.probe` and `ProbeResult.save`.
    """
    quiet_unless_terminal()
    if out is not None:
        check_folder(out)
    result = probe(source, **options)
    screen = console()
    written = None
    if out is not None:
        result.save(out)
        written = f"Wrote {out}: table.csv, table.txt, probe.json, predictions.parquet and figures (SVG)."
    print_result(screen, result, written=written)
    if out is None:
        screen.print("\nNothing was saved: --out FOLDER saves the table, every number, the predictions and figures.")
