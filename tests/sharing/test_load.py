"""`load`: features that a training loop takes as they are, and what is left out is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Array2D, ClassLabel, Dataset, DatasetDict, Features, List, Value, load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from emollama_hf import extract, load, push
from tests.extraction.crops import OPTIONS, write_crops

KINDS = Features(
    {
        "uuid": Value("string"),
        "mw_label": ClassLabel(names=["NonMW", "MW"]),
        "test_fold_num": Value("int64"),
        "clip_fps": Value("float32"),
        "facemae": List(Value("float32"), length=3),
        "emollama": Array2D((2, 3), "float16"),
        "emollama_status": Value("string"),
        "emollama_error": Value("string"),
    }
)


def rows(*numbers: int, failed: tuple[int, ...] = (), unlabelled: tuple[int, ...] = ()) -> Dataset:
    def one(number: int) -> dict[str, Any]:
        ok = number not in failed
        return {
            "uuid": f"u{number}",
            "mw_label": None if number in unlabelled else number % 2,
            "test_fold_num": number % 4,
            "clip_fps": None,
            "facemae": [number, 1, 2] if ok else None,
            "emollama": np.full((2, 3), number, np.float16) if ok else None,
            "emollama_status": "ok" if ok else "not_a_video",
            "emollama_error": None if ok else "clip 'x.mp4': no video",
        }

    return Dataset.from_list([one(number) for number in numbers], features=KINDS)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Five clips: 2 failed, 3 has no label."""
    rows(0, 1, 2, 3, 4, failed=(2,), unlabelled=(3,)).to_parquet(tmp_path / "features" / "train.parquet")
    return tmp_path / "features"


def batches(ds: Dataset, **options: Any) -> list[dict[str, Any]]:
    return list(DataLoader(ds, batch_size=2, **options))


