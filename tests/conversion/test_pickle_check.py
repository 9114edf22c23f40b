"""What would cost much to unpickle is refused by its opcodes, and what weights are saved with is not."""

from __future__ import annotations

import io
import pickle
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.conversion.pickle_check import (
    MAX_LONG_NUMBERS,
    MAX_OPCODES,
    MAX_TUPLE_DEPTH,
    CodeInPickle,
    PickleBudget,
)
from emollama_hf.conversion.pickle_file import model_state, read_checkpoint
from emollama_hf.errors import ModelError

#: What a file from before PyTorch 1.6 begins with: a magic number, a version, the system.
OLD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."
EMPTY = b"\x80\x02]."
#: Whole numbers with one hash: a dict of n of them takes n * n steps.
COLLIDING = [pickle.encode_long(k * (2**61 - 1)) for k in range(1, MAX_LONG_NUMBERS + 2)]


def pickled(content: bytes) -> bytes:
    return b"\x80\x02" + content + b"."


def fault(content: bytes, size: int = 2**30) -> str | None:
    return PickleBudget().fault(io.BytesIO(content), size)


def nested(depth: int) -> Any:
    value: Any = None
    for _ in range(depth):
        value = (value,)
    return value


LARGE = {
    "many values": (pickled(b"](" + b"N" * 12_000_000 + b"e"), "steps"),
    "deep tuples as a key": (pickled(b"})" + b"\x85" * 900_000 + b"Ns"), "nested deeper"),
    "deep tuples through the memo": (pickled(b"})" + b"q\x000h\x00\x85" * 100_000 + b"Ns"), "nested deeper"),
    "numbers of one hash": (
        pickled(b"}(" + b"".join(b"\x8a" + bytes([len(n)]) + n + b"N" for n in COLLIDING) + b"u"),
        "whole numbers beyond 32 bits",
    ),
    "a codec of quadratic time": (
        pickled(b"c_codecs\nencode\nX\x00\x00\x10\x00" + b"\xc3\xa9" * 2**19 + b"X\x08\x00\x00\x00punycode\x86R"),
        "_codecs.encode, which is code",
    ),
    "a tensor that no file holds": (pickled(b"ctorch\nFloatTensor\nJ\x00\x00\x00\x40\x85R"), "torch.FloatTensor"),
}


@pytest.mark.parametrize("position", [0, 3, 4])
@pytest.mark.parametrize("name", LARGE)
def test_each_pickle_of_an_old_file_is_refused_before_it_is_unpickled(tmp_path: Path, name: str, position: int) -> None:
    content, said = LARGE[name]
    parts = [OLD[:15], OLD[15:21], OLD[21:], EMPTY, EMPTY]
    parts[position] = content
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(b"".join(parts))
    began = time.process_time()
    with pytest.raises(ModelError, match=said) as error:
        read_checkpoint(path)
    assert "\n" not in str(error.value)
    assert time.process_time() - began < 5


def test_pickles_of_one_file_have_one_budget(tmp_path: Path) -> None:
    half = pickled(b"](" + b"N" * (MAX_OPCODES // 2) + b"e")
    assert fault(half) is None
    (tmp_path / "a.pth").write_bytes(half + half)
    with pytest.raises(ModelError, match="steps"):
        read_checkpoint(tmp_path / "a.pth")


def test_a_checkpoint_with_thousands_of_tensors_and_an_optimizer_is_within_bounds(tmp_path: Path) -> None:
    model = {f"model.layers.{i}.self_attn.q_proj.weight": torch.nn.Parameter(torch.ones(1)) for i in range(1000)}
    moments = {i: {"step": torch.tensor(1.0), "m": torch.ones(1), "v": torch.ones(1)} for i in range(1000)}
    random = (3, tuple(range(2**31, 2**31 + 625)), None)
    content = {"model": model, "optimizer": {"state": moments}, "random": random}
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert model_state(read_checkpoint(tmp_path / "a.pth")).keys() == model.keys()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
        | st.tuples(inner) | st.tuples(inner, inner) | st.lists(inner, max_size=5).map(tuple)
    ),
    max_leaves=40,
)  # fmt: skip


@given(content=PLAIN, protocol=st.sampled_from([0, 1, 2, 4]), behind=st.binary(max_size=20))
def test_plain_content_has_no_fault_and_the_file_is_left_behind_it(content: Any, protocol: int, behind: bytes) -> None:
    written = pickle.dumps(content, protocol)
    file = io.BytesIO(written + behind)
    assert PickleBudget().fault(file, 2**30) is None
    assert file.read() == behind


@given(depth=st.integers(1, 3 * MAX_TUPLE_DEPTH), beside=PLAIN, shared=st.booleans())
def test_tuples_are_refused_by_their_depth_wherever_they_lie(depth: int, beside: Any, shared: bool) -> None:
    deep = nested(depth)
    content = pickle.dumps({"a": [beside, {deep: beside}], "b": deep if shared else beside}, 2)
    assert (fault(content) is not None) == (depth > MAX_TUPLE_DEPTH)


@given(st.binary(max_size=200))
def test_what_is_no_pickle_is_left_to_the_reader(content: bytes) -> None:
    try:
        assert fault(content) is None
    except CodeInPickle:
        assert b"c" in content
