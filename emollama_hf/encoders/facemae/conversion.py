"""FaceMAE's training checkpoint, as tensors of the face encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.facemae.network import FaceMAE
from emollama_hf.encoders.facemae.source import UNUSED
from emollama_hf.encoders.recognise import check_looks_like
from emollama_hf.tensors.tensor_names import check_names, split_unused


def facemae_tensors(
    state: Mapping[str, torch.Tensor], config: Config, *, where: str = "FaceMAE checkpoint"
) -> Iterator[tuple[str, torch.Tensor]]:
    """(name, tensor) of facemae/model.safetensors, in the checkpoint's dtypes.

    state: the checkpoint's `model`; the encoder has no prefix and timm's names already.
    Raises ModelError with all missing, unexpected and misshapen tensors.
    """
    used, _ = split_unused(state, UNUSED)
    with torch.device("meta"):
        network = FaceMAE(config)
    expected = {name: tuple(tensor.shape) for name, tensor in network.vit.state_dict().items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    hint = check_looks_like("facemae", shapes)
    check_names(expected, {name: shapes[name] for name in used}, where=where, hint=hint)
    for name in expected:
        yield name, state[name]
