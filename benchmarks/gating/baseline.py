"""gate.json: what each ratio was on one machine, and which machine that was."""

from __future__ import annotations

import json
import math
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.gating.ratio import GateError
from benchmarks.gating.verdict import Estimate

#: Packages whose versions move a ratio.
_PACKAGES = ("torch", "datasets", "pyarrow", "numpy", "av", "opencv-python-headless")
_DIGITS = 4


@dataclass(frozen=True)
class Baseline:
    """machine: names and versions, for people. ratios: estimates by the name of the ratio."""

    machine: dict[str, str]
    ratios: dict[str, Estimate]


def read_baseline(path: Path) -> Baseline:
    """Raises GateError if there is no such file, or if it is not what `write_baseline` writes."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GateError(f"{path} does not exist. Record one on this machine with --record.") from None
    except (OSError, ValueError) as error:  # of JSON, and of text that is not UTF-8
        reason = error.strerror if isinstance(error, OSError) else error
        raise GateError(f"{path} cannot be read as JSON ({reason}). Restore it, or record anew.") from None
    try:
        machine = {str(name): str(value) for name, value in content["machine"].items()}
        ratios = {str(name): _estimate(entry) for name, entry in content["ratios"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise GateError(
            f"{path} is not a file of recorded ratios ({type(error).__name__}: {error}). Expected machine, and ratios "
            "with ratio, low, high and rounds of each. Restore it, or record anew."
        ) from None
    return Baseline(machine, ratios)


def _estimate(entry: dict[str, Any]) -> Estimate:
    ratio, low, high = (float(entry[name]) for name in ("ratio", "low", "high"))
    if not (math.isfinite(ratio) and ratio > 0):
        raise ValueError(f"a ratio of {ratio}, expected a positive number")
    return Estimate(ratio, low, high, int(entry["rounds"]))


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Replace the file as a whole. Raises GateError if that is not possible."""
    ratios = {
        name: {key: round(value, _DIGITS) for key, value in asdict(found).items()}
        for name, found in sorted(baseline.ratios.items())
    }
    text = json.dumps({"machine": baseline.machine, "ratios": ratios}, indent=2) + "\n"
    partial = path.with_name(f"{path.name}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise GateError(f"{path} cannot be written ({error.strerror}). Name another file with --baseline.") from None


def this_machine() -> dict[str, str]:
    """What ratios depend on besides the code: processor, cores, system, Python, libraries."""
    facts = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for name in _PACKAGES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = "not installed"
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = facts.get("model name", platform.processor() or "unknown")
    return f"{name}, family {facts['cpu family']}, model {facts['model']}" if "cpu family" in facts else name


def differences(recorded: dict[str, str], here: dict[str, str]) -> list[str]:
    """`name recorded → here` for each fact that is not the same."""
    return [
        f"{name} {recorded.get(name, 'unknown')} → {here.get(name, 'unknown')}"
        for name in dict.fromkeys([*recorded, *here])
        if recorded.get(name) != here.get(name)
    ]
