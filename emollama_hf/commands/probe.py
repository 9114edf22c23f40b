"""`emollama-hf probe`: which feature column carries a label, as a table, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emollama_hf.commands.extract import quiet_unless_terminal
from emollama_hf.commands.report import console, table
from emollama_hf.probing.probe import probe
from emollama_hf.probing.saving import check_folder
from emollama_hf.probing.table_text import details, difference_cells, heading, table_cells


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
    screen.print(heading(result))
    screen.print()
    screen.print(_table(table_cells(result)))
    differences = difference_cells(result)
    if differences:
        screen.print()
        screen.print(_table(differences))
    screen.print()
    for line in details(result):
        screen.print(line)
    if out is not None:
        result.save(out)
        screen.print(f"\nWrote {out}: table.csv, table.txt, probe.json, predictions.parquet and figures (SVG).")
    screen.print(f"\n{result.conclusion}")
    if out is None:
        screen.print("\nNothing was saved: --out FOLDER saves the table, every number, the predictions and figures.")


def _table(lines: Sequence[Sequence[str]]) -> Any:
    report = table(*lines[0])
    for line in lines[1:]:
        report.add_row(*line)
    return report
