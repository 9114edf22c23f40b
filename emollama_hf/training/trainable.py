"""Emotion-LLaMA as it is trained: LoRA and projections in float32 around a frozen decoder, over stored image tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from emollama_hf.encoders.emotion_llama.answer_sequence import NOT_TRAINED
from emollama_hf.encoders.emotion_llama.lora import TARGETS, Lora
from emollama_hf.encoders.emotion_llama.network import EmotionLlamaModel
from emollama_hf.encoders.emotion_llama.peft_names import ADAPTER, TRAINED_PROJECTIONS, original_name
from emollama_hf.encoders.emotion_llama.rounded_rotary import RoundedWhileTraining
from emollama_hf.encoders.emotion_llama.trained_names import LORA_PREFIX
from emollama_hf.training.loss import answer_loss


class TrainableEmotionLlama(nn.Module):
    """The network without its image encoder, with its language head and peft's LoRA layers in q and v.

    Args:
        network: loaded without `vision_model`; the decoder's weights may be quantized. It is changed.
        head: (vocabulary, hidden), the language head.
        rank, alpha: of LoRA; its scale is alpha / rank.
        dropout: share of a LoRA's inputs that are dropped while training.
        layout: "fork" or "upstream".
        divides_by_weights: see `answer_loss`.
        quantize: in what the decoder's weights are: "4bit", "8bit" or None.
    """

    def __init__(
        self,
        network: EmotionLlamaModel,
        head: torch.Tensor,
        *,
        rank: int,
        alpha: float,
        dropout: float,
        layout: str,
        divides_by_weights: bool,
        quantize: str | None = None,
    ) -> None:
        super().__init__()
        from peft import LoraConfig, inject_adapter_in_model

        self.divides_by_weights = divides_by_weights
        self.layout = layout
        decoder: Any = network.language_model
        decoder.is_loaded_in_4bit = quantize == "4bit"  # what peft asks a model of transformers
        decoder.is_loaded_in_8bit = quantize == "8bit"
        # The scale is alpha / rank in peft as in the original.
        settings = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=list(TARGETS), bias="none")  # type: ignore[arg-type]
        inject_adapter_in_model(settings, decoder, adapter_name=ADAPTER)
        decoder.rotary_emb = RoundedWhileTraining(decoder.rotary_emb)
        self.network = network.requires_grad_(False)
        self.head = nn.Parameter(head, requires_grad=False)
        for name in TRAINED_PROJECTIONS[layout]:
            getattr(network, name).float().requires_grad_(True)
        for name, parameter in decoder.named_parameters():
            if f".{ADAPTER}." in name:
                parameter.data = parameter.data.float()
                parameter.requires_grad_(True)

    def trained(self) -> dict[str, nn.Parameter]:
        """What is trained, by the names of the original's checkpoint."""
        return {original_name(name): one for name, one in self.network.named_parameters() if one.requires_grad}

    def trained_tensors(self) -> dict[str, torch.Tensor]:
        """Copies of what is trained, float32 on the CPU, by the names of the original's checkpoint."""
        return {name: one.detach().to("cpu", copy=True).contiguous() for name, one in self.trained().items()}

    @torch.no_grad()
    def set_trained(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put values into what is trained; all of them, under the original's names."""
        own = self.trained()
        if own.keys() != tensors.keys():
            raise ValueError(f"expected {sorted(own)}, got {sorted(tensors)}")
        for name, parameter in own.items():
            parameter.copy_(tensors[name])

    @torch.no_grad()
    def set_factors(self, factors: Mapping[str, Lora]) -> None:
        """Go on from published factors, by the names of the layers in a Llama checkpoint."""
        own = self.trained()
        for layer, lora in factors.items():
            name = f"{LORA_PREFIX}{layer.removesuffix('.weight')}"
            own[f"{name}.lora_A.weight"].copy_(lora.a)
            own[f"{name}.lora_B.weight"].copy_(lora.b)

    def checkpoint_activations(self) -> None:
        """Keep no inner values of the decoder's blocks while training: each is computed again when it is needed."""
        decoder: Any = self.network.language_model
        # transformers 5.24 calls it activation checkpointing, and 5.20 gradient checkpointing.
        enable = getattr(decoder, "activation_checkpointing_enable", decoder.gradient_checkpointing_enable)
        enable({"use_reentrant": False})

    def prompts(self, tokens: torch.Tensor, features: torch.Tensor, input_ids: torch.Tensor) -> torch.Tensor:
        """The decoder's input of each row, (B, L, hidden). Arguments as `forward` takes them."""
        device = self.head.device
        visual = self.network.project(tokens.to(device), features.to(device))
        return self.network.embed(input_ids, visual)

    def forward(
        self,
        tokens: torch.Tensor,
        features: torch.Tensor,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        labels: torch.Tensor,
        weights: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """The loss of a batch.

        Args:
            tokens: (B, 1 + patches, width), EVA's tokens behind ln_vision, the class token first.
            features: (B, 2, D) float32 in the layout fork, (B, 3, D) upstream.
            input_ids, attention_mask, labels: (B, L) int64 as `answer_sequence.AnswerBatch` has them.
            weights: (B,) float32 of the rows.

        Returns:
            `loss`, () float32.
        """
        states = self.network.language_model(
            inputs_embeds=self.prompts(tokens, features, input_ids), attention_mask=attention_mask, use_cache=False
        ).last_hidden_state
        # What scores a piece is the state before it.
        rows, places = (labels != NOT_TRAINED).nonzero(as_tuple=True)
        chosen = states[rows, places - 1]
        scores = nn.functional.linear(chosen, self.head.to(chosen.dtype))
        loss = answer_loss(
            scores, labels[rows, places], rows, weights.float(), divides_by_weights=self.divides_by_weights
        )
        return {"loss": loss}
