"""The folder of a training: names of folds lead nowhere else, and one process at a time trains into it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

from emollama_hf.training.run_folder import RunFolder, open_run_folder
from emollama_hf.training.split import chosen_folds
from emollama_hf.training.training_data import training_data
from emollama_hf.training.training_error import TrainingError
from tests.training.labelled import NAMED, labelled
from tests.training.test_finetune import finetune, people, tensors

IDENTITY: dict[str, Any] = {"rows": "abc"}


def folds_called(*names: str) -> Dataset:
    ds = people()
    folds = [names[fold] for fold in ds["test_fold_num"]]
    return ds.remove_columns("test_fold_num").add_column("test_fold_num", folds)


def test_names_of_folds_lead_nowhere_else(tmp_path: Path) -> None:
    """A path, the name of a file of the training, and one that is too long for a file."""
    names = (str(tmp_path / "absolute"), "run.json", "../" * 3 + "x" * 300)
    done = finetune(folds_called(*names), tmp_path / "inside" / "out", fold="all", epochs=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside"]
    assert sorted(path.name for path in (tmp_path / "inside").iterdir()) == ["out", "work"]
    found = {json.loads((path / "provenance.json").read_text())["training"]["fold"] for path in done.adapters}
    assert found == set(names)


def test_a_fold_called_everything_is_a_fold(tmp_path: Path) -> None:
    finetune(folds_called("everything", "b", "c"), tmp_path / "out", fold="everything", epochs=1)
    facts = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert facts["training"]["fold"] == "everything"


def test_a_fold_called_all_is_not_each_fold() -> None:
    ds = labelled(test_fold_num=["all" if row < 16 else "b" for row in range(32)])
    rows = training_data(ds, "random-tiny", **NAMED).rows
    assert chosen_folds(rows, "b") == ("b",)
    with pytest.raises(TrainingError, match="one fold has this name"):
        chosen_folds(rows, "all")


def test_one_process_at_a_time_trains_into_a_folder(tmp_path: Path) -> None:
    folder = open_run_folder(tmp_path / "out", IDENTITY)
    other = open_run_folder(tmp_path / "out", {"rows": "other"})
    with (
        folder.begun(),
        pytest.raises(TrainingError, match="another process trains into"),
        RunFolder(folder.path, IDENTITY).begun(),
    ):
        pass
    with pytest.raises(TrainingError, match="differs from this one"), other.begun():
        pass
    with open_run_folder(tmp_path / "out", IDENTITY).begun():
        pass


def test_a_call_that_ended_before_it_noted_what_it_trains_left_a_new_folder(tmp_path: Path) -> None:
    states = tmp_path / "out" / ".training"
    states.mkdir(parents=True)
    for name in ("lock", ".run.json.part"):
        (states / name).touch()
        with open_run_folder(tmp_path / "out", IDENTITY).begun():
            pass
        (states / "run.json").unlink()
    (states / "mine.txt").touch()
    with pytest.raises(TrainingError, match="holds no training"):
        open_run_folder(tmp_path / "out", IDENTITY)


@pytest.mark.parametrize("file", ["adapter.safetensors", "provenance.json"])
def test_an_adapter_that_was_damaged_is_trained_again(tmp_path: Path, file: str) -> None:
    ds, out = people(), tmp_path / "out"
    finetune(ds, out, fold=1, epochs=1)
    before = tensors(out)
    before = {name: one.clone() for name, one in before.items()}
    content = (out / file).read_bytes()
    (out / file).unlink()
    (out / file).write_bytes(content[: len(content) // 2])
    finetune(ds, out, fold=1, epochs=1)
    assert all((tensors(out)[name] == one).all() for name, one in before.items())


def test_weights_of_numpy_are_numbers(tmp_path: Path) -> None:
    weights = {"MW": np.float32(2), "NonMW": np.int64(1)}
    finetune(people(), tmp_path / "out", fold=0, epochs=1, class_weights=weights)
    facts = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert facts["training"]["class_weights"] == {"MW": 2.0, "NonMW": 1.0}
