"""What is about to be published is looked at as its readers will: values, and what files say of themselves."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Array2D, Dataset, Features, List, Value

from emollama_hf import ShareError, push
from emollama_hf.feature_set.parquet_file import write_parquet
from emollama_hf.privacy.scan import scan_file
from tests.sharing.labs import lab, rows, shared
from tests.sharing.media import pictures, recordings

PNG = dict(pictures())["PNG"]
PATH = "/home/lab/clips/Jane_Doe.mp4"


def found(path: Path, **options: object) -> list[tuple[str, str]]:
    findings = scan_file(path, path.name, **options)  # type: ignore[arg-type]
    assert {one.file for one in findings} <= {path.name}
    return [(one.where, one.what) for one in findings]


def parquet(folder: Path, name: str, column: pa.Array) -> Path:
    path = folder / "rows.parquet"
    pq.write_table(pa.table({name: column, "n": list(range(len(column)))}), path, write_statistics=False)
    return path


def columns() -> dict[str, pa.Array]:
    """The picture in the third of four rows, in every type that could hold it."""
    text = base64.b64encode(PNG).decode()
    numbers = list(PNG)
    values: dict[str, pa.Array] = {
        "binary": pa.array([b"", None, PNG, b"x"], pa.binary()),
        "large binary": pa.array([b"", None, PNG, b"x"], pa.large_binary()),
        "fixed binary": pa.array([None, None, PNG, None], pa.binary(len(PNG))),
        "string": pa.array(["", None, text, "x"], pa.string()),
        "large string": pa.array(["", None, text, "x"], pa.large_string()),
        "dictionary": pa.array(["", None, text, "x"]).dictionary_encode(),
        "list of text": pa.array([[], None, ["a", text], ["x"]], pa.list_(pa.string())),
        "large list of bytes": pa.array([[], None, [b"a", PNG], [b"x"]], pa.large_list(pa.binary())),
        "struct": pa.array([None, {"a": 1, "b": None}, {"a": 1, "b": PNG}, None],
                           pa.struct([("a", pa.int32()), ("b", pa.binary())])),
        "list of structs": pa.array([[], None, [{"b": PNG}], []], pa.list_(pa.struct([("b", pa.binary())]))),
        "map": pa.array([[], None, [("k", PNG)], []], pa.map_(pa.string(), pa.binary())),
        "list of uint8": pa.array([[], None, numbers, [1]], pa.list_(pa.uint8())),
        "list of int8": pa.array([[], None, [n - 256 if n > 127 else n for n in numbers], [1]], pa.list_(pa.int8())),
        "fixed list of uint8": pa.array([None, None, numbers, None], pa.list_(pa.uint8(), len(numbers))),
        "list of lists of uint8": pa.array([[], None, [[1], numbers], []], pa.list_(pa.list_(pa.uint8()))),
    }  # fmt: skip
    return values


@pytest.mark.parametrize("kind", list(columns()))
def test_a_picture_is_found_in_every_type_of_column(kind: str, tmp_path: Path) -> None:
    [(where, what)] = found(parquet(tmp_path, kind, columns()[kind]))
    assert where == f"column {kind!r}, row 2"
    assert what.startswith("PNG picture")


@pytest.mark.parametrize("kind", list(columns()))
def test_the_first_row_and_one_far_down_are_looked_at(kind: str, tmp_path: Path) -> None:
    picture = columns()[kind].slice(2, 1)
    nothing = pa.nulls(130, picture.type)
    assert found(parquet(tmp_path, kind, picture))[0][0] == f"column {kind!r}, row 0"
    column = pa.chunked_array([nothing, picture, nothing]).combine_chunks()
    column = column if isinstance(column, pa.Array) else column.chunk(0)
    assert found(parquet(tmp_path, kind, column))[0][0] == f"column {kind!r}, row 130"


@pytest.mark.parametrize("values", [["!", PATH], [PATH, "z"]])
def test_a_path_in_either_bound_of_a_column_is_found(values: list[str], tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": values}), path)
    assert ("statistics of column 'a'", f"absolute path {PATH!r}") in found(path)


def test_every_kind_is_found_in_a_column_of_bytes(tmp_path: Path) -> None:
    kinds = {**dict(pictures()), **dict(recordings(tmp_path))}
    for kind, data in kinds.items():
        path = parquet(tmp_path, "c", pa.array([b"", b"noise" + data], pa.binary()))
        assert found(path)[0][0] == "column 'c', row 1", kind


def test_paths_are_found_in_text_bytes_and_structures(tmp_path: Path) -> None:
    for values in (["", PATH], [b"", PATH.encode()], [[], [f"see {PATH}"]], [None, {"path": PATH}]):
        assert found(parquet(tmp_path, "c", pa.array(values))) == [("column 'c', row 1", f"absolute path {PATH!r}")]


def test_what_a_file_says_of_itself_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pa.table({"a": [1, 2]})
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps({"source": PATH})}), path)
    assert found(path) == [("Parquet metadata 'pandas'", f"absolute path {PATH!r}")]
    field = pa.field("a", pa.int64(), metadata={"thumbnail": PNG})
    pq.write_table(pa.table({"a": [1]}, schema=pa.schema([field])), path)
    assert ("the schema of column 'a'", "PNG picture") in found(path)
    pq.write_table(pa.table({PATH: [1]}), path)
    assert any(what == f"absolute path {PATH!r}" for _, what in found(path))
    pq.write_table(pa.table({"a": ["x", PATH]}), path)
    assert [where for where, _ in found(path)] == ["statistics of column 'a'", "column 'a', row 1"]


def test_meant_pictures_are_none_and_their_paths_are(tmp_path: Path) -> None:
    pictures = pa.array([{"bytes": PNG, "path": None}, {"bytes": PNG, "path": PATH}])
    path = parquet(tmp_path, "face", pictures)
    assert found(path, media_columns=["face"]) == [("column 'face', row 1", f"absolute path {PATH!r}")]
    assert len(found(path)) == 2


def test_features_are_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    features = Features({"emollama": Array2D((20, 64), "float16"), "facemae": List(Value("float32"), length=64),
                         "uuid": Value("string"), "crc": List(Value("uint8"))})  # fmt: skip
    ds = Dataset.from_dict(
        {"emollama": rng.standard_normal((50, 20, 64)).astype(np.float16), "facemae": rng.standard_normal((50, 64)),
         "uuid": [f"u{n}" for n in range(50)], "crc": [list(rng.bytes(4000)) for _ in range(50)]},
        features=features,
    )  # fmt: skip
    write_parquet(tmp_path / "rows.parquet", [ds.with_format("arrow")[:]], features)
    assert found(tmp_path / "rows.parquet") == []


def test_other_files(tmp_path: Path) -> None:
    card, picture, broken = tmp_path / "README.md", tmp_path / "face.png", tmp_path / "rows.parquet"
    card.write_text(f"# Clips\n\nRecorded in room 5, see {PATH}.\n")
    assert found(card) == [("the file", f"absolute path {PATH!r}")]
    card.write_text("Read as `video/mp4`; see https://example.org/a/b and s3://bucket/a/b.\n")
    assert found(card) == []
    card.write_bytes(f"see {PATH}".encode("utf-16"))
    assert found(card) == [("the file", f"absolute path {PATH!r}")]
    picture.write_bytes(PNG)
    assert found(picture) == [("the file", "PNG picture")]
    assert found(picture, allowed_sha256=[hashlib.sha256(PNG).hexdigest()]) == []
    broken.write_bytes(b"PAR1 and no more")
    assert found(broken)[0][1].startswith("no readable Parquet")


# The whole push


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("notes", f"{PATH} was loud", "column 'notes', row 1: absolute path '/home/lab/clips/Jane_Doe.mp4"),
        ("encoded", base64.b64encode(PNG).decode(), "column 'encoded', row 1: PNG picture in base64"),
        ("seen", {"by": PATH}, "column 'seen', row 1: absolute path '/home/lab/clips/Jane_Doe.mp4"),
    ],
)
def test_a_push_stops_and_nothing_is_there(column: str, value: object, what: str, tmp_path: Path) -> None:
    """Also where somebody asked for the column."""
    ds = rows(tmp_path / "clips", 1, 2).add_column(column, [None, value])
    out = lab(tmp_path, ds=ds, include=[column])
    with pytest.raises(ShareError, match="nothing was published") as raised:
        push(out, tmp_path / "shared", include=[column])
    assert what in str(raised.value)
    assert "--drop" in str(raised.value)
    assert not (tmp_path / "shared").exists()
    push(out, tmp_path / "shared", drop=[column])


@pytest.mark.parametrize("value", [PNG, list(PNG)], ids=["bytes", "numbers"])
def test_pictures_in_bytes_leave_with_media_only(value: object, tmp_path: Path) -> None:
    kind = List(Value("uint8")) if isinstance(value, list) else Value("binary")
    ds = rows(tmp_path / "clips", 1, 2).add_column("facemae", [[0.5], [1.0]])
    ds = ds.add_column("thumbnail", [None, value], feature=kind)
    push(ds, tmp_path / "plain")
    assert "thumbnail" not in shared(tmp_path / "plain").column_names
    with pytest.raises(ShareError, match="--media"):
        push(ds, tmp_path / "shared", include=["thumbnail"])
    push(ds.remove_columns("frames"), tmp_path / "shared", include=["thumbnail"], media=True)
    assert shared(tmp_path / "shared")["thumbnail"] == [None, value]


def test_a_picture_in_place_of_the_cards_own_stops_a_push(tmp_path: Path) -> None:
    """The histogram is known by its bytes and not by its name."""
    out = lab(tmp_path, 1, 2)
    push(out, tmp_path / "shared")
    (tmp_path / "shared" / "face_coverage.png").write_bytes(PNG)
    [finding] = scan_file(tmp_path / "shared" / "face_coverage.png", "face_coverage.png")
    assert finding.what == "PNG picture"
