"""What of a row becomes public: columns that are allowed or named, and of a message its kind alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from datasets import Array2D, Array3D, Array4D, Audio, Dataset, Features, Image, LargeList, List, Value
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf import ShareError, push
from emollama_hf.errors import ERROR_KINDS, PUBLISHED_TEXTS, published_error
from emollama_hf.feature_set.manifest import RowKey
from emollama_hf.privacy.column_values import look_at_values
from emollama_hf.privacy.media import may_show_people, shows_people
from emollama_hf.schema import ERROR, OK, STATUS
from emollama_hf.sharing.names.row_names import RowNames
from emollama_hf.sharing.withhold import plan_publication
from tests.sharing.labs import everything, shared

NAME = "Jane_Doe_12"
UUID = RowNames(RowKey("uuid"))


def failed_rows(column: str) -> Dataset:
    """A row that has features, and a failed one, whose message names it as stages do."""
    return Dataset.from_dict(
        {
            column: ["fine", NAME],
            "facemae": [[0.5, 1.0], None],
            STATUS: ["ok", "missing_file"],
            ERROR: [None, f"{column} {NAME!r}: no such file."],
        }
    )


@pytest.mark.parametrize("column", ["uuid", "id"])
def test_a_hashed_name_stands_in_no_message(column: str, tmp_path: Path) -> None:
    push(failed_rows(column), tmp_path / "shared", key=column, hash_keys=True)
    assert shared(tmp_path / "shared")[ERROR] == [None, published_error("missing_file")]
    assert NAME not in everything(tmp_path / "shared")


def test_every_kind_of_failure_has_a_text_of_its_own() -> None:
    assert set(PUBLISHED_TEXTS) == set(ERROR_KINDS)
    assert len(set(PUBLISHED_TEXTS.values())) == len(ERROR_KINDS)
    for text in PUBLISHED_TEXTS.values():
        assert text.isprintable()
        assert len(text) < 100


KINDS = Features({"uuid": Value("string"), STATUS: Value("string"), ERROR: Value("string")})


@given(
    st.text(st.characters(codec="utf-8")),
    st.sampled_from([*ERROR_KINDS, OK, None]) | st.text(st.characters(codec="utf-8")),
)
def test_a_message_is_published_as_its_kind_whatever_it_says(message: str, status: str | None) -> None:
    row = pa.table({"uuid": ["u1"], STATUS: [status], ERROR: [message]}, schema=KINDS.arrow_schema)
    publication = plan_publication(KINDS, look_at_values([row]), UUID, media=False, drop=())
    told = next(publication.tables(iter([row.select(publication.reads)]))).column(ERROR).to_pylist()
    kind = status if status in ERROR_KINDS else "unexpected"
    assert told == [None if status == OK else f"{kind}: {PUBLISHED_TEXTS[kind]}"]


def test_a_message_without_a_status_is_an_unexpected_one() -> None:
    kinds = Features({"uuid": Value("string"), ERROR: Value("string")})
    row = pa.table({"uuid": ["u1", "u2"], ERROR: [f"{NAME} is gone", None]})
    publication = plan_publication(kinds, look_at_values([row]), UUID, media=False, drop=())
    assert next(publication.tables(iter([row]))).column(ERROR).to_pylist() == [published_error("unexpected"), None]


def test_names_of_files_are_withheld_whatever_they_look_like() -> None:
    kinds = Features({"uuid": Value("string"), "file_name": Value("string"), "camera": Value("string")})
    row = pa.table({"uuid": ["u1"], "file_name": ["Jane Doe"], "camera": ["front"]})
    publication = plan_publication(kinds, look_at_values([row]), UUID, media=False, drop=())
    assert list(publication.features) == ["uuid", "camera"]
    assert publication.withheld == (
        "`file_name`: names of files; rows are named by `uuid`; `--include file_name` lets it go",
    )


@pytest.mark.parametrize(
    ("kind", "shows"),
    [
        (Array2D((16, 16), "uint8"), True),
        (Array2D((15, 400), "uint8"), False),
        (Array2D((400, 400), "float32"), False),
        (Array2D((400, 400), "int64"), True),
        (Array2D((400, 400), "bool"), True),
        (Array3D((16, 16, 3), "float32"), True),
        (Array3D((3, 16, 16), "float32"), True),
        (Array3D((1, 16, 16), "float16"), True),
        (Array3D((16, 15, 3), "float32"), False),
        (Array3D((20, 16, 17), "float32"), False),
        (Array4D((2, 16, 16, 4), "float32"), True),
        (Array4D((2, 5, 16, 17), "float32"), False),
        (List(List(Value("uint8"))), True),
        (List(List(Value("float32"))), False),
        (List(List(List(Value("float32")))), True),
        (List(Value("uint8"), length=768), False),
        (List(Value("float32"), length=1024), False),
        (Value("string"), False),
        (Image(), True),
        (List(Image()), True),
        (LargeList(Image()), True),
        (List(List(Value("int64"))), True),
        (LargeList(List(LargeList(Value("float32")))), True),
        ({"a": Array3D((16, 16, 3), "float32")}, True),
        (List({"a": {"b": List(List(List(Value("int64"))))}}), True),
        (List(Array2D((16, 16), "float32")), True),
        (Array3D((None, 400, 400), "uint8"), True),
        ({"a": List(Value("float32"))}, False),
        ({"n": Value("int32"), "face": Audio()}, True),
    ],
    ids=str,
)
def test_what_has_the_shape_or_the_type_of_pictures_and_recordings_shows_people(kind: Any, shows: bool) -> None:
    assert shows_people("column", kind) == shows
    assert shows_people("peak_frame", kind), "by its name"


@pytest.mark.parametrize(
    ("kind", "sides", "may"),
    [
        (Value("binary"), (), True),
        (Value("large_binary"), (), True),
        ({"a": List(Value("binary"))}, (), True),
        (List(Value("uint8")), (), True),
        (List(Value("int64")), (50_176,), True),
        (List(Value("int64")), (17,), False),
        (List(Value("uint8"), length=256), (), True),
        (List(Value("float32"), length=150_528), (), True),
        (List(Value("float32")), (150_528,), True),
        (List(Value("float32")), (768,), False),
        (List(Value("float32"), length=8192), (), False),
        (Array2D((16, 18_816), "float32"), (), True),
        (Array2D((68, 2), "float32"), (), False),
        ({"a": Value("string"), "b": Value("int32")}, (), False),
        (List(Value("string")), (), False),
    ],
    ids=str,
)
def test_bytes_and_long_lists_may_be_pictures(kind: Any, sides: tuple[int, ...], may: bool) -> None:
    assert may_show_people("column", kind, sides) == may


# Columns that somebody names


FEATURES = Features(
    {
        "uuid": Value("string"),
        "facemae": List(Value("float32"), length=2),
        "embedding": List(Value("float32"), length=3),
        "notes": Value("string"),
        "raw": Value("binary"),
        "crops": Array3D((16, 16, 3), "uint8"),
        "file_name": Value("string"),
    }
)


def several() -> Dataset:
    values = {
        "uuid": ["u1"], "facemae": [[0.5, 1.0]], "embedding": [[1.0, 2.0, 3.0]], "notes": ["two\nlines"],
        "raw": [b"\1\2\3"], "crops": [[[[7] * 3] * 16] * 16], "file_name": ["take_1.mp4"],
    }  # fmt: skip
    return Dataset.from_dict(values, features=FEATURES)


def test_a_status_that_is_none_is_published_as_unexpected(tmp_path: Path) -> None:
    ds = several().select_columns(["uuid", "facemae"]).add_column("emollama_status", ["failed: Anna Schmidt"])
    push(ds, tmp_path / "place")
    assert shared(tmp_path / "place")["emollama_status"][:] == ["unexpected"]
    assert b"Anna" not in b"".join(path.read_bytes() for path in (tmp_path / "place").rglob("*") if path.is_file())


def test_names_beside_another_key_stay(tmp_path: Path) -> None:
    ds = several().select_columns(["uuid", "facemae"]).add_column("name", ["Anna Schmidt"])
    assert (
        "`name`: names; rows are named by `uuid`; `--include name` lets it go" in push(ds, tmp_path / "place").withheld
    )
    assert shared(tmp_path / "place").column_names == ["uuid", "facemae"]


def test_a_column_that_is_held_back_goes_when_it_is_named(tmp_path: Path) -> None:
    told = push(several(), tmp_path / "plain").withheld
    assert [line.split("`")[1] for line in told] == ["embedding", "notes", "raw", "crops", "file_name"]
    assert "`--include embedding`" in told[0]
    assert "5 other columns" not in (tmp_path / "plain" / "README.md").read_text(), "file_name is known"
    assert "4 other columns of the source" in (tmp_path / "plain" / "README.md").read_text()
    named = ["embedding", "notes", "file_name"]
    push(several(), tmp_path / "named", include=named)
    assert shared(tmp_path / "named").column_names == ["uuid", "facemae", *named]
    push(several(), tmp_path / "one", include="notes")
    assert shared(tmp_path / "one")["notes"] == ["two\nlines"]


def test_a_named_column_of_pictures_or_bytes_needs_media_too(tmp_path: Path) -> None:
    for column in ("raw", "crops"):
        with pytest.raises(ShareError, match=f"include: '{column}' holds .*--media"):
            push(several(), tmp_path / "shared", include=[column])
        assert not (tmp_path / "shared").exists()
    push(several(), tmp_path / "media", media=True)
    assert shared(tmp_path / "media").column_names == ["uuid", "facemae", "crops"]
    push(several(), tmp_path / "both", media=True, include=["raw"])
    there = shared(tmp_path / "both")
    assert there.column_names == ["uuid", "facemae", "raw"], "media lets go what was named, and no other recording"
    assert there["raw"] == [b"\1\2\3"]
    push(several(), tmp_path / "every", media=True, include=["raw", "crops"])
    assert shared(tmp_path / "every").column_names == ["uuid", "facemae", "raw", "crops"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include": ["nose"]}, "include: 'nose' is no column; the columns are uuid, facemae, embedding"),
        ({"include": ["notes"], "drop": ["notes"]}, "'notes' is to be included and to be dropped"),
        ({"key": "notes"}, "'notes' names the rows and holds texts of several lines"),
    ],
)
def test_columns_are_named_once_and_exist(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ShareError, match=message):
        push(several(), tmp_path / "shared", **options)
    assert not (tmp_path / "shared").exists()
