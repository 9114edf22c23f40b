"""How many parameters a network of some configuration has, and of which types: counted on the meta device."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from emollama_hf.computing.number_types import MIXED, product_type
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.config_checks import Config


@dataclass(frozen=True)
class WeightCounts:
    """Numbers of a network's parameters.

    Attributes:
        products: parameters in the type of matrix products.
        stream: parameters in the type of the residual stream, which is wider where types are mixed.
        quantizable: (rows, columns) of each matrix that quantization replaces, by its tensor's name.
    """

    products: int
    stream: int
    quantizable: Mapping[str, tuple[int, int]]


def weight_counts(part: str, config: Config, without: Sequence[str] = ()) -> WeightCounts:
    """The parameters of a part's network, without what a model directory keeps and the network does not use.

    without: submodules that are not loaded, as `ModelSource.load` takes them.

    Imports torch and the network's library. A configuration is counted once in a process.
    """
    return _counted(part, json.dumps(config, sort_keys=True), tuple(without))


@lru_cache(maxsize=64)
def _counted(part: str, config: str, without: tuple[str, ...]) -> WeightCounts:
    import torch
    from torch import nn

    from emollama_hf.checkpoints.build import empty_network

    encoder = find_encoder(part)
    # Of the mixture, the two types are told apart; what does not mix is float32 throughout, and all of it products.
    network: Any = empty_network(part, encoder.counted_config(json.loads(config)), MIXED, without=without)
    products: torch.dtype = getattr(torch, product_type(encoder.computed_type(MIXED)))
    parameters = list(encoder.weights(network).parameters())
    of_products = sum(one.numel() for one in parameters if one.dtype == products)
    layers = encoder.quantizable(network)
    replaced = [] if layers is None else [one for one in layers.modules() if type(one) is nn.Linear]
    matrices = {id(layer.weight): layer.weight for layer in replaced}
    return WeightCounts(
        products=of_products,
        stream=sum(one.numel() for one in parameters) - of_products,
        quantizable={
            name: (tensor.shape[0], tensor.shape[1])
            for name, tensor in encoder.weights(network).named_parameters()
            if id(tensor) in matrices
        },
    )
