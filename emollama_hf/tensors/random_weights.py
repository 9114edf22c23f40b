"""Random weights for networks of any size: deterministic, quick, and harmless in float16."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from emollama_hf.tensors.quantized import put
from emollama_hf.tensors.strict_load import changed, check_changes

# When a number or a rule below changes, raise GENERATOR_VERSION in random_model.py: it is in the digests.
_SEED = 20240613
# A prime, so that the rows of a matrix never start at the same place of the block.
_BLOCK = 4_194_301
# Layers that write into a residual stream are kept small: 39 blocks then stay far inside float16's range.
_RESIDUAL_WRITERS = ("attn.proj", "mlp.fc2", "output.dense", "self_attn.projection", "o_proj", "down_proj")
_PATCH_EMBEDDINGS = ("patch_embed.proj", "patch_embeddings.projection", "patch_embedding")
_TABLES = ("cls_token", "pos_embed", "class_embedding", "position_embedding")


@torch.no_grad()
def fill_randomly(
    module: nn.Module, device: str, changes: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] | None = None
) -> None:
    """Give every parameter of a module on the meta device its values, one after the other, in its dtype.

    A value depends on the parameter's name and its place only: another dtype gives the same one, rounded.

    Args:
        module: on the meta device.
        device: a torch device.
        changes: by a parameter's name, what computes its values from the random ones in float32.

    Raises:
        ValueError: `changes` names a parameter that the module does not have, or changes a shape.
    """
    parameters = dict(module.named_parameters())
    changes = changes or {}
    check_changes(changes, parameters)
    for name, parameter in parameters.items():
        if name in changes:
            exact = _random_values(name, parameter.float(), device)
            values = changed(exact, changes[name], name).to(parameter.dtype)
        else:
            values = _random_values(name, parameter, device)
        put(module, name, values)
    _scaled_block.cache_clear()


def _random_values(name: str, parameter: torch.Tensor, device: str) -> torch.Tensor:
    mean, std = _distribution(name, parameter)
    if std == 0:
        return torch.full(parameter.shape, mean, dtype=parameter.dtype, device=device)
    values = torch.empty(parameter.shape, dtype=parameter.dtype, device=device)
    flat = values.view(-1)
    for start, stop, source in _pieces(len(flat), _offset(name)):
        if len(flat) < _BLOCK:  # most of a block would be scaled for nothing
            flat[start:stop] = _normal_block()[source : source + stop - start] * std + mean
        else:
            block = _scaled_block(mean, std, parameter.dtype, str(values.device))
            flat[start:stop] = block[source : source + stop - start]
    return values


def _distribution(name: str, parameter: torch.Tensor) -> tuple[float, float]:
    """(mean, std) of a parameter's values. Activations stay near one in size, and every input matters."""
    layer, _, kind = name.rpartition(".")
    if layer.endswith("post_layernorm"):
        return (1.0, 0.0) if kind == "weight" else (0.0, 0.0)  # ln_vision is in no checkpoint: weight 1, bias 0
    if kind == "bias":
        return 0.0, 0.02
    if kind in _TABLES:
        return 0.0, 0.2
    if parameter.ndim == 1:
        return 1.0, 0.1  # weights of norms
    if layer.endswith("embed_tokens"):
        return 0.0, 1.0
    scale = 1 / math.sqrt(parameter.shape[1:].numel())
    if layer.endswith(_RESIDUAL_WRITERS):
        return 0.0, 0.5 * scale
    if layer.endswith(_PATCH_EMBEDDINGS):
        return 0.0, 5 * scale  # pixels in [0, 1] vary by less than one
    return 0.0, scale


def _offset(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % _BLOCK


def _pieces(length: int, offset: int) -> Iterator[tuple[int, int, int]]:
    """(start, stop, place in the block) of runs that cover `length` values, going round the block."""
    start = 0
    while start < length:
        stop = min(length, start + _BLOCK - offset)
        yield start, stop, offset
        start, offset = stop, 0


@lru_cache(maxsize=1)
def _normal_block() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(_SEED).standard_normal(_BLOCK, dtype=np.float32))


@lru_cache(maxsize=8)  # the layers of one stack have six distributions at most; a block is 17 MB in float32
def _scaled_block(mean: float, std: float, dtype: torch.dtype, device: str) -> torch.Tensor:
    return (_normal_block() * std + mean).to(dtype).to(device)
