"""provenance.json of an adapter: its LoRA and base, prompt and labels, how it was trained and what it reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from emollama_hf.checkpoints import ModelSource
from emollama_hf.encoders.emotion_llama.lora import TARGETS
from emollama_hf.errors import ModelError
from emollama_hf.feature_set.run_description import library_versions
from emollama_hf.probing.result import ProbeResult
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.probing.scoring import ViewScores
from emollama_hf.probing.views import CHANCE, CONTROL
from emollama_hf.training.prompting import Prompting
from emollama_hf.training.recipe import FAULTS, Recipe
from emollama_hf.training.report import FAULTS_NOTE
from emollama_hf.training.split import Split

_LIBRARIES = ("accelerate", "datasets", "peft", "safetensors", "torch", "transformers")
#: Parts of a model whose results a training reads.
_PARTS = ("emotion_llama", "facemae", "videomae", "hubert")


def base_facts(source: ModelSource) -> dict[str, Any]:
    """Name and digests of the base; of a path, the folder's name alone."""
    digests = {}
    for part in _PARTS:
        try:
            digests[part] = source.digest(part)
        except ModelError:
            continue  # rows brought its vectors
    name = Path(source.name).name if Path(source.name).exists() else source.name
    return {"name": name, "parts": digests, "random": source.is_random}


def lora_facts(rank: int, alpha: float, *, continued: bool) -> dict[str, Any]:
    """Of a LoRA that went on from the published factors, or of a new one on top of them."""
    return {"r": rank, "alpha": alpha, "targets": list(TARGETS), "on": "original" if continued else "merged"}


def adapter_facts(
    rows: ProbeRows, split: Split, recipe: Recipe, prompting: Prompting, weights: np.ndarray, *,
    label: str, layout: str, base: Mapping[str, Any], lora: Mapping[str, Any], fold: str | None,
    fold_column: str | None, fingerprint: str, run: str, outcome: Mapping[str, Any], dtype: str, quantize: str | None,
    result: ProbeResult | None,
) -> dict[str, Any]:  # fmt: skip
    """Everything that `write_adapter` records. No clip, no participant and no path is named."""
    classes = list(rows.labels.classes)
    counts = np.bincount(rows.labels.numbers[split.fit], minlength=len(classes))
    return {
        "lora": dict(lora),
        "base": dict(base),
        "prompt": {
            "task": prompting.task,
            "instruction": prompting.instruction,
            "chat_template": prompting.chat_template,
            "layout": layout,
        },
        "labels": {
            "column": label,
            "classes": classes,
            "texts": list(prompting.texts),
            "positive": classes[rows.labels.positive],
        },
        "training": {
            "recipe": recipe.name,
            "faults": list(FAULTS) if recipe.name == "as_published" else [],
            "options": recipe_json(recipe),
            "class_weights": dict(zip(classes, [float(one) for one in weights], strict=True)),
            "dtype": dtype,
            "quantize": quantize,
            "seed": recipe.seed,
            "fold": fold,
            "fold_column": fold_column,
            "rows": {"fitted": len(split.fit), "chose": len(split.held), "held_out": len(split.test)},
            "left_out": dict(rows.left_out),
            "labels": {name: int(count) for name, count in zip(classes, counts, strict=True)},
            "groups": len(np.unique(rows.groups[split.fit])),
            "dataset": fingerprint,
            "run": run,
            **outcome,
            "libraries": library_versions(_LIBRARIES),
        },
        "results": None if result is None else _results(result),
    }


def recipe_json(recipe: Recipe) -> dict[str, Any]:
    """The values of a recipe, JSON-able."""
    found: dict[str, Any] = {}
    for name, value in asdict(recipe).items():
        if isinstance(value, Mapping):
            value = {str(key): _plain(one) for key, one in value.items()}
        elif isinstance(value, list | tuple | np.ndarray):
            value = [_plain(one) for one in value]
        found[name] = value
    return found


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python, which JSON has."""
    return value.item() if isinstance(value, np.generic) else value


def _results(result: ProbeResult) -> dict[str, Any]:
    """Metrics of the tested clips with their intervals, beside control and chance; what is undefined is null."""
    beside = {CONTROL: "control", CHANCE: "chance"}
    return {
        "rows": len(result.rows),
        "groups": len(result.rows.group_names),
        **{beside.get(view, "metrics"): _intervals(scores) for view, scores in result.scores.items()},
        "notes": [note for note in result.notes if note != FAULTS_NOTE],
    }


def _intervals(scores: ViewScores) -> dict[str, dict[str, float | None]]:
    return {
        name: {key: _finite(getattr(one, key)) for key in ("value", "low", "high")}
        for name, one in scores.intervals.items()
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
