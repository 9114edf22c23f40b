"""The model that is trained: the frozen base in one number type, with LoRA from the published factors or new."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch

from emollama_hf.checkpoints import ModelSource
from emollama_hf.computing.number_types import DtypeName
from emollama_hf.encoders.emotion_llama.encoder import LANGUAGE_HEAD
from emollama_hf.encoders.emotion_llama.lora import Lora
from emollama_hf.encoders.emotion_llama.trained_names import decoder_weight
from emollama_hf.tensors.quantized import Quantize
from emollama_hf.training.recipe import Recipe
from emollama_hf.training.trainable import TrainableEmotionLlama

PART = "emotion_llama"
LoraChoice = Literal["continue", "new"]


def base_model(
    source: ModelSource, recipe: Recipe, *, lora: LoraChoice, layout: str, dtype: DtypeName, device: str,
    quantize: Quantize | None,
) -> TrainableEmotionLlama:  # fmt: skip
    """A model ready to train.

    Args:
        source: of the base.
        recipe: rank, alpha and dropout of a new LoRA; its seed draws new factors.
        lora: "continue" trains the published factors further, which are taken out of the merged weights first; "new"
            trains a LoRA on top of the model as it is.
        layout: "fork" or "upstream".
        dtype: of the frozen weights.
        device: a torch device.
        quantize: in what the decoder's linear layers are kept.

    Raises:
        ModelError: the model lacks the part, its language head, or the factors to go on from.
    """
    changes: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {}
    rank, alpha = recipe.lora_rank, float(recipe.lora_alpha)
    kept = None
    if lora == "continue":
        kept = source.load_lora(PART)
        alpha = kept.alpha
        rank = next(iter(kept.factors.values())).a.shape[0]
        changes = {decoder_weight(name): _without(one) for name, one in kept.factors.items()}
    network = source.load(
        PART,
        dtype=dtype,
        device=device,
        quantize=quantize,
        changes=changes,
        without=("vision_model",),
    )
    head = source.load_kept(PART, dtype=dtype, device=device).get(LANGUAGE_HEAD)
    if head is None:  # the table of embeddings serves as one
        head = network.language_model.embed_tokens.weight
    torch.manual_seed(recipe.seed)  # of new factors
    model = TrainableEmotionLlama(
        network, head.detach(), rank=rank, alpha=alpha, dropout=recipe.lora_dropout, layout=layout,
        divides_by_weights=recipe.divides_by_weights, quantize=quantize,
    )  # fmt: skip
    if kept is not None:
        model.set_factors(kept.factors)
    if recipe.gradient_checkpointing:
        model.checkpoint_activations()
    return model.to(device)


def _without(lora: Lora) -> Callable[[torch.Tensor], torch.Tensor]:
    """A layer's weight before its factors were merged, in float32."""

    def unmerged(weight: torch.Tensor) -> torch.Tensor:
        a, b = lora.a.to(weight.device).float(), lora.b.to(weight.device).float()
        return torch.addmm(weight.float(), b, a, alpha=-lora.scale)

    return unmerged
