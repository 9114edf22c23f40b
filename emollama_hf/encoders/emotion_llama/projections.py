"""Emotion-LLaMA's trained part: the projections, and LoRA factors for the decoder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.emotion_llama.llama import decoder_shapes
from emollama_hf.encoders.emotion_llama.lora import TARGETS, lora_shapes
from emollama_hf.encoders.emotion_llama.sources import UNUSED_OF_PROJECTIONS
from emollama_hf.encoders.emotion_llama.trained_names import PROJECTIONS, projection_inputs
from emollama_hf.encoders.recognise import check_looks_like
from emollama_hf.tensors.tensor_names import Shape, check_names, split_unused


def projection_tensors(
    state: Mapping[str, torch.Tensor],
    config: Config,
    targets: Iterable[str] = TARGETS,
    *,
    where: str = "Emotion-LLaMA checkpoint",
) -> Iterator[tuple[str, torch.Tensor]]:
    """(name, tensor) of the projections in emotion_llama/, in the checkpoint's dtypes.

    state: the checkpoint's `model`, LoRA factors included.  config: of emotion_llama/.
    targets: the decoder's layers that were trained with LoRA.
    Raises ModelError with all missing, unexpected and misshapen tensors.
    """
    used, _ = split_unused(state, UNUSED_OF_PROJECTIONS)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    found = {name: shapes[name] for name in used}
    hint = check_looks_like("emotion_llama", shapes)
    check_names(_expected(config, found, targets), found, where=where, hint=hint)
    for old, new in PROJECTIONS.items():
        for kind in ("weight", "bias"):
            yield f"{new}.{kind}", state[f"{old}.{kind}"]


def _expected(config: Config, found: Mapping[str, Shape], targets: Iterable[str]) -> dict[str, Shape]:
    hidden = config["text_config"]["hidden_size"]
    shapes: dict[str, Shape] = {}
    for name, width in projection_inputs(config).items():
        shapes |= {f"{name}.weight": (hidden, width), f"{name}.bias": (hidden,)}
    return shapes | lora_shapes(found, decoder_shapes(config["text_config"]), targets)
