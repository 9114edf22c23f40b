"""Tables of labels: what csv.writer wrote is what is read, and every fault is one error with its line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.errors import SourceError
from emollama_hf.files.tables import MAX_COLUMNS, csv_lines, read_table

CELLS = st.text('a0 ",;\t\n\r\u00e9\u2028\ufeff', max_size=6)
HEADINGS = st.lists(st.text("ab1_;\u00e9", min_size=1, max_size=3), min_size=2, max_size=4, unique=True)
TABLES = HEADINGS.flatmap(
    lambda names: st.tuples(
        st.just(names), st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), max_size=4)
    )
)


def written(rows: list[list[str]], **dialect: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(rows)
    return text.getvalue().encode()


@given(TABLES, st.booleans(), st.booleans())
def test_what_was_written_is_read(table: tuple[list[str], list[list[str]]], tabs: bool, mark: bool) -> None:
    columns, rows = table
    content = b"\xef\xbb\xbf" * mark + written([columns, *rows], delimiter="\t" if tabs else ",")
    read = [cells for _, cells in csv_lines(Path("x.tsv" if tabs else "x.csv"), content)]
    assert read == [columns, *rows]


def test_rows_know_their_lines_and_long_cells_with_line_breaks_are_whole(tmp_path: Path) -> None:
    long = "line\n" * 300_000
    (tmp_path / "t.csv").write_bytes(written([["uuid", "text"], ["a", long], ["b", ""]]))
    table = read_table(tmp_path / "t.csv", filled=["uuid"])
    assert table.texts("text") == [long, ""]
    assert [row.line for row in table.rows] == [300_002, 300_003]


def test_blanks_around_headings_are_passed_over_and_in_cells_kept(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("uuid , label,x \na, b,c \n")
    assert read_table(tmp_path / "t.csv").rows[0].cells == {"uuid": "a", "label": " b", "x": "c "}


def test_blanks_behind_every_comma_belong_to_the_commas(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('uuid, label, x\na, "b, c", d\n')
    assert read_table(tmp_path / "t.csv").rows[0].cells == {"uuid": "a", "label": "b, c", "x": "d"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "uuid;label\na;1\n", r"line 1: has 'uuid;label'; .*parted by ';': save it with commas"),
        ("t.csv", "uuid\tlabel\na\t1\n", r"parted by tabs: save it with commas, or name the file \*\.tsv"),
        ("t.csv", "sep=;\nuuid;label\na;1\n", "parted by ';'"),
        ("t.csv", ",uuid\n0,a\n", r"column 1 has no name.*index=False"),
        ("t.csv", " ,uuid\n0,a\n", "column 1 has no name"),
        ("t.csv", "uuid,label,label \na,1,2\n", "the column 'label' is there twice"),
        ("t.csv", "UU ID,label\na,1\n", "Rename 'UU ID' to uuid"),
        ("t.csv", "uuid,label\na\n", "line 2: has 1 cells; expected 2"),
        ("t.csv", 'uuid,label\na,"b\n', "cannot be read as a CSV"),
        ("t.csv", "uuid,label\n", "has no rows"),
        ("t.csv", "", "has nothing; expected one of uuid in the CSV's headings"),
        ("t.csv", b"PK\x03\x04" + b"\xff", "not UTF-8.*Excel workbook"),
        ("t.csv", "uuid\tx\na\t1\n".encode("utf-16"), "not UTF-8"),
        ("t.jsonl", '{"uuid": "a"}\n{"uuid": \n', "line 2: cannot be read as JSON"),
        ("t.jsonl", '["uuid"]\n', "line 1: is a list; expected an object"),
        ("t.jsonl", '{"uuid": "a", "uuid": "b"}\n', "the key 'uuid' is there twice"),
        ("t.jsonl", '{"uuid": "a", "uuid ": "b"}\n', "a key is there twice"),
        ("t.jsonl", '{"name": "a"}\n', "expected one of uuid"),
        ("t.parquet", b"no parquet", "cannot be read as Parquet"),
    ],
)
def test_a_fault_is_one_error(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SourceError, match=message) as raised:
        read_table(tmp_path / name, one_of=["uuid"])
    assert name in str(raised.value)


def test_json_has_lines_separators_and_nulls(tmp_path: Path) -> None:
    rows = [{"uuid": "a", "t": "x\u2028y"}, {"uuid": 7, "n": 1.5, "t": None}]
    (tmp_path / "t.jsonl").write_text(
        "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8"
    )
    table = read_table(tmp_path / "t.jsonl", filled=["uuid"])
    assert table.columns == ["uuid", "t", "n"]
    assert [row.cells for row in table.rows] == [
        {"uuid": "a", "t": "x\u2028y", "n": ""},
        {"uuid": "7", "t": "", "n": "1.5"},
    ]
    assert [row.line for row in table.rows] == [1, 3]
    assert table.values["n"] == [None, 1.5]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_table_of_very_many_columns_is_refused_in_one_short_line(tmp_path: Path, name: str) -> None:
    path, columns = tmp_path / name, [f"c{i}" for i in range(MAX_COLUMNS + 1)]
    if name == "a.csv":
        path.write_text(",".join(columns) + "\n")
    elif name == "a.jsonl":
        path.write_text("".join(json.dumps({"file_name": "a.mp4", column: 1}) + "\n" for column in columns))
    else:
        pq.write_table(pa.table({column: [1] for column in columns}), path)
    with pytest.raises(SourceError, match=r"10,00[12] columns; expected at most 10,000") as error:
        read_table(path)
    assert len(str(error.value)) < 400


def test_a_missing_column_of_a_wide_table_is_told_in_one_short_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",".join(f"c{i}" for i in range(MAX_COLUMNS)) + "\n")
    with pytest.raises(SourceError, match=r"'c49', \.\.\.; expected the columns label") as error:
        read_table(tmp_path / "a.csv", filled=["label"])
    assert len(str(error.value)) < 1000


def test_json_that_is_nested_too_deep_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}\n")
    with pytest.raises(SourceError, match="line 1: cannot be read as JSON"):
        read_table(tmp_path / "a.jsonl")


def test_a_nul_in_the_name_of_a_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("uuid,label\0x\na,b\n")
    with pytest.raises(SourceError, match=r"labels\.csv, line 1: the column 'label\\x00x' has a NUL in its name"):
        read_table(tmp_path / "labels.csv")
