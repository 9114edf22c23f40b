"""A probe's result as files."""

from __future__ import annotations

import io
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emollama_hf.files.atomic_write import write_files
from emollama_hf.files.given_path import given_path
from emollama_hf.files.json_text import json_text
from emollama_hf.measures.group_bootstrap import Difference, Interval
from emollama_hf.probing.figures import FIGURES
from emollama_hf.probing.options import LEVEL
from emollama_hf.probing.probe_error import ProbeError
from emollama_hf.probing.result import ProbeResult
from emollama_hf.probing.scoring import Comparison, ViewScores
from emollama_hf.probing.table_text import table_text

FORMAT = 1
TABLE, TEXT, JSON, PREDICTIONS = "table.csv", "table.txt", "probe.json", "predictions.parquet"


def save_result(result: ProbeResult, directory: str | os.PathLike[str]) -> Path:
    """Write a result into a folder; each file is whole or absent, and replaces that of an earlier probe.

    Args:
        result: Of a probe.
        directory: Where to.

    Returns:
        The path of the folder.

    Raises:
        ProbeError: The folder cannot be written to.
    """
    folder = given_path(directory)
    files = {TABLE: result.table.to_csv(index=False).encode(), TEXT: table_text(result).encode()}
    files |= {name: draw(result) for name, draw in FIGURES.items()}
    with io.BytesIO() as parquet:
        result.predictions.to_parquet(parquet, index=False)
        files[PREDICTIONS] = parquet.getvalue()
    files[JSON] = json_text(result_json(result)).encode()
    try:
        write_files(folder, files)
    except OSError as error:
        raise ProbeError(f"{folder} cannot be written to ({error.strerror}). Choose another directory.") from error
    return folder


def check_folder(directory: Path) -> None:
    """Raise ProbeError if a result cannot be written to a folder, which need not exist: before hours of computing."""
    folder = given_path(directory)
    existing = next((path for path in (folder, *folder.absolute().parents) if path.exists()), Path("/"))
    if not existing.is_dir():
        raise ProbeError(f"{existing} is a file, expected a folder. Choose another (--out).")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ProbeError(f"{existing} cannot be written to. Choose another folder (--out).")


def result_json(result: ProbeResult) -> dict[str, Any]:
    """Everything that a result says, JSON-able; what is undefined is null."""
    rows = result.rows
    described = {
        "format": FORMAT,
        **result.origin,
        "options": asdict(result.options),
        "level": LEVEL,
        "rows": {
            "probed": len(rows),
            "left_out": rows.left_out,
            "labels": rows.labels.counts(),
            "positive": rows.labels.classes[rows.labels.positive],
            "groups": len(rows.group_names),
        },
        "folds": {
            "given": result.folds.given,
            "rows": {name: int((result.folds.numbers == fold).sum()) for fold, name in enumerate(result.folds.names)},
        },
        "control": list(result.control),
        "control_read_as": dict(result.control),
        "control_alone": [_comparison_json(one) for one in result.control_alone],
        "random_weights": list(result.random),
        "views": {name: {**_outcome_json(result, name), **_scores_json(result.scores[name])} for name in result.order},
        "differences": [_comparison_json(one) for one in result.comparisons],
        "notes": list(result.notes),
        "conclusion": result.conclusion,
    }
    known: dict[str, Any] = _without_nan(described)
    return known


def _outcome_json(result: ProbeResult, name: str) -> dict[str, Any]:
    outcome = result.outcomes[name]
    return {"model": outcome.model, "shape": outcome.shape, "choices": outcome.choices,
            "permutations": len(outcome.permuted)}  # fmt: skip


def _scores_json(found: ViewScores) -> dict[str, Any]:
    return {
        "metrics": _intervals_json(found.intervals),
        "by_fold": {name: dict(values) for name, values in found.folds.items()},
        "by_seed": {name: list(values) for name, values in found.seeds.items()},
        "permuted": {name: {"mean": mean, "sd": spread} for name, (mean, spread) in found.permuted.items()},
        "hardest_groups": [
            {"group": group, "share_right": share, "rows": rows} for group, share, rows in found.hardest
        ],
        "by_level": {
            level: {"rows": rows, "metrics": _intervals_json(intervals)}
            for level, (rows, intervals) in found.levels.items()
        },
        "gap": {
            metric: {"highest": high, "lowest": low, **_difference_json(difference)}
            for metric, (high, low, difference) in found.gap.items()
        },
    }


def _comparison_json(one: Comparison) -> dict[str, Any]:
    return {
        "first": one.first,
        "second": one.second,
        "metric": one.metric,
        "family": one.family,
        **_difference_json(one.difference),
        "p_holm": one.p_holm,
    }


def _intervals_json(intervals: Any) -> dict[str, dict[str, float]]:
    return {name: _interval_json(one) for name, one in intervals.items()}


def _interval_json(one: Interval) -> dict[str, float]:
    return {"value": one.value, "low": one.low, "high": one.high}


def _difference_json(one: Difference) -> dict[str, float]:
    return {"value": one.value, "low": one.low, "high": one.high, "p": one.p}


def _without_nan(value: Any) -> Any:
    """The same with null for what is no finite number, which JSON does not have."""
    if isinstance(value, dict):
        return {str(name): _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
