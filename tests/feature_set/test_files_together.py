"""Files that threads write at the same time: what one thread writes, and the first error ends all of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from emollama_hf import extract
from emollama_hf.errors import StoreError
from emollama_hf.feature_set import feature_set, files_together
from emollama_hf.feature_set.files_together import Going, written_together
from tests.extraction.crops import OPTIONS, crops
from tests.interrupted import interrupted_at


@pytest.fixture
def ds(tmp_path: Path) -> Dataset:
    return crops(tmp_path / "clips", *range(9))


def extracted(ds: Dataset, out: Path, **options: Any) -> dict[str, bytes]:
    """The Parquet files of a run, two rows each."""
    extract(ds, "random-tiny", out=out, shard_rows=2, stages=["facemae_embed"], **OPTIONS, **options)
    return {path.name: path.read_bytes() for path in (out / "data").iterdir()}


def test_files_are_those_of_one_thread(ds: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met, names = threading.Barrier(files_together.MOST_FILES), set()
    write = feature_set.write_parquet

    def together(path: Path, *rest: Any) -> None:
        names.add(threading.current_thread().name)
        if not path.name.startswith("train-00004"):
            met.wait(60)  # four files are begun before one of them ends
        write(path, *rest)

    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr(feature_set, "write_parquet", together)
    several = extracted(ds, tmp_path / "several")
    assert len(names) == 4
    assert len(several) == 5
    monkeypatch.setattr(feature_set, "write_parquet", write)
    monkeypatch.setattr(files_together, "MOST_FILES", 1)
    assert extracted(ds, tmp_path / "one") == several


def test_the_first_error_ends_the_others_and_nothing_half_written_stays(
    ds: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = feature_set.write_parquet

    def full(path: Path, *rest: Any) -> None:
        if path.name.startswith("train-00002"):
            raise OSError(28, "No space left on device")
        write(path, *rest)

    monkeypatch.setattr(feature_set, "write_parquet", full)
    with pytest.raises(StoreError, match="No space left on device"):
        extracted(ds, tmp_path / "out")
    assert not (tmp_path / "out" / "data").exists()
    assert not list((tmp_path / "out").rglob("*.parquet"))
    monkeypatch.setattr(feature_set, "write_parquet", write)
    assert len(extracted(ds, tmp_path / "out")) == 5


def test_ctrl_c_while_files_are_written_leaves_nothing_half_written(ds: Dataset, tmp_path: Path) -> None:
    with interrupted_at(lambda event, arguments: event == "open" and "train-00003" in str(arguments[0])):
        extracted(ds, tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.parquet"))
    assert not [one for one in threading.enumerate() if one.name.startswith("write files")]
    assert len(extracted(ds, tmp_path / "out")) == 5


def test_results_are_in_the_order_of_the_files() -> None:
    def writer(number: int) -> Callable[[Going[int]], int]:
        def write(going: Going[int]) -> int:
            time.sleep(0.02 * (5 - number))
            return sum(going([number, 10]))

        return write

    assert written_together([writer(number) for number in range(5)]) == [10, 11, 12, 13, 14]
    assert written_together([]) == []


def test_a_file_that_has_begun_ends_when_another_one_fails() -> None:
    begun = threading.Event()
    passed: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            begun.set()
            time.sleep(0.01)
            yield 1

    def fail(going: Going[int]) -> None:
        assert begun.wait(60)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        written_together([lambda going: passed.extend(going(endless())), fail])
