"""Adapter directories with a few small tensors: what is published of them needs no model."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emollama_hf.checkpoints.adapter import write_adapter
from emollama_hf.training.adapter_facts import adapter_facts, lora_facts
from emollama_hf.training.prompting import Prompting
from emollama_hf.training.recipe import RECIPES
from emollama_hf.training.report import finetuned_report
from emollama_hf.training.split import Split
from tests.training.tested_rows import OPTIONS, clips, informed, rows_of

LORA = "llama_model.base_model.model.model.layers.0.self_attn.q_proj.lora_{}.weight"


def provenance(**options: Any) -> dict[str, Any]:
    """What an adapter says of itself, with names that must stay here: of a folder, a clip and a participant."""
    return deepcopy(_provenance(**options))


@cache
def _provenance(*, recipe: str = "corrected", random: bool = False, tested: bool = True) -> dict[str, Any]:
    ds = clips()
    folds = [f"anna{number}" for number in ds["test_fold_num"]]
    ds = ds.remove_columns("test_fold_num").add_column("test_fold_num", folds)
    rows, chosen = rows_of(ds), RECIPES[recipe]
    others = np.flatnonzero(rows.folds != 0)
    split = Split(others[:84], others[84:], np.flatnonzero(rows.folds == 0))
    probabilities = informed(rows)[split.test]
    report = finetuned_report(rows, split.test, probabilities, probabilities.argmax(1), chosen, OPTIONS, clips=ds)
    asked = Prompting("classification", "Is the mind wandering?", True, np.zeros(3, np.int64), ("NonMW", "MW"),
                      ((1, 2), (3, 2)), 0)  # fmt: skip
    facts = adapter_facts(
        rows, split, chosen, asked, np.array([0.8, 1.6]), label="mw_label", layout="fork",
        base={"name": "/data/anna/emotion-llama-hf", "random": random,
              "parts": {"emotion_llama": "ab" * 32, "facemae": "cd" * 32, "videomae": "ef" * 32}},
        lora=lora_facts(2, 16.0, continued=True), fold="anna0", fold_column="test_fold_num", fingerprint="f00d" * 4,
        run="0123" * 8, dtype="float32", quantize=None, result=report if tested else None,
        outcome={"chosen": {"step": 30, "epoch": 3.0, "loss": 0.5}, "steps": 50, "history": [{"loss": 0.6}]},
    )  # fmt: skip
    own = {"format": 1, "kind": "adapter", "emollama_hf": "0.1.0", "host": "anna-workstation", **facts}
    return {**own, "training": {**facts["training"], "source": "/data/anna/clips", "names": ["clip0001"]}}


def small_adapter(folder: Path, **tensors: torch.Tensor) -> Path:
    """An adapter directory. tensors: beside the LoRA's."""
    lora = {LORA.format("A"): torch.ones(2, 8), LORA.format("B"): torch.ones(8, 2)}
    return write_adapter(folder, {**lora, "llama_proj.weight": torch.ones(8, 4), **tensors}, provenance())
