"""Prefixes of training programs, for any names: taken off where the model's own names are behind them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.errors import ModelError
from emollama_hf.pretrained.weight_state import (
    WeightState,
    prefixes_of,
    split_left_out,
    without_prefix,
    without_wrapper,
)

WORDS = st.sampled_from(["module", "_orig_mod", "model", "backbone", "encoder", "net", "state_dict"])
#: Names of models: some begin with words that prefixes have, too.
NAMES = st.lists(
    st.sampled_from(["conv1", "layer1", "model", "encoder", "blocks", "weight", "bias", "0"]), min_size=1, max_size=4
).map(".".join)


def state_of(names: list[str]) -> WeightState:
    return WeightState("file", {name: torch.full((1,), float(index)) for index, name in enumerate(names)})


@given(st.lists(NAMES, min_size=1, max_size=8, unique=True), st.lists(WORDS, max_size=3))
def test_the_own_names_are_found_behind_any_prefix(names: list[str], words: list[str]) -> None:
    prefix = "".join(f"{word}." for word in words)
    found = without_prefix(state_of([prefix + name for name in names]), names)
    assert sum(name in found.tensors for name in names) >= len(names) * (found.prefix == prefix)
    if found.prefix == prefix:
        assert [float(found.tensors[name]) for name in names] == list(range(len(names)))
    else:  # the own names begin with the same words: another prefix fits as many of them
        assert set(names) <= set(found.tensors)


@given(st.lists(NAMES, min_size=1, max_size=8, unique=True))
def test_names_that_fit_stay_as_they_are(names: list[str]) -> None:
    state = state_of(names)
    assert without_prefix(state, names) is state


@given(st.lists(NAMES, min_size=1, max_size=8, unique=True), st.sampled_from(["module.", "_orig_mod.module."]))
def test_a_wrapper_is_taken_off_where_every_name_has_it(names: list[str], prefix: str) -> None:
    assert list(without_wrapper(state_of([prefix + name for name in names])).tensors) == names
    mixed = state_of([prefix + name for name in names] + ["other"])
    assert without_wrapper(mixed) is mixed


@given(st.lists(NAMES, max_size=8))
def test_no_prefix_comes_first(names: list[str]) -> None:
    found = prefixes_of(names)
    assert found[0] == ""
    assert all(any(name.startswith(prefix) for name in names) for prefix in found[1:])


def test_a_head_stands_beside_the_model_or_in_it() -> None:
    names = ["fc.weight", "module.fc.bias", "module.backbone.fc.bias", "other.fc.bias", "fcn.weight", "layer.fc.weight"]
    used, left = split_left_out(names, [r"fc\b"], "module.backbone.")
    assert left == ["fc.weight", "module.fc.bias", "module.backbone.fc.bias"]
    assert used == ["other.fc.bias", "fcn.weight", "layer.fc.weight"]
    assert split_left_out(["fc.weight"], []) == (["fc.weight"], [])


def test_two_names_that_become_one() -> None:
    with pytest.raises(ModelError, match="two tensors are named conv"):
        without_prefix(state_of(["module.conv", "module.bias", "conv"]), ["conv", "bias"])
