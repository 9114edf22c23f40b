"""A directory of HuBERT, wav2vec 2.0 or WavLM, as transformers writes it, as our part of a model directory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.hubert.config_json import MODEL_TYPES
from emollama_hf.encoders.hubert.network import Hubert
from emollama_hf.encoders.hubert.source import UNUSED
from emollama_hf.errors import ModelError
from emollama_hf.tensors.tensor_names import check_names, split_unused

#: The encoder within a model with a head, by `model_type`.
_WITHIN_HEADS = re.compile(rf"^({'|'.join(MODEL_TYPES)})\.")
#: A convolution whose weight is stored as length and direction: names of torch before 2.1, and since.
_WEIGHT_NORM = (
    (re.compile(r"\.weight_g$"), ".parametrizations.weight.original0"),
    (re.compile(r"\.weight_v$"), ".parametrizations.weight.original1"),
)


def hubert_tensors(
    state: Mapping[str, torch.Tensor], config: Config, *, where: str = "HuBERT directory"
) -> Iterator[tuple[str, torch.Tensor]]:
    """The encoder's tensors under the names of transformers and torch as they are now.

    Args:
        state: all tensors of the directory: of the encoder alone, or of a model with a head around it.
        config: of `part_config.hubert_part_config`.
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
