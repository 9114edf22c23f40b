"""A column of numbers that somebody names needs media if its values look like a picture, a film or a sound."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from datasets import Array2D, Array3D, Dataset, Features, LargeList, List, Value, load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf import extract, push
from emollama_hf.errors import ShareError
from emollama_hf.frames.demo_clips import astronaut
from emollama_hf.privacy.column_values import ColumnValues
from emollama_hf.privacy.included_columns import look_for_signals, why_media
from emollama_hf.privacy.media import may_show_people
from tests.extraction.crops import OPTIONS, crops

SIDE = 24
FACE = cv2.resize(
    cv2.cvtColor(np.ascontiguousarray(astronaut()[:200, 60:260]), cv2.COLOR_RGB2GRAY), (SIDE, SIDE),
    interpolation=cv2.INTER_AREA,
)  # fmt: skip
VECTOR = np.random.default_rng(0).normal(size=(SIDE, SIDE))
VOICE = np.sin(np.arange(400) / 9)

#: How a matrix (side, side) of numbers is stored: its type, and the value of a row.
STORED: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "float32 array": (Array2D((SIDE, SIDE), "float32"), lambda m: m.tolist()),
    "stack": (Array3D((2, SIDE, SIDE), "float64"), lambda m: np.stack([m, m]).tolist()),
    "vector": (List(Value("float32"), length=SIDE * SIDE), lambda m: m.ravel().tolist()),
    "float16 list": (List(Value("float16")), lambda m: m.ravel().astype(np.float16)),
    "nested lists": (LargeList(List(Value("float64"))), lambda m: m.tolist()),
    "decimals": (List(Value("decimal128(12, 6)")), lambda m: [round(Decimal(float(v)), 6) for v in m.ravel()]),
    "texts": (List(Value("string")), lambda m: [str(v) for v in m.ravel()]),
    "list of x, y, v": (
        List({"x": Value("float32"), "y": Value("float32"), "v": Value("float32")}),
        lambda m: [{"x": float(VECTOR[y, x]), "y": float(VECTOR[x, y]), "v": float(m[y, x])}
                   for y in range(SIDE) for x in range(SIDE)],
    ),
    "structure of rows": (
        {f"row {n}": List(Value("float32")) for n in range(SIDE)},
        lambda m: {f"row {n}": row.tolist() for n, row in enumerate(m)},
    ),
}  # fmt: skip


def rows(value: Any, kind: Any, count: int = 3) -> Dataset:
    values = {"uuid": [f"u{n}" for n in range(count)], "facemae": [[0.5, 1.0]] * count, "extra": [value] * count}
    features = {"uuid": Value("string"), "facemae": List(Value("float32"), length=2), "extra": kind}
    return Dataset.from_dict(values, features=Features(features))


@pytest.mark.parametrize("form", STORED)
def test_a_face_needs_media_and_a_vector_does_not(form: str, tmp_path: Path) -> None:
    kind, stored = STORED[form]
    with pytest.raises(ShareError, match=r"'extra' holds numbers that look like a picture.*--media") as caught:
        push(rows(stored(FACE / 255), kind), tmp_path / "face", include=["extra"])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "face").exists()
    push(rows(stored(FACE / 255), kind), tmp_path / "face", include=["extra"], media=True)
    push(rows(stored(VECTOR), kind), tmp_path / "vector", include=["extra"])
    for folder in ("face", "vector"):
        there = load_dataset(str(tmp_path / folder), split="train", keep_in_memory=True)
        assert there.column_names == ["uuid", "facemae", "extra"]


def found(ds: Dataset, size: int) -> str | None:
    values = look_for_signals(
        ds.features, {}, ["extra"],
        lambda columns: ds.select_columns(columns).with_format("arrow").iter(batch_size=size),
    )  # fmt: skip
    return why_media("extra", ds.features["extra"], values.get("extra", ColumnValues()))


wraps = st.lists(st.sampled_from(["list", "large list", "structure", "beside others"]), max_size=3)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(sorted(STORED)), wraps, st.integers(1, 4), st.integers(0, 3))
def test_a_face_is_found_at_any_depth_in_any_row(form: str, around: list[str], size: int, where: int) -> None:
    kind, stored = STORED[form]
    face, vector = stored(FACE / 255), stored(VECTOR)
    for wrap in around if not isinstance(kind, Array2D | Array3D) else ():
        if wrap.endswith("list"):
            kind, face, vector = (List if wrap == "list" else LargeList)(kind), [face], [vector]
        else:
            more, held = ({"n": Value("int8")}, {"n": 3}) if wrap == "beside others" else ({}, {})
            kind, face, vector = {"deep": kind, **more}, {"deep": face, **held}, {"deep": vector, **held}
    values = [vector] * 4
    features = Features({"extra": kind})
    by_type = may_show_people("extra", kind)
    assert (found(Dataset.from_dict({"extra": values}, features=features), size) is None) == (not by_type)
    values[where] = face
    assert found(Dataset.from_dict({"extra": [None, *values, None]}, features=features), size) is not None


# A value a column


def numbered(values: Any, name: str, kind: Any) -> Dataset:
    """Three rows with a column for each value."""
    ds = rows(1, Value("int8")).rename_column("extra", "age")
    features = Features({**ds.features, **{name.format(n): kind for n in range(len(values))}})
    columns = {name.format(n): [value] * 3 for n, value in enumerate(values)}
    return Dataset.from_dict({**ds.to_dict(), **columns}, features=features)


@pytest.mark.parametrize(
    ("values", "name", "kind"),
    [
        (FACE.ravel(), "{}", Value("int64")),
        (VOICE, "w{}_x", Value("float64")),
    ],
    ids=["face", "voice"],
)
def test_a_face_of_numbered_columns_stays(values: Any, name: str, kind: Any, tmp_path: Path) -> None:
    ds, pattern = numbered(values.tolist(), name, kind), name.format("*")
    done = push(ds, tmp_path / "plain")
    (line,) = done.withheld
    assert line.startswith(f"`{pattern}`: numbered columns")
    assert f"--include '{pattern}'" in line
    plain = load_dataset(str(tmp_path / "plain"), split="train", keep_in_memory=True)
    assert plain.column_names == ["uuid", "facemae", "age"]
    with pytest.raises(ShareError, match="holds numbers that look like a picture"):
        push(ds, tmp_path / "named", include=pattern)
    with pytest.raises(ShareError, match="holds numbers that look like a picture"):
        push(ds, tmp_path / "named", include=[name.format(n) for n in range(300)])
    push(ds, tmp_path / "media", include=[pattern], media=True)
    there = load_dataset(str(tmp_path / "media"), split="train", keep_in_memory=True)
    assert len(there.column_names) == 3 + len(values)


def test_a_vector_of_numbered_columns_goes_by_its_pattern(tmp_path: Path) -> None:
    ds = numbered(VECTOR.ravel()[:256].tolist(), "e{}", Value("float32"))
    push(ds, tmp_path / "named", include="e*")
    assert len(load_dataset(str(tmp_path / "named"), split="train", keep_in_memory=True).column_names) == 3 + 256
    with pytest.raises(ShareError, match=r"include: 'nose\*' is no column"):
        push(ds, tmp_path / "other", include="nose*")


def test_out_has_what_is_named_and_no_face(tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2)
    kind, stored = STORED["vector"]
    columns: dict[str, tuple[Any, Any]] = {"face": (stored(FACE / 127.5 - 1), kind), "vector": (stored(VECTOR), kind)}
    columns |= {f"p{n}": (value, Value("int64")) for n, value in enumerate(FACE.ravel()[:256].tolist())}
    columns |= {f"e{n}": (value, Value("float32")) for n, value in enumerate(VECTOR.ravel()[:256].tolist())}
    features = Features({**ds.features, **{name: kind for name, (_, kind) in columns.items()}})
    values = {name: [value] * 2 for name, (value, _) in columns.items()}
    ds = Dataset.from_dict({**ds.to_dict(), **values}, features=features)
    for named, first in (("face", "face"), ("p*", "p0")):
        with pytest.raises(ValueError, match=rf"'{first}' holds numbers that look like .* push publishes it"):
            extract(ds, "random-tiny", out=tmp_path / "out", include=["vector", named], **OPTIONS)
        assert not (tmp_path / "out").exists()
    extract(ds, "random-tiny", out=tmp_path / "out", include=["vector", "e*"], **OPTIONS)
    there = load_dataset(str(tmp_path / "out"), split="train", keep_in_memory=True).column_names
    assert {"vector", "e0", "e255"} < set(there)
    assert not {"face", "p0", "p255"} & set(there)
    assert "`p*`: numbered columns" in (tmp_path / "out" / "README.md").read_text()
