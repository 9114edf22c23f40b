"""The decoder with its language head, which scores the pieces that may come next."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from emollama_hf.encoders.emotion_llama.encoder import LANGUAGE_HEAD
from emollama_hf.encoders.emotion_llama.network import EmotionLlamaModel


def with_head(network: EmotionLlamaModel, kept: Mapping[str, torch.Tensor]) -> LlamaForCausalLM:
    """The network's own decoder as a language model of transformers; no weight is copied.

    Args:
        network: loaded, its decoder quantized or not.
        kept: what `ModelSource.load_kept` read of the part: (vocabulary, hidden) under `LANGUAGE_HEAD`, or nothing
            where the table of embeddings serves as the head.

    Returns:
        A model whose `model` is `network.language_model`, in evaluation mode.
    """
    text = network.config.text_config
    with torch.device("meta"):
        language_model = LlamaForCausalLM(LlamaConfig(**{**text.to_dict(), "num_hidden_layers": 0}))
    language_model.config = text
    language_model.model = network.language_model
    weight = kept.get(LANGUAGE_HEAD, network.language_model.embed_tokens.weight)
    language_model.lm_head.weight = nn.Parameter(weight, requires_grad=False)
    return language_model.eval()
