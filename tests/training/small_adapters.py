"""Adapter directories with a few small tensors: what is published of them needs no model."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from emollama_hf.training.recipe import RECIPES
from emollama_hf.training.report import finetuned_report
from emollama_hf.training.training_facts import result_facts, training_facts
from tests.training.tested_rows import OPTIONS, clips, informed, rows_of

LORA = "llama_model.base_model.model.model.layers.0.self_attn.q_proj.lora_{}.weight"


def provenance(**options: Any) -> dict[str, Any]:
    """What an adapter says of itself, with names that must stay here: of a folder, a clip and a participant."""
    return deepcopy(_provenance(**options))


@cache
def _provenance(*, recipe: str = "corrected", random: bool = False) -> dict[str, Any]:
    ds = clips()
    folds = [f"anna{number}" for number in ds["test_fold_num"]]
    ds = ds.remove_columns("test_fold_num").add_column("test_fold_num", folds)
    rows, chosen = rows_of(ds), RECIPES[recipe]
    tested = np.flatnonzero(rows.folds == 0)
    others = np.flatnonzero(rows.folds != 0)
    probabilities = informed(rows)[tested]
    report = finetuned_report(rows, tested, probabilities, probabilities.argmax(1), chosen, OPTIONS, clips=ds)
    training = training_facts(
        chosen, rows, fit=others[:84], chosen_by=others[84:], tested=tested, fingerprint="f00d" * 4,
        fold_column="test_fold_num", group="participant_id", class_weights=[0.8, 1.6], lora="continue", epoch=3.0,
        steps=30,
    )  # fmt: skip
    return {
        "format": 1,
        "kind": "adapter",
        "emollama_hf": "0.1.0",
        "lora": {"r": 2, "alpha": 16.0, "targets": ["q_proj", "v_proj"], "on": "original"},
        "base": {
            "name": "/data/anna/emotion-llama-hf",
            "random": random,
            "parts": {"emotion_llama": "ab" * 16, "facemae": "cd" * 16, "videomae": "ef" * 16},
        },
        "prompt": {"task": "classification", "instruction": "Is the mind wandering?", "chat_template": True,
                   "layout": "fork"},
        "labels": {"column": "mw_label", "classes": ["NonMW", "MW"], "texts": ["NonMW", "MW"], "positive": "MW"},
        "training": {**training, "fold": "p07", "source": "/data/anna/clips", "names": ["clip0001"]},
        "results": {**result_facts(report), "hardest": ["p07"]},
        "host": "anna-workstation",
    }  # fmt: skip


def small_adapter(folder: Path, *, facts: dict[str, Any] | None = None, **tensors: np.ndarray) -> Path:
    """An adapter directory. tensors: beside the LoRA's."""
    folder.mkdir(parents=True, exist_ok=True)
    lora = {LORA.format("A"): np.ones((2, 8), np.float32), LORA.format("B"): np.ones((8, 2), np.float32)}
    save_file({**lora, "llama_proj.weight": np.ones((8, 4), np.float32), **tensors}, folder / "adapter.safetensors",
              {"format": "pt"})  # fmt: skip
    (folder / "provenance.json").write_text(json.dumps(provenance() if facts is None else facts))
    return folder
