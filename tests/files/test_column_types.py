"""Types of columns: nothing that was read is lost, and the same table has the same types by every route."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.errors import SourceError
from emollama_hf.files.column_types import MER2023, MIND_WANDERING, concatenated, infer, look_like_numbers, typed_column
from emollama_hf.files.tables import read_table

WRITTEN = st.from_regex(r"[-+]?0?\d{0,3}\.?\d{0,3}(e\d)?", fullmatch=True)
WHOLE, DECIMAL = st.integers().map(str), st.floats().map(repr)


@given(st.lists(WHOLE) | st.lists(DECIMAL) | st.lists(WHOLE | DECIMAL | WRITTEN | st.text(max_size=3), max_size=5))
def test_every_value_written_back_is_what_was_read(texts: list[str]) -> None:
    feature, values = infer(texts)
    assert ["" if value is None else str(value) for value in values] == texts
    assert pa.array(values, feature.pa_type).to_pylist() == values


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "", "-20"], "int64"),
        (["1.0", "0.25", ""], "float64"),
        (["1e-07"], "float64"),
        (["0012"], "string"),
        (["1e5"], "string"),
        (["+1"], "string"),
        (["-0"], "string"),
        (["1.50"], "string"),
        (["1", "2.5"], "string"),
        (["12345678901234567890123"], "string"),
        (["9223372036854775808"], "string"),
        (["0.1000000000000000055"], "string"),
        (["nan"], "string"),
        (["inf"], "string"),
        (["true"], "string"),
        (["2021-03-01"], "string"),
        (["٣"], "string"),
        (["1_000"], "string"),
        ([" 1"], "string"),
        (["", ""], "string"),
        ([], "string"),
    ],
)
def test_a_column_is_text_unless_its_numbers_are_written_back_the_same(texts: list[str], kind: str) -> None:
    assert infer(texts).feature == Value(kind)


def test_columns_that_look_like_numbers_are_known() -> None:
    assert look_like_numbers(["0012", "", "1e5"])
    assert look_like_numbers(["1", "2.50"])
    assert not look_like_numbers(["a1", "2"])
    assert not look_like_numbers(["", ""])


def types(path: Path, content: str | bytes) -> dict[str, Any]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    table = read_table(path)
    return {name: typed_column(table, name) for name in table.columns}


def test_a_layout_has_the_types_of_its_builder(tmp_path: Path) -> None:
    found = types(tmp_path / "t.csv", "uuid,participant_id,mw_label,test_fold_num,page\n7,1,MW,1.0,3\n8,2,,2.0,4\n")
    kinds = {name: column.feature for name, column in found.items()}
    known = {name: kind for name, kind in MIND_WANDERING.items() if name in kinds}
    assert kinds == {**known, "page": Value("int64")}
    assert found["mw_label"].values == [1, None]
    assert found["test_fold_num"].values == [1, 2]
    assert types(tmp_path / "u.csv", "uuid,mw_label,test_fold_num\n7,mw,1.0\n")["mw_label"].feature == Value("string")
    assert types(tmp_path / "v.csv", "uuid,discrete,valence\n7,sad,0.5\n")["valence"].feature == Value("float32")
    assert types(tmp_path / "w.csv", "uuid,valence\n7,0.5\n")["valence"].feature == Value("float64")


def test_csv_json_and_parquet_give_the_same_types(tmp_path: Path) -> None:
    rows = [{"uuid": "7", "mw_label": "MW", "id": "0012", "n": 1, "x": 0.5}, {"uuid": "8", "id": "13", "n": 2}]
    Dataset.from_list(rows).to_parquet(tmp_path / "t.parquet")
    found = [
        types(tmp_path / "t.csv", "uuid,mw_label,id,n,x\n7,MW,0012,1,0.5\n8,,13,2,\n"),
        types(tmp_path / "t.jsonl", "\n".join(map(json.dumps, rows))),
        types(tmp_path / "t.parquet", (tmp_path / "t.parquet").read_bytes()),
    ]
    assert found[0] == found[1] == found[2]


def test_types_of_json_and_parquet_stay(tmp_path: Path) -> None:
    big = 12345678901234567890123
    lines = [{"uuid": "7", "tags": ["a"], "on": True, "big": big, "mixed": 1}, {"uuid": "8", "big": 5, "mixed": "x"}]
    found = types(tmp_path / "t.jsonl", "\n".join(map(json.dumps, lines)))
    assert found["tags"] == (List(Value("string")), [["a"], None])
    assert found["on"] == (Value("bool"), [True, None])
    assert found["big"] == (Value("string"), [str(big), "5"])
    assert found["mixed"] == (Value("string"), ["1", "x"])
    kinds = Features({"uuid": Value("string"), "emotion": ClassLabel(names=["sad", "happy"])})
    Dataset.from_dict({"uuid": ["7"], "emotion": [1]}, features=kinds).to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert table.texts("emotion") == ["happy"]
    assert typed_column(table, "emotion") == (kinds["emotion"], [1])


def test_several_tables_have_one_type_a_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("uuid,id\na,1\n")
    (tmp_path / "b.csv").write_text("uuid,id,x\nb,007,2\n")
    (tmp_path / "c.jsonl").write_text('{"uuid": "c"}\n')
    both = concatenated([read_table(tmp_path / name) for name in ("a.csv", "b.csv")])
    assert typed_column(both, "id") == (Value("string"), ["1", "007"])
    assert typed_column(both, "x") == (Value("int64"), [None, 2])
    with pytest.raises(SourceError, match=r"a\.csv and .*c\.jsonl are tables of two kinds"):
        concatenated([read_table(tmp_path / name) for name in ("a.csv", "c.jsonl")])


def test_a_table_of_two_corpora_has_the_classes_of_both(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("name,discrete,valence,mw_label,test_fold_num\n01,happy,-1,MW,1.0\n02,sad,2,NonMW,2.0\n")
    table = read_table(path)
    assert typed_column(table, "discrete").feature == MER2023["discrete"]
    assert typed_column(table, "mw_label").feature == MIND_WANDERING["mw_label"]
    assert typed_column(table, "valence").feature == Value("float32")
    assert typed_column(table, "test_fold_num").values == [1, 2]