def test_named_columns_go_into_batches_and_what_is_left_out_is_said(
    place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ds = load(place, columns=["facemae", "emollama", "mw_label", "test_fold_num"], format="torch")
    assert "2 of 5 rows of" in caplog.text
    assert "left out: 1 not_a_video, 1 without mw_label." in caplog.text
    assert ds.column_names == ["facemae", "emollama", "mw_label", "test_fold_num"]
    first, second = batches(ds)
    assert first["facemae"].dtype == first["emollama"].dtype == torch.float32
    assert first["emollama"].shape == (2, 2, 3)
    assert first["mw_label"].dtype == torch.int64
    assert [*first["test_fold_num"].tolist(), *second["test_fold_num"].tolist()] == [0, 1, 0]


def test_without_names_columns_with_nulls_are_left_out(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    ds = load(place, format="torch")
    assert "1 of 5 rows of" in caplog.text
    assert "Columns with nulls are left out: mw_label." in caplog.text
    first, _ = batches(ds)
    assert first["uuid"] == ["u0", "u1"]
    assert bool(first["clip_fps"].isnan().all()), "a fact that is not known"
    assert "emollama_error" not in first


def test_the_current_directory_is_a_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "below").mkdir()
    for directory, name in ((place, "."), (place / "below", "..")):
        monkeypatch.chdir(directory)
        assert len(load(name, ok_only=False)) == 5


def test_all_is_there_for_those_who_want_it(place: Path) -> None:
    plain = load_dataset(str(place), split="train")
    assert load(place, ok_only=False).with_format("arrow")[:].equals(plain.with_format("arrow")[:])
    assert load(place).column_names == plain.column_names
    assert load(place)["uuid"] == ["u0", "u1", "u3", "u4"]
    failed = load(place, ok_only=False, format="torch")[2]
    assert failed["facemae"] is None
    assert bool(failed["emollama"].isnan().all())


@pytest.mark.parametrize(
    ("format", "dtype", "expected"),
    [
        ("torch", "float16", torch.float16),
        ("torch", torch.bfloat16, torch.bfloat16),
        ("numpy", "float16", np.float16),
        ("numpy", np.float64, np.float64),
    ],
)
def test_a_dtype_is_that_of_the_features_and_of_no_label(place: Path, format: str, dtype: Any, expected: Any) -> None:
    ds = load(place, columns=["emollama", "facemae", "mw_label"], format=format, dtype=dtype)
    assert ds[:]["emollama"].dtype == ds[:]["facemae"].dtype == expected
    assert ds[1]["mw_label"] == 1
    if format == "torch":
        assert batches(ds)[0]["mw_label"].dtype == torch.int64


def test_splits_are_a_column(tmp_path: Path) -> None:
    both = DatasetDict({"train": rows(0, 1), "test": rows(2)})
    both.save_to_disk(tmp_path / "saved")
    ds = load(tmp_path / "saved", columns="facemae", format="torch")
    assert ds["split"] == ["train", "train", "test"]
    assert load(tmp_path / "saved", split="test").column_names == list(KINDS)
    both["train"].save_to_disk(tmp_path / "one")
    assert load(tmp_path / "one")["uuid"] == ["u0", "u1"]


def test_what_extract_wrote_and_what_was_pushed(tmp_path: Path) -> None:
    paths = [*write_crops(tmp_path / "clips", 1, 2), str(tmp_path / "clips" / "none.npy")]
    ds = Dataset.from_dict({"frames": paths, "uuid": list("abc"), "label": [0, 1, 1]})
    extract(ds, "random-tiny", out=tmp_path / "features", **OPTIONS, stages=["facemae_embed"])
    push(tmp_path / "features", tmp_path / "shared")
    for place in (tmp_path / "features", str(tmp_path / "shared"), (tmp_path / "shared").as_uri()):
        (batch,) = batches(load(place, columns=["facemae", "label"], format="torch"))
        assert batch["facemae"].shape == (2, 32)
        assert batch["label"].tolist() == [0, 1]
        assert len(batches(load(place, format="torch"))) == 1


@pytest.mark.parametrize("name", ["two words", "a%20b", "\u00fc", "#1"])
def test_a_directory_is_the_same_by_its_path_and_by_its_url(place: Path, name: str) -> None:
    folder = place.rename(place.with_name(name))
    assert len(load(folder)) == len(load(folder.as_uri())) == len(load(f"file://{folder}")) == 4


@pytest.mark.parametrize("name", ["[1]", "10::30"])
def test_names_that_datasets_takes_for_patterns_are_said(place: Path, name: str) -> None:
    with pytest.raises((FileNotFoundError, ValueError), match="rename the directory"):
        load(place.rename(place.with_name(name)))


def test_workers_load_the_same(place: Path) -> None:
    ds = load(place, columns=["facemae"], format="torch")
    here = torch.cat([batch["facemae"] for batch in batches(ds)])
    there = torch.cat([batch["facemae"] for batch in batches(ds, num_workers=1)])
    assert torch.equal(here, there)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"columns": ["facemay"]}, ValueError, r"has no column 'facemay'; it has uuid, mw_label, .*facemae"),
        ({"columns": []}, ValueError, "no column that was named"),
        ({"place": "./nothing/here"}, FileNotFoundError, "there is no directory './nothing/here'"),
        (
            {"place": "nobody/nothing"},
            (FileNotFoundError, ValueError),
            "'nobody/nothing' is no directory here and cannot",
        ),
        ({"place": " "}, ValueError, "no place was named"),
        ({"place": "memory://bucket/none"}, ValueError, "there is no provenance.json"),
        ({"split": "test"}, ValueError, "no split 'test', only train"),
        ({"format": "pytorch"}, ValueError, "'torch'"),
        ({"dtype": "float16"}, ValueError, "would have no effect"),
        ({"dtype": "int8", "format": "torch"}, ValueError, "'float16'"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, Any], error: Any, message: str, place: Path) -> None:
    with pytest.raises(error, match=message):
        load(**{"place": place, **options})


def test_a_file_and_a_set_of_failures_are_errors(place: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a file"):
        load(place / "train.parquet")
    rows(0, 1, failed=(0, 1)).to_parquet(tmp_path / "failures" / "train.parquet")
    with pytest.raises(ValueError, match=r"none of the 2 rows .* 2 not_a_video"):
        load(tmp_path / "failures", format="torch")


@given(st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
@settings(max_examples=15, deadline=None)
def test_whatever_failed_the_rest_goes_into_batches(
    tmp_path_factory: Any, failed: set[int], unlabelled: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("saved")
    rows(*range(7), failed=tuple(failed), unlabelled=tuple(unlabelled)).save_to_disk(folder)
    ds = load(folder, columns=["facemae", "emollama", "mw_label"], format="torch")
    found = torch.cat([batch["facemae"][:, 0] for batch in batches(ds)])
    assert found.tolist() == sorted({*range(7)} - failed - unlabelled)
