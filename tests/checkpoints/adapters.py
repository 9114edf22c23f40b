"""Adapters with random tensors, for any model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from emollama_hf.checkpoints import ModelSource
from emollama_hf.checkpoints.adapter import write_adapter
from emollama_hf.encoders.emotion_llama.llama import decoder_shapes
from emollama_hf.encoders.emotion_llama.lora import factor_shapes
from emollama_hf.encoders.emotion_llama.trained_names import SOUND_PROJECTION, projection_inputs

TARGETS = ("q_proj", "v_proj")


def adapter_tensors(
    source: ModelSource, *, rank: int = 4, seed: int = 0, sound: bool = False
) -> dict[str, torch.Tensor]:
    """LoRA factors and projections that change what a model computes.  sound: of the upstream layout."""
    config = source.config("emotion_llama")
    hidden = config["text_config"]["hidden_size"]
    shapes = factor_shapes(decoder_shapes(config["text_config"]), TARGETS, rank)
    for name, width in projection_inputs(config).items():
        if sound or name != SOUND_PROJECTION:
            shapes |= {f"{name}.weight": (hidden, width), f"{name}.bias": (hidden,)}
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) * shape[-1] ** -0.5 for name, shape in shapes.items()}


def adapter_facts(source: ModelSource, **lora: Any) -> dict[str, Any]:
    """What provenance.json needs.  lora: facts that differ from those of `adapter_tensors`."""
    return {
        "lora": {"r": 4, "alpha": 8.0, "targets": list(TARGETS), "on": "merged", **lora},
        "base": {"name": "the-base", "parts": {"emotion_llama": source.digest("emotion_llama")}},
        "prompt": {"task": "emotion", "instruction": "Which?", "chat_template": False, "layout": "fork"},
    }


def write_random_adapter(
    directory: Path, source: ModelSource, *, rank: int = 4, seed: int = 0, sound: bool = False, **lora: Any
) -> Path:
    """An adapter for a model. Arguments as above."""
    tensors = adapter_tensors(source, rank=rank, seed=seed, sound=sound)
    return write_adapter(directory, tensors, adapter_facts(source, r=rank, **lora))
