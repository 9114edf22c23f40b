from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.computing.recent_tensors import RecentTensors


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5), max_size=12), st.integers(0, 5))
def test_every_key_gets_its_own_tensor_and_the_last_are_not_computed_again(batches: list[list[str]], room: int) -> None:
    recent = RecentTensors(room * 8)
    last: list[str] = []  # the order in which keys were used last
    for keys in batches:
        computed: list[str] = []

        def compute(indices: list[int], keys: list[str] = keys, computed: list[str] = computed) -> list[torch.Tensor]:
            computed += [keys[index] for index in indices]
            return [torch.tensor([ord(keys[index]), 0], dtype=torch.int32) for index in indices]

        found = recent.of(keys, compute)
        assert [int(one[0]) for one in found] == [ord(key) for key in keys]
        held = last[-room:] if room else []
        assert sorted(computed) == sorted(set(keys) - set(held))
        for key in keys:
            last = [one for one in last if one != key] + [key]
