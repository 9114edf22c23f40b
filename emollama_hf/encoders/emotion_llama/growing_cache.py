"""A cache of keys and values with room for pieces to come, so that a piece costs no copy of all before it."""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from transformers import LlamaForCausalLM
from transformers.cache_utils import Cache, DynamicLayer

#: Positions that are added whenever there is no more room. transformers' own cache has none, and copying took a quarter
#: of the time of a piece (8 clips, one layer, CPU).
ROOM = 64


def growing_cache() -> dict[str, Cache]:
    """What `LlamaForCausalLM.generate` takes an empty cache by: the argument's name has changed between versions."""
    known = signature(LlamaForCausalLM.forward).parameters
    return {"cache" if "cache" in known else "past_key_values": Cache(layer_class_to_replicate=_GrowingLayer)}


class _GrowingLayer(DynamicLayer):
    """Keys and values of one layer: the first positions of tensors that are longer."""

    _reserved: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add positions, (B, heads, n, width) each; all positions so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if self._reserved is None or end > self._reserved[0].shape[-2]:
            self._reserved = _longer(self.keys, key_states, end), _longer(self.values, value_states, end)
        for reserved, states in zip(self._reserved, (key_states, value_states), strict=True):
            reserved[..., start:end, :] = states
        self.keys, self.values = (reserved[..., :end, :] for reserved in self._reserved)
        return self.keys, self.values


def _longer(held: torch.Tensor | None, more: torch.Tensor, end: int) -> torch.Tensor:
    """Room for `end` positions and some beyond, beginning with those that are held."""
    room = more.new_empty(*more.shape[:-2], end + ROOM, more.shape[-1])
    if held is not None and held.numel():
        room[..., : held.shape[-2], :] = held
    return room
