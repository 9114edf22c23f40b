"""Feature sets as labs have them: rows of a few participants, extracted with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, Features, Value, load_dataset

from emollama_hf import extract
from tests.extraction.crops import OPTIONS, write_crops

LABELS = Features(
    {
        "frames": Value("string"),
        "uuid": Value("string"),
        "file_name": Value("string"),
        "participant_id": Value("string"),
        "mw_label": ClassLabel(names=["NonMW", "MW"]),
        "test_fold_num": Value("int64"),
    }
)


def rows(folder: Path, *numbers: int, features: Features = LABELS, **more: list[Any]) -> Dataset:
    """A clip for each number: three participants, two labels, three folds. more: other columns."""
    columns: dict[str, list[Any]] = {
        "frames": write_crops(folder, *numbers),
        "uuid": [f"u{number}" for number in numbers],
        "file_name": [f"Jane_Doe/take_{number}.mp4" for number in numbers],
        "participant_id": [f"P{number % 3}" for number in numbers],
        "mw_label": [number % 2 for number in numbers],
        "test_fold_num": [number % 3 for number in numbers],
    }
    kept = {name: values for name, values in columns.items() if name in features}
    return Dataset.from_dict({**kept, **more}, features=None if more else features)


def lab(folder: Path, *numbers: int, ds: Dataset | None = None, **options: Any) -> Path:
    """The directory that `extract` writes for these clips, or for the rows `ds`."""
    out = folder / "features"
    ds = rows(folder / "clips", *numbers) if ds is None else ds
    extract(ds, "random-tiny", out=out, existing="replace", **{**OPTIONS, "pooling": "mean", **options})
    return out


def shared(directory: Path, config: str | None = None) -> Dataset:
    """The rows of a shared directory, in memory."""
    return load_dataset(str(directory), config, split="train", keep_in_memory=True)


def manifest(directory: Path, config: str = "default") -> dict[str, Any]:
    """A configuration's part of provenance.json."""
    found: dict[str, Any] = json.loads((directory / "provenance.json").read_text())["configs"][config]
    return found


def everything(directory: Path) -> str:
    """All that could be read in a shared directory: its rows but for the numbers, and every other file as text."""
    text = "".join(path.read_text() for path in directory.iterdir() if path.suffix in (".md", ".json"))
    ds = shared(directory)
    texts = [name for name, kind in ds.features.items() if getattr(kind, "dtype", "") == "string"]
    return text + str(ds.select_columns(texts)[:])
