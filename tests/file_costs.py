"""A table of the test files that cost most, at the end of every run: where the next minute can be saved."""

from __future__ import annotations

from collections import defaultdict

import pytest

SHOWN = 12


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Seconds a file, set-up and tear-down included, summed over the processes that ran its tests."""
    seconds: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.partition("::")[0]] += report.duration
    dearest = sorted(seconds.items(), key=lambda item: -item[1])[:SHOWN]
    terminalreporter.write_sep("=", f"files that cost most, of {sum(seconds.values()):.0f} s in {len(seconds)} files")
    for name, spent in dearest:
        terminalreporter.write_line(f"{spent:7.1f} s  {name}")
