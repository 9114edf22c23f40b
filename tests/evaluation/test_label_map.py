"""Files that say which class a label stands for."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset

from emollama_hf import evaluate
from emollama_hf.errors import SourceError
from emollama_hf.evaluation.label_map import read_label_map
from tests.evaluation.answers import answers

NAMED = {"prediction": "emotion", "label": "emotion_label"}
NUMBERS = {"angry": 3, "happy": 5, "sad": 7}


def test_labels_are_mapped_and_predictions_that_are_classes_stay(tmp_path: Path) -> None:
    ds = answers(30)
    expected = evaluate(ds, **NAMED, resamples=5)
    coded = answers(30, emotion_label=[NUMBERS[one] for one in ds["emotion_label"]])
    (tmp_path / "map.csv").write_text("from,to\n3,angry\n5,happy\n7,sad\n")
    (tmp_path / "map.json").write_text('{"3": "angry", "5": "happy", "7": "sad"}')
    for given in (tmp_path / "map.csv", str(tmp_path / "map.json"), {"3": "angry", "5": "happy", "7": "sad"}):
        found = evaluate(coded, **NAMED, label_map=given, resamples=5)
        assert found.classes == ("angry", "happy", "sad")
        assert (found.counts == expected.counts).all()
        assert found.options["label_map"] == {"3": "angry", "5": "happy", "7": "sad"}


def test_a_map_joins_classes_and_spellings() -> None:
    ds = Dataset.from_dict({"p": ["Happy", "sad", "fear", "sad"], "t": ["happy", "sad", "sad", "happy"]})
    classes = {"Happy": "positive", "happy": "positive", "sad": "negative", "fear": "negative"}
    found = evaluate(ds, prediction="p", label="t", label_map=classes, resamples=5)
    assert found.counts.tolist() == [[1, 1, 0], [0, 2, 0]]
    assert found.classes == ("positive", "negative")  # the order of the map


def test_what_the_map_lacks_is_an_error_that_lists_it() -> None:
    ds = answers(30)
    with pytest.raises(SourceError, match=r"column 'emotion_label': the map lacks 'happy' \(near: 'hapy'\).*it has"):
        evaluate(ds, **NAMED, label_map={"hapy": "happi", "angry": "angry", "sad": "sad"})
    labels = {"angry": "a", "happy": "h"}
    coded = answers(30, emotion_label=[{"angry": "a", "happy": "h", "sad": "h"}[one] for one in ds["emotion_label"]])
    with pytest.raises(SourceError, match="column 'emotion': the map lacks 'sad'"):
        evaluate(coded, **NAMED, label_map=labels)
    assert evaluate(coded, **NAMED, label_map=labels, unnamed="wrong", resamples=5).unnamed == ("sad",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("map.csv", "label,class\na,b\n", "map.csv.*from"),
        ("map.csv", "from,to\na,b\na,c\n", "line 3: 'a' stands for 'b' and 'c'"),
        ("map.csv", "from,to\na,\n", "line 2: to is empty"),
        ("map.csv", "from,to\n", "no rows"),
        ("map.json", "[1]", "a list, expected an object"),
        ("map.json", '{"a": 1}', "the class of 'a' is 1, expected a text"),
        ("map.json", "{}", "it is empty"),
        ("map.json", "{", 'Expected {"label": "class", ...}'),
    ],
)
def test_a_file_that_is_no_map_is_an_error(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceError, match=message):
        read_label_map(tmp_path / name)


def test_a_map_that_is_absent_is_an_error(tmp_path: Path) -> None:
    for name in ("none.csv", "none.json"):
        with pytest.raises(SourceError, match="there is no such file"):
            read_label_map(tmp_path / name)
    with pytest.raises(SourceError, match="cannot be read"):
        read_label_map(tmp_path)
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(SourceError, match="cannot be read"):
        read_label_map(tmp_path / "folder.json")
