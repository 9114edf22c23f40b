"""A probe's result on the screen: heading, table, differences and details, and the conclusion last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emollama_hf.commands.report import Screen, table
from emollama_hf.probing.result import ProbeResult
from emollama_hf.probing.table_text import details, difference_cells, heading, table_cells


def print_result(screen: Screen, result: ProbeResult, *, written: str | None = None) -> None:
    """Print a result.

    Args:
        screen: To print with.
        result: Of a probe or a training.
        written: A line that says where its files are, between the details and the conclusion.
    """
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
    if written is not None:
        screen.print(f"\n{written}")
    screen.print(f"\n{result.conclusion}")


def _table(lines: Sequence[Sequence[str]]) -> Any:
    report = table(*lines[0])
    for line in lines[1:]:
        report.add_row(*line)
    return report
