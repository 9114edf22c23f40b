"""A directory of HuBERT, wav2vec 2.0 or WavLM, as transformers writes it, as our part of a model directory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from emollama_hf.encoders.hubert.config_json import CHOICES, INFERENCE, LISTS, MODEL_TYPES, NUMBERS, WHOLES, Config
from emollama_hf.encoders.hubert.network import SAMPLE_RATE, Hubert
from emollama_hf.errors import ModelError
from emollama_hf.tensors.tensor_names import check_names, split_unused

#: What a training or a task has beside the encoder: masks, quantizers, heads of recognition and classification.
UNUSED = (
    r"(^|\.)masked_spec_embed$",
    r"^(quantizer|project_q|project_hid|dropout_features)\.",
    r"^(lm_head|classifier|projector|tdnn|objective)\.",
    r"^layer_weights$",
    r"^feature_extractor\.(weight|bias)$",
    r"^(label_embs_concat|final_proj)(\.|$)",
)

#: The encoder within a model with a head, by `model_type`.
_WITHIN_HEADS = re.compile(rf"^({'|'.join(MODEL_TYPES)})\.")
#: A convolution whose weight is stored as length and direction: names of torch before 2.1, and since.
_WEIGHT_NORM = (
    (re.compile(r"\.weight_g$"), ".parametrizations.weight.original0"),
    (re.compile(r"\.weight_v$"), ".parametrizations.weight.original1"),
)


def hubert_part_config(config: Mapping[str, Any], preprocessor: Mapping[str, Any], *, where: str) -> Config:
    """hubert/config.json for a directory's two configurations: what decides the result, and nothing else.

    Args:
        config: config.json.
        preprocessor: preprocessor_config.json.
        where: the directory's name in errors.

    Returns:
        The keys that are read of config.json, with `do_normalize` of the preprocessor.

    Raises:
        ModelError: another kind of model, or another sampling rate.
    """
    kind = config.get("model_type")
    if kind not in MODEL_TYPES:
        raise ModelError(
            f"{where}: config.json says model_type {kind!r}, expected one of {', '.join(map(repr, MODEL_TYPES))}. Give "
            "a directory such as that of TencentGameMate/chinese-hubert-large."
        )
    rate = preprocessor.get("sampling_rate", SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        raise ModelError(
            f"{where}: preprocessor_config.json says sampling_rate {rate!r:.40}, expected {SAMPLE_RATE}: sound is "
            "computed with at that rate only."
        )
    read = {*WHOLES, *NUMBERS, *CHOICES, *LISTS} - {"do_normalize"}
    model_class = {"hubert": "HubertModel", "wav2vec2": "Wav2Vec2Model", "wavlm": "WavLMModel"}[kind]
    kept = {name: value for name, value in config.items() if name in read}
    normalize = preprocessor.get("do_normalize", True)
    return {**kept, "architectures": [model_class], "do_normalize": normalize, **INFERENCE}


def hubert_tensors(
    state: Mapping[str, torch.Tensor], config: Config, *, where: str = "HuBERT directory"
) -> Iterator[tuple[str, torch.Tensor]]:
    """The encoder's tensors under the names of transformers and torch as they are now.

    Args:
        state: all tensors of the directory: of the encoder alone, or of a model with a head around it.
        config: of `hubert_part_config`.
        where: the directory's name in errors.

    Yields:
        (name, tensor) of hubert/model.safetensors, in the checkpoint's dtypes.

    Raises:
        ModelError: lists all missing, unexpected and misshapen tensors, and names that stand for one tensor.
    """
    names: dict[str, str] = {}
    for name in split_unused(state, UNUSED)[0]:
        new = _new_name(name)
        if new in names:
            raise ModelError(
                f"{where}: {names[new]} and {name} stand for the same tensor. Give the model as published."
            )
        names[new] = name
    with torch.device("meta"):
        network = Hubert.from_config(config)
    expected = {name: tuple(tensor.shape) for name, tensor in network.encoder.state_dict().items()}
    check_names(expected, {new: tuple(state[name].shape) for new, name in names.items()}, where=where)
    for new in expected:
        yield new, state[names[new]]


def _new_name(name: str) -> str:
    name = _WITHIN_HEADS.sub("", name)
    for old, new in _WEIGHT_NORM:
        name = old.sub(new, name)
    return name
