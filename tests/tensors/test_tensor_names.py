"""Lists of tensors' names are complete, and short where whole models are missing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.errors import ModelError
from emollama_hf.tensors.tensor_names import check_names, compact

names = st.builds(
    lambda prefix, layer, rest: f"{prefix}.{layer}.{rest}" if layer >= 0 else f"{prefix}.{rest}",
    st.sampled_from(["blocks", "layers"]),
    st.integers(-1, 12),
    st.sampled_from(["norm.weight", "mlp.0.bias", "bias"]),
)


def expanded(listed: list[str]) -> set[str]:
    found = set()
    for name in listed:
        run = re.search(r"\{(\d+)-(\d+)\}", name)
        numbers = range(int(run[1]), int(run[2]) + 1) if run else ()
        found |= {name.replace(run[0], str(i)) for i in numbers} if run else {name}
    return found


@given(st.sets(names, max_size=40))
def test_a_compact_list_names_every_tensor_and_no_other(some: set[str]) -> None:
    assert expanded(compact((name, "") for name in sorted(some))) == some


def test_a_few_layers_are_listed_one_by_one() -> None:
    assert compact([(f"blocks.{i}.bias", " (8,)") for i in (0, 1, 2)]) == [f"blocks.{i}.bias (8,)" for i in (0, 1, 2)]
    assert compact([(f"blocks.{i}.bias", " (8,)") for i in (7, 3, 4, 5, 6)]) == ["blocks.{3-7}.bias (8,)"]


def test_layers_of_different_shapes_are_kept_apart() -> None:
    listed = compact([(f"blocks.{i}.bias", f" ({8 + i // 4},)") for i in range(8)])
    assert listed == ["blocks.{0-3}.bias (8,)", "blocks.{4-7}.bias (9,)"]


def test_an_error_says_what_the_file_is() -> None:
    with pytest.raises(ModelError, match=r"x\.pth: .*; this looks like a horse\. 1 missing: a \(2,\); 1 unexpected: b"):
        check_names({"a": (2,)}, {"b": (3,)}, where="x.pth", hint="this looks like a horse")
    check_names({"a": (2,)}, {"a": (2,)}, where="x.pth", hint="this looks like a horse")
