"""Messages in memory that two processes map: the same values, written once, and nothing left behind by anybody."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from emollama_hf.engines import message_memory
from emollama_hf.engines.message_memory import LEAST_BYTES, MessageMemory, packed, unpacked

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="only Linux has such memory")


def large(seed: int = 1) -> dict[str, Any]:
    """Arrays, an Arrow buffer and what lies in no buffer, more than is sent whole."""
    rng = np.random.default_rng(seed)
    crops = rng.integers(0, 256, (3, 224, 224, 3), np.uint8)
    return {
        "crops": crops,
        "zstd": pa.py_buffer(rng.bytes(LEAST_BYTES + 1)),
        "empty": np.zeros((0, 4)),
        "text": "a" * 9,
    }


def assert_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert list(one) == list(other)
    for name, value in one.items():
        if isinstance(value, np.ndarray):
            assert (value.dtype, value.shape) == (other[name].dtype, other[name].shape)
            assert value.tobytes() == other[name].tobytes()
        else:
            assert value == other[name]


def memories() -> list[str]:
    """Memory of messages that this process has open or mapped."""
    files = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            files.append(os.readlink(entry))
        except OSError:  # the one that lists them
            continue
    maps = [line.partition("/memfd")[2] for line in Path("/proc/self/maps").read_text().splitlines()]
    return [one for one in (*files, *maps) if "emollama_hf message" in one]


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st_numpy.arrays(st.sampled_from([np.uint8, np.float16, np.float64]), st_numpy.array_shapes(min_side=0)),
        max_size=5,
    ),
    st.integers(0, 2 * LEAST_BYTES),
)
def test_what_arrives_is_what_was_sent_whether_it_is_large_or_small(arrays: list[np.ndarray], more: int) -> None:
    value = {
        **{f"array {number}": array for number, array in enumerate(arrays)},
        "more": np.arange(more, dtype=np.uint8),
    }
    memory = MessageMemory()
    message = packed(value, memory.address)
    assert not message.problem
    assert bool(message.sizes) == (not message.whole)
    assert_equal(memory.received(message), value)
    assert_equal(unpacked(packed(value, None)), value)


def test_arrays_lie_in_the_memory_itself_and_may_be_changed() -> None:
    memory = MessageMemory()
    found = memory.received(packed(large(), memory.address))
    memory.close()
    assert not found["crops"].flags.owndata
    assert found["crops"].ctypes.data % 64 == 0
    found["crops"][0] = 7
    assert (found["crops"][0] == 7).all()


def test_nothing_is_left_when_the_last_array_goes() -> None:
    before, named = memories(), sorted(os.listdir("/dev/shm"))
    memory = MessageMemory()
    found = memory.received(packed(large(), memory.address))
    memory.close()
    part = found.pop("crops")[1]
    del found
    assert len(memories()) > len(before)
    assert part.shape == (224, 224, 3)
    del part
    assert memories() == before
    assert sorted(os.listdir("/dev/shm")) == named


def test_memory_that_nobody_reads_is_given_back() -> None:
    before = memories()
    memory = MessageMemory()
    packed(large(), memory.address)
    del memory
    assert memories() == before


def _send(pipe: Any, address: message_memory.Address) -> None:
    pipe.send(packed(large(), address))


def _send_half(pipe: Any, address: message_memory.Address) -> None:
    """Is killed when it has written a part of what it sends."""
    write = os.pwrite

    def half(file: int, part: memoryview, start: int) -> int:
        write(file, part[: len(part) // 2], start)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    os.pwrite = half  # type: ignore[assignment]
    packed(large(), address)


def test_another_process_sends_and_a_killed_one_leaves_nothing() -> None:
    before, context = memories(), multiprocessing.get_context("spawn")
    for target in (_send, _send_half):
        memory = MessageMemory()
        pipe, end = context.Pipe(duplex=False)
        sender = context.Process(target=target, args=(end, memory.address))
        sender.start()
        end.close()
        if target is _send:
            message = pipe.recv()
            assert not message.whole
            assert len(memory.received(message)["crops"]) == 3
        else:
            with pytest.raises(EOFError):
                pipe.recv()
        sender.join()
        memory.close()
        pipe.close()
    assert memories() == before


def test_a_file_that_has_got_the_number_of_memory_that_is_gone_is_not_written(tmp_path: Path) -> None:
    memory = MessageMemory()
    address = memory.address
    memory.close()
    other = os.open(tmp_path / "shard.arrow", os.O_RDWR | os.O_CREAT)
    assert other == address.file, "the number that was free"
    message = packed(large(), address)
    os.close(other)
    assert (tmp_path / "shard.arrow").read_bytes() == b""
    assert message.problem == "the memory for it is gone"
    assert_equal(unpacked(message), large())


def test_where_the_receiver_cannot_be_reached_the_message_is_whole_and_says_why() -> None:
    memory = MessageMemory()
    ended = multiprocessing.get_context("fork").Process(target=int)
    ended.start()
    ended.join()
    message = packed(large(), memory.address._replace(process=ended.pid))
    assert message.problem == "No such file or directory"
    assert_equal(memory.received(message), large())
