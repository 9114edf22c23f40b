"""Files of an evaluation: whole, valid, the same bytes each time."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from emollama_hf import evaluate
from emollama_hf.errors import MissingLibraryError, SourceError
from emollama_hf.evaluation.evaluation import Evaluation
from tests.evaluation.answers import answers

TEXT = "{http://www.w3.org/2000/svg}text"


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluate(answers(), prediction="emotion", label="emotion_label", group="participant_id", resamples=50)


def test_tables_have_the_numbers(found: Evaluation) -> None:
    assert list(found.table.columns) == ["metric", "value", "low", "high"]
    assert list(found.table["metric"]) == ["accuracy", "f1_weighted", "f1_macro", "balanced_accuracy", "kappa"]
    assert ((found.table["low"] <= found.table["value"]) & (found.table["value"] <= found.table["high"])).all()
    assert list(found.per_class["name"]) == ["angry", "happy", "sad"]
    assert found.per_class["count"].sum() == 60
    assert list(found.confusion.columns) == ["angry", "happy", "sad", "(failed)"]
    assert list(found.confusion.index) == ["angry", "happy", "sad"]


def test_files_are_what_was_found(found: Evaluation, tmp_path: Path) -> None:
    paths = found.save(tmp_path / "new" / "folder")
    assert sorted(path.name for path in paths) == sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    content = {path.name: path.read_bytes() for path in paths}
    told = json.loads(content["evaluation.json"])
    assert told["metrics"]["accuracy"]["value"] == found.intervals["accuracy"].value
    assert told["failed"] == {"count": 4, "as": "wrong", "reasons": {"empty_file": 4}}
    assert told["confusion"]["counts"] == found.counts.tolist()
    assert told["options"]["seed"] == 0
    assert set(told["versions"]) == {"emollama_hf", "python", "datasets", "numpy", "pandas", "matplotlib"}
    assert b"NaN" not in content["evaluation.json"]  # an empty bin has none, which JSON has not
    assert pd.read_csv(tmp_path / "new" / "folder" / "metrics.csv")["value"][0] == found.intervals["accuracy"].value
    assert (pd.read_csv(tmp_path / "new" / "folder" / "confusion.csv", index_col=0).to_numpy() == found.counts).all()
    texts = [node.text for node in ElementTree.fromstring(content["confusion.svg"].decode()).iter(TEXT)]
    assert {"angry", "happy", "sad", "(failed)", "true (emotion_label)", "predicted (emotion)"} <= set(texts)
    texts = [node.text for node in ElementTree.fromstring(content["reliability.svg"].decode()).iter(TEXT)]
    assert "confidence (emotion_confidence)" in texts
    again = {path.name: path.read_bytes() for path in found.save(tmp_path / "new" / "folder")}
    assert again == content


def test_classes_of_any_name_are_drawn(tmp_path: Path) -> None:
    names = ["$\\frac{$", "<b>&", "开心", "a\x01b" + "x" * 90]
    truth = names * 5
    ds = answers(20, failed=0, emotion=truth, emotion_label=truth)
    evaluate(ds, prediction="emotion", label="emotion_label", confidence="none", resamples=5).save(tmp_path)
    drawn = {node.text for node in ElementTree.fromstring((tmp_path / "confusion.svg").read_text("utf-8")).iter(TEXT)}
    assert {"$\\frac{$", "<b>&", "开心"} <= drawn
    assert not (tmp_path / "reliability.svg").exists()


def test_many_classes_are_drawn_without_names(tmp_path: Path) -> None:
    truth = [f"class {row}" for row in range(70)]
    ds = answers(70, failed=0, emotion=truth, emotion_label=truth)
    evaluate(ds, prediction="emotion", label="emotion_label", confidence="none", resamples=5).save(tmp_path)
    assert "class 3<" not in (tmp_path / "confusion.svg").read_text("utf-8")
    assert len(pd.read_csv(tmp_path / "classes.csv")) == 70


def test_a_directory_that_cannot_be_written_is_an_error(found: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match=r"cannot be written to.*Choose another directory"):
        found.save(tmp_path / "file")


def test_a_library_that_is_missing_is_one_error(
    found: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingLibraryError, match=r"needs matplotlib.*pip install 'emollama_hf\[probe\]'"):
        found.save(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingLibraryError, match="a table needs pandas"):
        print(found.table)
