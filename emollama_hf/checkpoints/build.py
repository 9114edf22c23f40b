"""Networks without weights, from a part's configuration, and what makes them complete."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from emollama_hf.computing.number_types import DtypeName, product_type, stream_type
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.config_checks import Config
from emollama_hf.tensors.quantized import Quantize, replace_linear_layers


def empty_network(
    part: str, config: Config, dtype: DtypeName, quantize: Quantize | None = None, without: Sequence[str] = ()
) -> Any:
    """A part's network for computing in `dtype`, on the meta device: shapes, types and names, no memory.

    Args:
        part: name of the family of weights.
        config: its configuration.
        dtype: the type that is computed in.
        quantize: what linear layers will keep their weights in, where the family quantizes them.
        without: submodules that are None afterwards, named as in the part's files.

    Raises:
        ValueError: `without` names a submodule that the network does not have.
    """
    encoder = find_encoder(part)
    with torch.device("meta"):
        network = encoder.network(config)
    for name in without:
        _leave_out(encoder.weights(network), name)
    dtype = encoder.computed_type(dtype)
    products: torch.dtype = getattr(torch, product_type(dtype))
    # nn.Module.to, since transformers' own wrapper is typed as taking no dtype.
    nn.Module.to(network, dtype=products)
    if stream_type(dtype) != product_type(dtype):
        encoder.use_float32_stream(network)
    layers = encoder.quantizable(network)
    if quantize is not None and layers is not None:
        replace_linear_layers(layers, quantize, products)
    return network


def names_below(modules: Sequence[str]) -> list[str]:
    """Regular expressions of the names of all tensors below some modules."""
    return [rf"^{re.escape(name)}\." for name in modules]


def _leave_out(module: nn.Module, name: str) -> None:
    owner, _, leaf = name.rpartition(".")
    try:
        module.get_submodule(name)
    except AttributeError as error:
        raise ValueError(f"without: the network has no module {name!r}. Name it as the part's files do.") from error
    setattr(module.get_submodule(owner), leaf, None)


def empty_tensors(part: str, config: Config, dtype: DtypeName) -> nn.Module:
    """What a part's files keep beside its network (`Encoder.kept`), on the meta device in the type of products."""
    encoder = find_encoder(part)
    products: torch.dtype = getattr(torch, product_type(encoder.computed_type(dtype)))
    kept = nn.Module()
    for name, shape in encoder.kept(config).items():
        *folders, last = name.split(".")
        module = kept
        for folder in folders:
            if not hasattr(module, folder):
                module.add_module(folder, nn.Module())
            module = module.get_submodule(folder)
        empty = torch.empty(shape, dtype=products, device="meta")
        module.register_parameter(last, nn.Parameter(empty, requires_grad=False))
    return kept


def ready(part: str, network: Any, device: str) -> Any:
    """The network with its computed tables on `device`, in evaluation mode, without gradients."""
    find_encoder(part).complete(network, device)
    tensors = [*network.named_parameters(), *network.named_buffers()]
    left = [name for name, tensor in tensors if tensor.is_meta]
    if left:
        raise RuntimeError(f"tensors without values after loading: {', '.join(left)}")
    return network.requires_grad_(False).eval()
