"""Which clips stand for all of a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, Video
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.extraction.sample_choice import choose_parts, clip_sizes
from emollama_hf.privacy.media import undecoded

SIZES = st.lists(st.one_of(st.none(), st.integers(0, 10**9)), min_size=1, max_size=60)


@given(SIZES, st.integers(1, 80))
def test_each_clip_is_in_one_part_and_parts_are_of_equal_numbers(sizes: list[int | None], count: int) -> None:
    parts = choose_parts(range(len(sizes)), sizes, count)
    assert len(parts) == min(count, len(sizes))
    assert len({part.row for part in parts}) == len(parts)
    numbers = [part.clips for part in parts]
    assert sum(numbers) == len(sizes)
    assert max(numbers) - min(numbers) <= 1
    if None not in sizes:
        assert sum(part.part_bytes or 0 for part in parts) == sum(size or 0 for size in sizes)
        assert [part.clip_bytes for part in parts] == sorted(sizes[part.row] or 0 for part in parts)
    else:
        assert {part.part_bytes for part in parts} == {None}


@given(st.permutations(range(20)), st.integers(1, 20))
def test_the_order_of_rows_does_not_matter(order: list[int], count: int) -> None:
    sizes = [7 * row * row for row in range(20)]
    parts = choose_parts(order, [sizes[row] for row in order], count)
    assert parts == choose_parts(range(20), sizes, count)


def test_of_two_in_the_middle_neither_is_preferred() -> None:
    parts = choose_parts(range(24), list(range(24)), 12)
    assert sum(part.row for part in parts) == sum(range(24)) / 2


def test_one_unknown_size_leaves_the_order_of_the_rows() -> None:
    assert [part.row for part in choose_parts(range(4), [9, None, 1, 5], 2)] == [0, 3]


def test_a_file_a_folder_bytes_and_what_nobody_has(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x" * 1000)
    (tmp_path / "crops").mkdir()
    for name in "bc":
        (tmp_path / "crops" / f"{name}.png").write_bytes(b"x" * 300)
    places = [str(tmp_path / "a.mp4"), str(tmp_path / "crops"), "s3://bucket/a.mp4", str(tmp_path / "no.mp4"), None]
    ds = Dataset.from_dict({"video": places})
    assert clip_sizes(ds, ["video"], range(5)) == [1000, 600, None, None, 0]
    assert clip_sizes(ds, ["video"], [1]) == [600]
    held = Dataset.from_list([{"video": {"bytes": b"y" * size, "path": None}} for size in (50, 50_000)])
    held = undecoded(held.cast_column("video", Video()))
    small, large = clip_sizes(held, ["video"], range(2))
    assert small == 50
    assert large == pytest.approx(50_000, abs=100)


def test_frames_in_arrays_are_as_large_as_they_are() -> None:
    ds = Dataset.from_dict({"frames": [np.zeros((count, 64, 64, 3), np.uint8) for count in (2, 6)]})
    sizes = clip_sizes(ds, ["frames"], range(2))
    assert sizes[0] is not None
    assert sizes[1] is not None
    assert sizes[0] < sizes[1]
