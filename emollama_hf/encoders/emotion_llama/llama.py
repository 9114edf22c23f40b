"""Llama's published weights with LoRA merged, as tensors of the decoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from transformers import LlamaConfig, LlamaModel

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.emotion_llama.lora import Lora
from emollama_hf.encoders.emotion_llama.sources import UNUSED_OF_LLAMA
from emollama_hf.encoders.emotion_llama.trained_names import decoder_weight
from emollama_hf.encoders.recognise import check_looks_like
from emollama_hf.errors import ModelError
from emollama_hf.tensors.tensor_names import Shape, check_names, split_unused

HEAD = "lm_head.weight"


def llama_tensors(
    state: Mapping[str, torch.Tensor],
    config: Config,
    lora: Mapping[str, Lora],
    *,
    where: str = "Llama checkpoint",
) -> Iterator[tuple[str, torch.Tensor]]:
    """(name, tensor) of the decoder in emotion_llama/, in the checkpoint's dtypes; merged weights are float32.

    state: names as a Llama directory has them.  config: `text_config`.
    lora: by the names of the state's linear layers.
    lm_head keeps its name: features do not load it, generation will.
    Raises ModelError with all missing, unexpected and misshapen tensors.
    """
    used, _ = split_unused(state, UNUSED_OF_LLAMA)
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    expected = decoder_shapes(config)
    if not config.get("tie_word_embeddings", False) or HEAD in shapes:
        expected[HEAD] = (config["vocab_size"], config["hidden_size"])
    found = {name: shapes[name] for name in used}
    check_names(expected, found, where=where, hint=check_looks_like("llama", shapes))
    for name in expected:
        if name == HEAD and config.get("tie_word_embeddings", False):
            continue  # it is the table of embeddings, and one file cannot hold a tensor twice
        tensor = lora[name].merged_into(state[name]) if name in lora else state[name]
        yield (name if name == HEAD else decoder_weight(name)), tensor


def decoder_shapes(config: Config) -> dict[str, Shape]:
    """Names and shapes of a Llama checkpoint without its head.  config: `text_config`.

    Raises ModelError for a configuration that transformers does not take.
    """
    try:
        with torch.device("meta"):
            model = LlamaModel._from_config(LlamaConfig(**config))
    except Exception as error:  # each check of transformers has its own
        reason = " ".join(str(error).split())
        raise ModelError(f"the decoder's configuration: {reason} Check Llama's config.json.") from error
    return {f"model.{name}": tuple(tensor.shape) for name, tensor in model.state_dict().items()}
