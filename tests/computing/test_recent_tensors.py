from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.computing.recent_tensors import RecentTensors
from tests.pretended_gpu import pretended_gpu


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


def test_a_stream_waits_for_what_another_computes_and_the_host_does_not() -> None:
    recent = RecentTensors(1000)
    with pretended_gpu() as waits, torch.inference_mode():
        recent.of(["a"], lambda _: [torch.ones(2, device="cuda")])
        assert waits.queued == [], "nobody else has computed it"
        (again,) = recent.of(["a"], lambda _: [])
        assert waits.queued == ["wait_event", "record_stream"]
        assert waits.waits == []
        assert again.sum().item() == 2
