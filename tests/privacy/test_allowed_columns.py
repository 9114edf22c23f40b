"""What leaves is what is allowed: any nesting of types, through the directory of `extract` and through a push."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets import (
    Array2D,
    Array3D,
    Array4D,
    Array5D,
    Audio,
    ClassLabel,
    Dataset,
    DatasetInfo,
    Features,
    Image,
    LargeList,
    List,
    Translation,
    TranslationVariableLanguages,
    Value,
    Video,
    load_dataset,
)
from datasets.table import InMemoryTable
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emollama_hf import extract, push, schema
from emollama_hf.extraction.held_back import held_back
from emollama_hf.feature_set.manifest import RowKey
from emollama_hf.privacy.allowed_columns import LONG_TEXTS, computed_shapes, left_out, why_held_back
from emollama_hf.privacy.column_values import SHORT_TEXT, columns_to_look_at, look_at_values
from emollama_hf.sharing.names.row_names import RowNames
from emollama_hf.sharing.withhold import plan_publication
from emollama_hf.stages import STAGES
from emollama_hf.stages.known_columns import sensitive_columns
from emollama_hf.work_store.arrow_columns import nulls
from tests.extraction.crops import OPTIONS, crops

NUMBERS = ["bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
           "float16", "float32", "float64"]  # fmt: skip
SCALARS = [*NUMBERS, "null", "date32", "date64", "time32[s]", "time64[us]", "timestamp[us]", "timestamp[s, tz=UTC]",
           "duration[ms]", "decimal128(10, 2)", "decimal256(30, 2)"]  # fmt: skip
TEXTS = ["string", "large_string", "string_view"]
BYTES = ["binary", "large_binary", "binary_view"]
ARRAYS = {2: Array2D, 3: Array3D, 4: Array4D, 5: Array5D}
NAMES = [
    "x",
    "face",
    "Größe",
    *sorted(sensitive_columns()),
    *computed_shapes(),
    *schema.CLIP_FACTS,
    schema.STATUS,
    schema.ERROR,
]
NO_TYPES = [value for value in dir(__import__("datasets")) if value in ("Pdf", "Nifti", "Mesh", "Json")]

arrays = st.integers(2, 5).flatmap(
    lambda depth: st.builds(
        lambda sides, dtype: ARRAYS[depth](tuple(sides), dtype),
        st.lists(st.integers(1, 64), min_size=depth, max_size=depth),
        st.sampled_from(NUMBERS),
    )
)
leaves = st.one_of(
    st.sampled_from([*SCALARS, *TEXTS, *BYTES]).map(Value),
    st.sampled_from([Image(), Image(decode=False), Audio(), Video(), Video(decode=False)]),
    st.just(ClassLabel(names=["MW", "NonMW"])),
    st.just(Translation(languages=["de", "en"])),
    st.just(TranslationVariableLanguages(languages=["de", "en"])),
    st.sampled_from([getattr(__import__("datasets"), name)() for name in NO_TYPES]),
    arrays,
)
kinds = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(List, inner),
        st.builds(List, inner, length=st.integers(1, 9000)),
        st.builds(LargeList, inner),
        st.dictionaries(st.sampled_from(["a", "b", *NAMES]), inner, min_size=1, max_size=3),
    ),
    max_leaves=5,
).filter(lambda kind: places(kind) <= 1_000_000)


def places(kind: Any) -> int:
    """How many values Arrow keeps room for in a row, also where the row is null: lists of fixed lengths multiply."""
    if isinstance(kind, dict):
        return sum(map(places, kind.values()))
    inner = getattr(kind, "feature", None)
    return 1 if inner is None else max(1, getattr(kind, "length", 1)) * places(inner)


def is_allowed(name: str, kind: Any) -> bool:
    """The rule once more, for columns whose texts are short and whose lists of any length are empty."""
    if name in sensitive_columns():
        return False
    if isinstance(kind, ClassLabel):
        return True
    if type(kind) is Value:
        return "binary" not in kind.dtype
    shape: list[int] = []
    while isinstance(kind, List):
        shape.append(kind.length)
        kind = kind.feature
    if isinstance(kind, tuple(ARRAYS.values())):
        shape += kind.shape
    elif type(kind) is not Value or not shape:
        return False
    vector = len(shape) == 1 and name in ("facemae", "videomae", "hubert", "emollama", "face_scores", "emotion_probs")
    any_matrix = name in ("emollama", "facemae_sequence", "videomae_tokens")
    of_sides = (name == "face_boxes" and shape[-1] in (4, -1)) or (name == "videomae_sequence" and shape[0] == 8)
    matrix = len(shape) == 2 and (any_matrix or of_sides)
    fits = (vector or matrix) and max(shape) <= 8192 and kind.dtype.startswith("float")
    return fits and not (name == "face_boxes" and shape[1] == -1)


def table(features: Features, rows: int = 2) -> pa.Table:
    columns = {name: nulls(rows, kind) for name, kind in features.items()}
    return pa.table(columns, schema=features.arrow_schema)


def planned(features: Features, rows: pa.Table, **options: Any) -> Any:
    columns = columns_to_look_at(features, [*computed_shapes(), *options.get("include", ())])
    values = look_at_values([rows.select(columns)])
    names = RowNames(RowKey("key"))
    return plan_publication(features, values, names, **{"media": False, "drop": (), **options})


def as_dataset(features: Features, rows: pa.Table) -> Dataset:
    return Dataset(InMemoryTable(rows), info=DatasetInfo(features=features))


@example({"x": List({"a": Array3D((2, 2, 3), "uint8")})})
@example({"facemae": List(Value("float32"), length=150_528)})
@example({"face_boxes": Array2D((224, 224), "float32")})
@example({"emollama": Array3D((16, 48, 48), "float16")})
@example({"face_coverage": Array2D((48, 48), "float32"), "clip_fps": Value("binary")})
@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(NAMES), kinds, min_size=1, max_size=4))
def test_nothing_leaves_but_what_is_allowed(columns: dict[str, Any]) -> None:
    features = Features({"key": Value("string"), **columns})
    rows = table(features)
    allowed = {name for name, kind in columns.items() if is_allowed(name, kind)}
    held = held_back(as_dataset(features, rows), ())
    assert set(columns) - set(held) == allowed
    publication = planned(features, rows)
    assert set(publication.features) - {"key"} == allowed
    told = " ".join(publication.withheld)
    assert all(f"`{name}`" in told for name in columns if name not in allowed)
    # An option brings each of them back, media apart.
    for name in held:
        assert name not in held_back(as_dataset(features, rows), [name])
    every = planned(features, rows, media=True, include=list(columns))
    assert set(every.features) - {"key"} == set(columns)


SHORT = st.text(string.ascii_letters + " äß", max_size=30)
LINE_ENDS = st.sampled_from(["\n", "\r", "\t", "\0", "\x7f", "\x85", "\u2028", "\u2029"])
LONG = st.one_of(
    st.integers(SHORT_TEXT + 1, 2000).map(lambda size: "a" * size),
    st.builds(lambda a, end, b: a + end + b, SHORT, LINE_ENDS, SHORT),
)


@settings(deadline=None, max_examples=40)
@given(st.lists(SHORT, min_size=1, max_size=600), LONG, st.integers(0, 10**6), st.sampled_from(TEXTS), st.booleans())
def test_a_column_with_one_long_text_stays(texts: list[str], odd: str, where: int, dtype: str, as_labels: bool) -> None:
    kind = Value(dtype)
    features = Features({"key": Value("string"), "notes": kind})
    for values, stays in ((texts, False), ([*texts[: where % (len(texts) + 1)], odd, *texts], True)):
        rows = pa.table({"key": [str(n) for n in range(len(values))], "notes": values}, schema=features.arrow_schema)
        assert ("notes" in held_back(as_dataset(features, rows), ())) == stays
        assert ("notes" not in planned(features, rows).features) == stays
        if as_labels:
            labels = ClassLabel(names=[f"{n} {text}" for n, text in enumerate(values)])
            assert (why_held_back("label", labels, None) is not None) == (
                stays or len(max(labels.names, key=len)) > 200
            )


def test_a_text_of_the_longest_length_is_short() -> None:
    values = look_at_values([pa.table({"a": ["ä" * SHORT_TEXT], "b": ["ä" * (SHORT_TEXT + 1)]})])
    assert (values["a"].are_short, values["b"].are_short) == (True, False)


@pytest.mark.parametrize("column", [pa.array([b"\xff\xd8"]), pa.array([["a"]]), pa.array([{"a": 1}])], ids=str)
def test_what_is_declared_as_text_and_is_none_is_not_short(column: pa.Array) -> None:
    assert not look_at_values([pa.table({"a": column})])["a"].are_short


def test_dictionaries_are_texts() -> None:
    short, long = (pa.array(values).dictionary_encode() for values in (["MW", None], ["a\nb", "c"]))
    values = look_at_values([pa.table({"short": short, "long": long})])
    assert (values["short"].are_short, values["long"].are_short) == (True, False)


@pytest.mark.parametrize(("length", "stays"), [(8192, False), (8193, True)])
def test_lists_of_any_length_are_as_long_as_they_are(length: int, stays: bool) -> None:
    features = Features({"key": Value("string"), "facemae": List(Value("float64"))})
    rows = pa.table({"key": ["a", "b"], "facemae": [[0.5], [0.5] * length]}, schema=features.arrow_schema)
    assert ("facemae" in held_back(as_dataset(features, rows), ())) == stays
    assert ("facemae" not in planned(features, rows).features) == stays


def test_every_column_of_the_stages_is_allowed_as_they_declare_it() -> None:
    for stage in STAGES:
        made = stage() if stage.name == "sample_frames" else stage("random-tiny")  # type: ignore[call-arg]
        for name, kind in made.own_features().items():
            reason = why_held_back(name, kind, None)
            if kind == Value("string"):  # how long its texts are decides
                assert reason == LONG_TEXTS
                continue
            assert (reason is None) == (name not in sensitive_columns()), name


def test_a_column_with_a_name_that_is_no_short_text_stays() -> None:
    for name in ("two\nlines", "a" * (SHORT_TEXT + 1)):
        reason = why_held_back(name, Value("int32"), None)
        assert reason == "its name is no short text"
        line = left_out(name, reason)
        assert line.isprintable()
        assert len(line) < 250


# The whole way


def lab_rows(folder: Path) -> Dataset:
    """Two clips with a column of each kind that stays and of each that goes."""
    ds = crops(folder, 1, 2).remove_columns("label")
    more: dict[str, tuple[list[Any], Any]] = {
        "uuid": (["u1", "u2"], Value("string")),
        "participant_id": (["P1", "P2"], Value("string")),
        "label": ([0, 1], ClassLabel(names=["NonMW", "MW"])),
        "age": ([31, None], Value("int16")),
        "notes": (["short", "two\nlines"], Value("string")),
        "embedding": ([[0.5] * 768] * 2, List(Value("float32"), length=768)),
        "answers": ([{"q1": 3}] * 2, {"q1": Value("int8")}),
        "pixels": ([" ".join(["127"] * 2304)] * 2, Value("string")),
        "raw": ([b"\1\2"] * 2, Value("binary")),
        "grey": (np.zeros((2, 24, 24), np.float32).tolist(), Array2D((24, 24), "float32")),
        "face": (np.zeros((2, 24, 24, 3), np.uint8).tolist(), Array3D((24, 24, 3), "uint8")),
    }
    for name, (values, kind) in more.items():
        ds = ds.add_column(name, values, feature=kind)
    return ds


GO = ["uuid", "participant_id", "label", "age"]
STAY = ["notes", "embedding", "answers", "pixels", "raw", "grey", "face"]


def test_out_and_what_is_pushed_have_what_is_allowed(tmp_path: Path) -> None:
    done = extract(lab_rows(tmp_path / "clips"), "random-tiny", out=tmp_path / "out", **OPTIONS)
    for source, folder in ((None, "out"), (tmp_path / "out", "pushed"), (done, "from memory")):
        told = () if source is None else push(source, tmp_path / folder).withheld
        there = load_dataset(str(tmp_path / folder), split="train", keep_in_memory=True)
        assert [name for name in there.column_names if name in (*GO, *STAY)] == GO
        card, provenance = ((tmp_path / folder / name).read_text() for name in ("README.md", "provenance.json"))
        for column in STAY:
            option = "" if column == "face" else f"--include {column}"
            lines = card.splitlines() if source is None else told
            assert any(f"`{column}`" in line and option in line for line in lines), column
            assert (f"`{column}`" in provenance) == (source is None), "what is published counts such columns"
        assert source is None or f"- {len(STAY)} other columns of the source" in card


def test_named_columns_are_written_and_pictures_and_bytes_never(tmp_path: Path) -> None:
    ds, out = lab_rows(tmp_path / "clips"), tmp_path / "out"
    named = ["notes", "embedding", "answers", "grey"]
    extract(ds, "random-tiny", out=out, include=named, **OPTIONS)
    there = load_dataset(str(out), split="train", keep_in_memory=True)
    assert [name for name in there.column_names if name in (*GO, *STAY)] == [*GO, *named]
    for column in ("face", "raw"):
        with pytest.raises(ValueError, match=f"include: '{column}' holds .* push publishes it"):
            extract(ds, "random-tiny", out=tmp_path / "other", include=[column], **OPTIONS)
    with pytest.raises(ValueError, match="include: 'nose' is no column; the columns are frames, uuid"):
        extract(ds, "random-tiny", out=tmp_path / "other", include=["nose"], **OPTIONS)
    with pytest.raises(ValueError, match=r"include=\('notes',\) would have no effect"):
        extract(ds, "random-tiny", include="notes", **OPTIONS)
    assert not (tmp_path / "other").exists()


def test_numbers_in_texts_are_no_names_of_files() -> None:
    """`.264` and `.265` are endings of videos, too."""
    table = pa.table({"score": ["0.264", "-.265", "1.265"], "clip": ["a.264", "1.2.265", "b.mp4"]})
    found = look_at_values([table])
    assert not found["score"].are_file_names
    assert found["clip"].are_file_names
