"""Reading a batch of `datasets.map` without decoding it."""

import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets import Array4D, Dataset, Features, Image, Value, Video
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.rows import Rows


def seen_by_map(ds: Dataset) -> Rows:
    """The rows that a function in `ds.map(batched=True)` is given."""
    seen: list[Rows] = []

    def look(batch: Any) -> None:
        seen.append(Rows.from_batch(batch))

    ds.map(look, batched=True, load_from_cache_file=False)
    return seen[0]


def test_a_video_column_is_not_decoded() -> None:
    ds = Dataset.from_dict({"video": ["nowhere.mp4"]}).cast_column("video", Video(decode=True))
    value = seen_by_map(ds).row(0)["video"]
    assert value["path"] == "nowhere.mp4"
    assert value["bytes"] is None


def test_frames_come_as_one_array(stacks: list[np.ndarray]) -> None:
    features = Features({"frames": Array4D((16, 48, 56, 3), "uint8")})
    rows = seen_by_map(Dataset.from_dict({"frames": stacks}, features=features))
    for index, stack in enumerate(stacks):
        value = rows.row(index)["frames"]
        assert value.dtype == np.uint8
        np.testing.assert_array_equal(value, stack)


def test_frames_stored_as_nested_lists_come_as_one_array(stacks: list[np.ndarray]) -> None:
    rows = seen_by_map(Dataset.from_dict({"frames": stacks[:2]}))
    np.testing.assert_array_equal(rows.row(1)["frames"], stacks[1])


def test_ragged_and_null_values_stay_python() -> None:
    rows = seen_by_map(Dataset.from_dict({"a": [[[1, 2], [3]], None], "b": ["x", None]}))
    assert rows.row(0)["a"] == [[1, 2], [3]]
    assert rows.row(1)["a"] is None
    assert rows.row(1)["b"] is None
    assert rows.row(1)["no such column"] is None


def test_a_picture_stays_undecoded(stacks: list[np.ndarray]) -> None:
    import PIL.Image

    picture = PIL.Image.fromarray(stacks[0][0])
    ds = Dataset.from_dict({"peak_frame": [picture]}, features=Features({"peak_frame": Image()}))
    assert isinstance(seen_by_map(ds).row(0)["peak_frame"]["bytes"], bytes)


@pytest.mark.parametrize("batch", [{"video": "clip.mp4"}, {"video": {"path": "clip.mp4"}}, {"peak_index": 3}])
def test_a_single_row_is_refused_with_the_remedy(batch: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="batched=True"):
        Rows.from_batch(batch)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        Rows.from_batch({"a": [1], "b": [1, 2]})


@pytest.mark.parametrize(
    ("row", "label"),
    [
        ({"video": "a b/c.mp4"}, "clip 'a b/c.mp4'"),
        ({"video": {"path": "d.mp4", "bytes": b"x"}}, "clip 'd.mp4'"),
        ({"video": b"x", "uuid": "u1"}, "uuid 'u1'"),
        ({"video": b"x"}, "row 0 of the batch"),
    ],
)
def test_a_row_is_called_what_a_person_calls_it(row: dict[str, Any], label: str) -> None:
    assert Rows.from_batch({name: [value] for name, value in row.items()}).row(0).label == label


def test_an_arrow_batch_is_read_as_well() -> None:
    ds = Dataset.from_dict({"a": [[1, 2], [3, 4]]}).with_format("arrow")
    np.testing.assert_array_equal(seen_by_map(ds).row(1)["a"], [3, 4])


def test_a_column_replaced_before_in_the_same_function_is_read_as_replaced() -> None:
    seen: list[Rows] = []

    def replace(batch: Any) -> None:
        batch["a"] = [value + 10 for value in batch["a"]]
        batch["new"] = ["x"] * len(batch["a"])
        seen.append(Rows.from_batch(batch))

    Dataset.from_dict({"a": [1, 2], "b": [3, 4]}).map(replace, batched=True, load_from_cache_file=False)
    assert [seen[0].value(name, 1) for name in ("a", "b", "new")] == [12, 4, "x"]


def test_a_run_of_rows_is_selected_without_a_copy() -> None:
    rows = Rows({"a": pa.chunked_array([pa.array(range(6), pa.int64())])}, 6)
    before = pa.total_allocated_bytes()
    chosen = rows.select([2, 3, 4])
    assert pa.total_allocated_bytes() == before
    assert [chosen.value("a", i) for i in range(3)] == [2, 3, 4]


def test_selected_rows_keep_their_values() -> None:
    ds = Dataset.from_dict({"a": list(range(5))}, features=Features({"a": Value("int64")}))
    rows = seen_by_map(ds)
    assert [rows.select([3, 1]).value("a", i) for i in range(2)] == [3, 1]
    assert [[chunk.value("a", i) for i in range(chunk.length)] for chunk in rows.chunks(2)] == [
        [0, 1],
        [2, 3],
        [4],
    ]


def test_pickled_rows_hold_what_they_show_and_no_more(stacks: list[np.ndarray]) -> None:
    features = Features({"frames": Array4D((16, 48, 56, 3), "uint8"), "name": Value("string")})
    ds = Dataset.from_dict({"frames": [stacks[0]] * 20, "name": [str(i) for i in range(20)]}, features=features)
    rows = next(seen_by_map(ds).chunks(1))
    rows.add("more", [{"any": "value"}])
    pickled = pickle.dumps(rows)
    assert len(pickled) < 4 * stacks[0].nbytes, "numbers and the offsets of their lists"
    again = pickle.loads(pickled)
    assert again.names == rows.names
    assert again.length == 1
    np.testing.assert_array_equal(again.value("frames", 0), stacks[0])
    assert [again.value(name, 0) for name in ("name", "more")] == ["0", {"any": "value"}]


NUMBERS = st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=2)
COLUMNS = {
    pa.string(): st.none() | st.text(),
    pa.int32(): st.none() | st.integers(-9, 9),
    pa.list_(pa.float32(), 2): st.none() | NUMBERS,
    pa.list_(pa.float32()): st.none() | st.lists(st.none() | st.floats(width=32, allow_nan=False), max_size=3),
    pa.list_(pa.list_(pa.float32(), 2)): st.lists(NUMBERS, min_size=1, max_size=2),
    pa.list_(pa.string()): st.lists(st.text(), max_size=2),
    pa.struct({"a": pa.list_(pa.int8(), 2)}): st.none() | st.just({"a": [1, 2]}),
    pa.dictionary(pa.int8(), pa.string()): st.none() | st.sampled_from("ab"),
}


@given(st.data(), st.integers(0, 4), st.integers(0, 2))
def test_all_values_are_the_single_ones(data: st.DataObject, count: int, more: int) -> None:
    """In one chunk and in several, with and without nulls, of equal lengths and of others."""
    kind, cells = data.draw(st.sampled_from(list(COLUMNS.items())))
    chunks = [data.draw(st.lists(cells, min_size=size, max_size=size)) for size in (count, more)]
    rows = Rows.from_batch(pa.table({"x": pa.chunked_array([pa.array(chunk, kind) for chunk in chunks], kind)}))
    found = rows.values("x")
    assert len(found) == count + more
    for index, one in enumerate(found):
        alone = rows.value("x", index)
        assert type(one) is type(alone)
        np.testing.assert_array_equal(one, alone)
