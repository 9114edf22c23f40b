"""Adapters of Emotion-LLaMA: the original checkpoint's names, and what becomes of the part's weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from emollama_hf.encoders.adaptation import NEW_LORA, Adaptation, Changes, KeptLora, LoraFacts
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.conversion import KeptFile
from emollama_hf.encoders.emotion_llama.trained_names import (
    SOUND_PROJECTION,
    changed_weight,
    decoder_weight,
    is_factor,
    lora_layer,
    projection_inputs,
)
from emollama_hf.errors import ModelError
from emollama_hf.tensors.tensor_names import Shape, check_names

if TYPE_CHECKING:
    import torch

    from emollama_hf.encoders.emotion_llama.lora import Lora


class EmotionLlamaAdaptation(Adaptation):
    """LoRA factors of the decoder, and the projections."""

    def kept_lora(self, file: Path, config: Config) -> KeptLora:
        from emollama_hf.encoders.emotion_llama.llama import decoder_shapes
        from emollama_hf.encoders.emotion_llama.lora import lora_factors, lora_shapes
        from emollama_hf.tensors.strict_load import open_safetensors
        from emollama_hf.tensors.weight_values import check_finite, check_types

        opened = open_safetensors(file)
        alpha = _alpha(opened.metadata() or {}, file)
        state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no Mapping)
        found = {name: tuple(tensor.shape) for name, tensor in state.items()}
        targets = {lora_layer(name).rpartition(".")[2] for name in state if is_factor(name)}
        if not targets:
            raise ModelError(f"{file}: holds no LoRA factors. Convert the model again, or {NEW_LORA}.")
        expected = lora_shapes(found, decoder_shapes(config["text_config"]), targets)
        check_names(expected, found, where=str(file), hint="it belongs to another model: convert the model again")
        check_types(state.items(), where=str(file))
        check_finite(state.items(), where=str(file))
        return KeptLora(alpha, lora_factors(state, alpha))

    def check_tensors(self, shapes: Mapping[str, Shape], config: Config, lora: LoraFacts, *, where: str) -> None:
        from emollama_hf.encoders.emotion_llama.llama import decoder_shapes
        from emollama_hf.encoders.emotion_llama.lora import factor_shapes

        expected: dict[str, Shape] = {}
        hidden = config["text_config"]["hidden_size"]
        for name, width in projection_inputs(config).items():
            if name != SOUND_PROJECTION or any(found.startswith(f"{name}.") for found in shapes):
                expected |= {f"{name}.weight": (hidden, width), f"{name}.bias": (hidden,)}
        expected |= factor_shapes(decoder_shapes(config["text_config"]), lora.targets, lora.r)
        hint = "the adapter was trained for a model of other sizes, or is not whole"
        check_names(expected, shapes, where=where, hint=hint)

    def lora_of(self, tensors: Mapping[str, torch.Tensor], lora: LoraFacts) -> KeptLora:
        from emollama_hf.encoders.emotion_llama.lora import lora_factors

        return KeptLora(lora.alpha, lora_factors(tensors, lora.alpha))

    def kept_file(self, tensors: Mapping[str, torch.Tensor], lora: LoraFacts) -> KeptFile:
        return kept_factors(tensors, lora.alpha)

    def ranks(self, shapes: Mapping[str, Shape]) -> set[int]:
        factors = {name: shape for name, shape in shapes.items() if is_factor(name) and len(shape) == 2}
        return {shape[0] if ".lora_A." in name else shape[1] for name, shape in factors.items()}

    def changed_names(self, names: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(map(changed_weight, names)))

    def changes(self, tensors: Mapping[str, torch.Tensor], lora: LoraFacts, replaced: KeptLora | None) -> Changes:
        added = self.lora_of(tensors, lora).factors
        removed = {} if replaced is None else replaced.factors
        layers = dict.fromkeys((*removed, *added))
        return {
            **{changed_weight(name): _instead(tensor) for name, tensor in tensors.items() if not is_factor(name)},
            **{decoder_weight(layer): _merged(removed.get(layer), added.get(layer)) for layer in layers},
        }


def kept_factors(tensors: Mapping[str, torch.Tensor], alpha: float) -> KeptFile:
    """The LoRA factors among a checkpoint's tensors, as `EmotionLlamaAdaptation.kept_lora` reads them."""
    factors = {name: tensor for name, tensor in tensors.items() if is_factor(name)}
    return KeptFile(factors, {"alpha": str(int(alpha)) if alpha == int(alpha) else repr(float(alpha))})


def _instead(tensor: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda stored: tensor


def _merged(removed: Lora | None, added: Lora | None) -> Callable[[torch.Tensor], torch.Tensor]:
    def change(stored: torch.Tensor) -> torch.Tensor:
        base = stored if removed is None else removed.removed_from(stored)
        return base if added is None else added.merged_into(base)

    return change


def _alpha(metadata: Mapping[str, str], file: Path) -> float:
    try:
        alpha = float(metadata["alpha"])
    except (KeyError, ValueError):
        alpha = 0.0
    if not 0 < alpha < float("inf"):
        raise ModelError(
            f"{file}: says no LoRA alpha, found metadata {dict(metadata)!r:.200}. Convert the model again, or "
            f"{NEW_LORA}."
        )
    return alpha
