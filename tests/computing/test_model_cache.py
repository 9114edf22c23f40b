"""A model that replaces another: the memory of the old one is free before the new one is read."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import nn

from emollama_hf.computing import model_cache
from emollama_hf.computing.compiled_blocks import compile_blocks
from emollama_hf.computing.model_cache import cached


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Linear(2, 2)

    def blocks(self) -> list[nn.Module]:
        return [self.block]


@pytest.mark.parametrize("compiled", [False, True])
def test_the_old_model_is_gone_when_the_new_one_is_loaded(monkeypatch: pytest.MonkeyPatch, compiled: bool) -> None:
    monkeypatch.setattr(model_cache, "_loaded", {})

    def load() -> Network:
        network = Network()
        if compiled:
            compile_blocks(network)
        return network

    weight = weakref.ref(cached("part", ("first",), load).block.weight)
    assert cached("part", ("first",), load).block.weight is weight()

    def load_another() -> Network:
        assert weight() is None
        return load()

    assert isinstance(cached("part", ("second",), load_another).block.weight, torch.Tensor)
