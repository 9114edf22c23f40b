"""Adapters as a training of a classifier leaves them, with random tensors of a model's sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emollama_hf.checkpoints import open_model
from emollama_hf.checkpoints.adapter import write_adapter
from tests.checkpoints.adapters import adapter_facts, adapter_tensors

INSTRUCTION = "Please classify the video into one of these categories: mind wandering or non-mind wandering."
TEXTS = ("mind wandering", "non-mind wandering")


def write_classifier(
    directory: Path,
    model: str | Path,
    *,
    seed: int = 0,
    texts: Sequence[str] = TEXTS,
    layout: str = "fork",
    chat: bool = True,
) -> Path:
    """An adapter directory for a model.

    Args:
        directory: to write it to.
        model: as `open_model` takes it.
        seed: of the tensors.
        texts: the answer of each class.
        layout: "fork" or "upstream".
        chat: whether the prompt was in the chat template.
    """
    source = open_model(model)
    facts = {
        **adapter_facts(source),
        "prompt": {"task": "classification", "instruction": INSTRUCTION, "chat_template": chat, "layout": layout},
        "labels": {"column": "mw_label", "classes": ["MW", "NonMW"], "texts": list(texts), "positive": "MW"},
        "training": {"recipe": "corrected", "seed": seed},
    }
    return write_adapter(directory, adapter_tensors(source, seed=seed, sound=layout == "upstream"), facts)
