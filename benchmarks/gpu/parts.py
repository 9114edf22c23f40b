"""The four networks that time goes to, with inputs of the real shapes on the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.gpu.settings import Settings

#: Parts of each stage's network.
PARTS = {"facemae_embed": ("facemae",), "videomae_embed": ("videomae",), "emollama_embed": ("eva", "decoder")}


@dataclass(frozen=True)
class Part:
    """One network. forward: of a batch that `inputs(clips)` has made."""

    name: str
    network: Any
    inputs: Callable[[int], Any]
    forward: Callable[[Any], Any]


def stage_of(name: str, settings: Settings, **options: Any) -> Any:
    """The stage of that name with the run's model and device, in the type that it takes by itself."""
    from emollama_hf.stages import STAGES

    cls = next(stage for stage in STAGES if stage.name == name)
    return cls(settings.model, **{"device": settings.device, "on_error": "raise", **options})  # type: ignore[call-arg]


def parts_of(stage: Any) -> list[Part]:
    """The networks of a stage, loaded."""
    import torch

    from emollama_hf.computing.number_types import product_type

    network = stage.model()
    weight = next(parameter for parameter in network.parameters() if parameter.is_floating_point())
    device = weight.device
    dtype = getattr(torch, product_type(stage.resolved_config()["dtype"]))

    def noise(*shape: int) -> Any:
        return torch.rand(shape, device=device).to(dtype)

    if stage.part != "emotion_llama":
        size, frames = network.image_size, 16
        return [Part(stage.part, network, lambda clips: noise(clips, frames, 3, size, size), network)]
    size, hidden = network.config.image_size, network.config.text_config.hidden_size
    length = stage.prompt().length

    def decode(embeds: Any) -> Any:
        return network.language_model(inputs_embeds=embeds, use_cache=False).last_hidden_state

    return [
        Part(
            "eva", network, lambda clips: noise(clips, 3, size, size) * 4 - 2,
            lambda pixels: network.ln_vision(network.image_tokens(pixels)),
        ),
        Part("decoder", network, lambda clips: noise(clips, length, hidden) * 2 - 1, decode),
    ]  # fmt: skip


def prepared(stage: Any, clips: int, seed: int = 7) -> list[Any]:
    """Rows of noise as `compute` takes them."""
    from emollama_hf.stages.decoder_stage import DecoderInput

    rng, network = np.random.default_rng(seed), stage.model()
    if stage.part == "emotion_llama":
        network.remember(0)  # rounds take the same clips, and each is to compute EVA
        size, width = network.config.image_size, network.config.feature_size
        return [
            DecoderInput(
                rng.integers(0, 256, (size, size, 3), np.uint8),
                rng.standard_normal((2, width), np.float32),
                stage.prompt(),
            )
            for _ in range(clips)
        ]
    size = network.image_size
    return [rng.integers(0, 256, (16, size, size, 3), np.uint8) for _ in range(clips)]


def column(stage: Any, outcomes: list[Any]) -> np.ndarray:
    """What a stage computed, a row a clip. Raises what a row's result is, if that is an error."""
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return np.stack([outcome[stage.makes[0]] for outcome in outcomes])
