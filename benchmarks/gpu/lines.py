"""What a step says, a line a measurement: JSON at once, and all of it as one table at the end."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

#: What became of a step as a whole. "cut" ran into its time limit, "skipped" never began.
STATUSES = ("done", "failed", "cut", "skipped")
#: The key of a line's details.
DETAILS = "details"


@dataclass(frozen=True)
class Line:
    """One measurement or check of a step.

    what: of which thing. figures: by name, with the unit in the name. passed: of a check; None for a measurement.
    details: what is too long for a row of the table, by name; in JSON alone.
    """

    what: str
    figures: dict[str, Any] = field(default_factory=dict)
    passed: bool | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def record(self, step: str) -> dict[str, Any]:
        """As it is written in JSON."""
        record: dict[str, Any] = {"step": step, "what": self.what}
        if self.passed is not None:
            record["passed"] = self.passed
        record |= {name: _rounded(value, 4) for name, value in self.figures.items()}
        return record | ({DETAILS: _rounded(self.details, 4)} if self.details else {})


def measured(what: str, *, details: dict[str, Any] | None = None, **figures: Any) -> Line:
    return Line(what, figures, details=details or {})


def checked(what: str, passed: bool, *, details: dict[str, Any] | None = None, **figures: Any) -> Line:
    return Line(what, figures, bool(passed), details or {})


class Report:
    """The lines of all steps: each printed and written at once."""

    def __init__(self, out: Path | None = None, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._file = out.open("w", encoding="utf-8") if out is not None else None
        self.records: list[dict[str, Any]] = []

    def add(self, record: dict[str, Any]) -> None:
        self.records.append(record)
        for file in (self._stream, self._file):
            if file is not None:
                file.write(json.dumps(record) + "\n")
                file.flush()

    def status(self, step: str, status: str, **more: Any) -> None:
        """What became of a step."""
        self.add({"step": step, "status": status, **more})

    @property
    def all_well(self) -> bool:
        """Whether every step ran, or could not run on this machine, and every check passed."""
        return all(
            record.get("passed", True) and (record.get("status", "done") == "done" or record.get("unavailable", False))
            for record in self.records
        )

    def table(self) -> str:
        """One table in Markdown: a row a line, what was not measured included."""
        rows = [("step", "what", "check", "figures")]
        for record in self.records:
            if record.get("status") == "done":
                continue
            if "status" in record:
                rows.append((record["step"], record["status"], "", record.get("error") or record.get("reason", "")))
                continue
            check = {True: "passed", False: "FAILED", None: ""}[record.get("passed")]
            rows.append((record["step"], record["what"], check, _text(record)))
        rows.insert(1, ("---", "---", "---", "---"))
        return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _text(record: dict[str, Any]) -> str:
    left_out = ("step", "what", "passed", DETAILS)
    return ", ".join(
        f"{name.replace('_', ' ')} {_shown(value)}" for name, value in record.items() if name not in left_out
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "; ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else str(_rounded(value, 3))
    return str(value).replace("|", "/")


def _rounded(value: Any, digits: int) -> Any:
    """Four digits are more than any of these figures repeats to, and three are enough to read."""
    if isinstance(value, dict):
        return {name: _rounded(one, digits) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one, digits) for one in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
