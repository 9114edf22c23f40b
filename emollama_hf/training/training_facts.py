"""What an adapter's provenance says of its training and results: counts and numbers, no names of clips or people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from emollama_hf.measures.group_bootstrap import Interval
from emollama_hf.probing.result import ProbeResult
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.probing.views import CHANCE, CONTROL
from emollama_hf.training.recipe import Recipe


def training_facts(
    recipe: Recipe,
    rows: ProbeRows,
    *,
    fit: np.ndarray,
    chosen_by: np.ndarray,
    tested: np.ndarray,
    fingerprint: str,
    fold_column: str | None,
    group: str | None,
    class_weights: Sequence[float],
    lora: str,
    quantize: str | None = None,
    epoch: float | None = None,
    steps: int | None = None,
) -> dict[str, Any]:
    """The part "training" of an adapter's provenance.

    Args:
        recipe: With all values that held.
        rows: All rows that could be used.
        fit, chosen_by, tested: Positions of the rows that were trained on, that chose the best epoch, and that were
            held out; empty where there were none.
        fingerprint: Of the data set.
        fold_column, group: Columns; None where there was none.
        class_weights: That were trained with, in the order of the classes.
        lora: "continue" or "new".
        quantize: Of the base, as "4bit".
        epoch: Of the tensors that were kept.
        steps: Of the optimiser.

    Returns:
        JSON-able facts.
    """
    parts = {"all": np.arange(len(rows)), "fit": fit, "chosen_by": chosen_by, "tested": tested}
    options = {**asdict(recipe), "betas": list(recipe.betas)}
    for name in ("class_weights", "target_texts"):
        options[name] = _plain(options[name])
    return {
        "recipe": recipe.name,
        "options": options,
        "seed": recipe.seed,
        "lora": lora,
        "quantize": quantize,
        "fingerprint": fingerprint,
        "group": group,
        "fold_column": fold_column,
        "folds": len(rows.fold_names),
        "rows": {name: len(part) for name, part in parts.items()},
        "groups": {name: len(np.unique(rows.groups[part])) for name, part in parts.items()},
        "labels": rows.labels.counts(),
        "class_weights": dict(zip(rows.labels.classes, map(float, class_weights), strict=True)),
        "left_out": dict(rows.left_out),
        "epoch": epoch,
        "steps": steps,
    }


def result_facts(result: ProbeResult) -> dict[str, Any]:
    """The part "results" of an adapter's provenance: metrics with their 95 % intervals, of chance and control, too."""
    views = {("control" if name == CONTROL else "chance" if name == CHANCE else "emotion_llama"): scores.intervals
             for name, scores in result.scores.items()}  # fmt: skip
    labels = result.rows.labels
    return {
        "rows": len(result.rows),
        "groups": len(result.rows.group_names),
        "folds": len(result.folds.names),
        "positive": labels.classes[labels.positive],
        **{name: {metric: _interval(one) for metric, one in found.items()} for name, found in views.items()},
        "notes": list(result.notes),
    }


def _interval(one: Interval) -> dict[str, float | None]:
    ends = {"value": one.value, "low": one.low, "high": one.high}
    return {name: None if value != value else value for name, value in ends.items()}


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, list | tuple) else value
