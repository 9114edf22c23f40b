"""Names of files do not leave by way of another column: a uuid that is a stem, an id that is a path, a longer text."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Value, Video
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf import load, push
from emollama_hf.feature_set.manifest import RowKey
from emollama_hf.privacy.spelled_names import folded
from emollama_hf.sharing.forget import forget
from emollama_hf.sharing.names.file_names import stems_of
from emollama_hf.sharing.names.names_table import names_table, read_names
from emollama_hf.sharing.names.row_names import hash_name
from tests.sharing.labs import lab, rows, shared

FILES = ["Jane_Doe/take_01.mp4", "Jane_Doe/take_02.mp4", "Ben/take_03.mp4"]
STEMS = ["take_01", "take_02", "take_03"]


def source(**columns: list[Any]) -> Dataset:
    count = len(next(iter(columns.values())))
    return Dataset.from_dict({**columns, "facemae": [[float(row), 1.0] for row in range(count)]})


def published_text(place: Path) -> str:
    """All texts of a place, folded."""
    texts = []
    for path in place.rglob("*"):
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            texts += [str(table.schema), *(str(table.column(name).to_pylist()) for name in table.column_names)]
        elif path.is_file() and path.suffix in (".md", ".json"):
            texts.append(path.read_text())
    return folded("\n".join(texts))


# The law

#: How a column may write the name of a file.
FORMS: list[Callable[[str], str]] = [
    lambda stem: stem,
    lambda stem: f"  {stem.upper()} ",
    lambda stem: unicodedata.normalize("NFD", stem),
    lambda stem: f"{stem}.mov",
    lambda stem: f"session 1/{stem}",
    lambda stem: f"C:\\clips\\{stem}.nii.gz",
]
#: How it may write it within a longer text, in every row.
LONGER: list[Callable[[str], str]] = [lambda stem: f"{stem}-w3", lambda stem: f"take of {stem}, again"]
NAMES = st.lists(st.text("qzäéñ_-7", min_size=1, max_size=6).map(lambda text: f"Qz{text}ß"), min_size=2, max_size=4)


@st.composite
def repeating_columns(draw: st.DrawFn) -> tuple[list[str], Dataset]:
    """Stems of files, and a data set that knows the files and says their names in other columns."""
    stems = draw(NAMES.filter(lambda names: len({folded(name) for name in names}) == len(names)))
    count = len(stems)
    columns: dict[str, list[Any]] = {}
    types: dict[str, Any] = {}
    by = draw(st.sampled_from(["file_name", "video", "recording"]))
    columns[by] = [f"p{row}/{stem}.mp4" for row, stem in enumerate(stems)]
    for name in draw(st.lists(st.sampled_from(["uuid", "id", "clip_id", "note", "story"]), min_size=1, unique=True)):
        if draw(st.booleans()):
            form = draw(st.sampled_from(LONGER))
            columns[name] = [form(stem) for stem in stems]
        else:
            form, said = draw(st.sampled_from(FORMS)), draw(st.sets(st.integers(0, count - 1), min_size=1))
            columns[name] = [form(stem) if row in said else f"r{row}" for row, stem in enumerate(stems)]
    if draw(st.booleans()):
        columns["speaker"] = [0] * count
        types["speaker"] = ClassLabel(names=["x", draw(st.sampled_from(stems))])
    ds = source(**columns)
    return stems, ds.cast(Features({**ds.features, **types}))


@settings(max_examples=40, deadline=None)
@given(repeating_columns())
def test_no_stem_that_the_source_knows_is_published(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[list[str], Dataset]
) -> None:
    stems, ds = drawn
    place = tmp_path_factory.mktemp("place") / "shared"
    push(ds, place)
    text = published_text(place)
    assert not [stem for stem in stems if folded(stem) in text]


# What is hashed, held back, and let go


@pytest.mark.parametrize("column", ["uuid", "id", "clip_id"])
@pytest.mark.parametrize("known", ["file_name", "video"])
def test_names_of_rows_that_are_stems_are_hashed(column: str, known: str, tmp_path: Path) -> None:
    done = push(source(**{column: STEMS, known: FILES}), tmp_path / "shared")
    assert done.key == RowKey(column, "sha256")
    assert shared(tmp_path / "shared")[column][:] == [hash_name(stem) for stem in STEMS]
    push(source(**{column: STEMS, known: FILES}), tmp_path / "clear", names=True)
    assert shared(tmp_path / "clear")[column][:] == STEMS


def test_whole_numbers_that_are_stems_are_hashed(tmp_path: Path) -> None:
    done = push(source(id=[1001, 1002], file_name=["1001.mp4", "1002.mp4"]), tmp_path / "shared")
    assert done.key == RowKey("id", "sha256")


def test_a_path_of_a_recording_is_known_whose_bytes_are_there(tmp_path: Path) -> None:
    clips = [{"bytes": b"x", "path": f"{stem}.mp4"} for stem in STEMS]
    ds = source(uuid=STEMS).add_column("clip", clips, feature=Video(decode=False))
    assert push(ds, tmp_path / "shared").key == RowKey("uuid", "sha256")


def test_ids_that_are_paths_are_hashed_though_no_file_is_known(tmp_path: Path) -> None:
    assert push(source(id=["p1/anna", "p1/ben", "x"]), tmp_path / "shared").key == RowKey("id", "sha256")


@pytest.mark.parametrize(
    ("uuids", "files"),
    [
        (["u1", "u2"], ["u1.mp4", "u2.mp4"]),  # short, and with a number
        (["1", "2"], ["1.mp4", "2.mp4"]),
        (["a", "b"], ["a.mp4", "b.mp4"]),
        (["4f1c9a", "77d0be"], ["anna_0.mp4", "ben_0.mp4"]),
        (["u1", "ben"], ["anna.mp4", "ben.mp4"]),  # a short one, in one row of two
    ],
)
def test_other_names_stay_in_clear(uuids: list[str], files: list[str], tmp_path: Path) -> None:
    push(source(uuid=uuids, file_name=files), tmp_path / "shared")
    assert shared(tmp_path / "shared")["uuid"][:] == uuids


def test_short_names_of_letters_are_hashed_where_most_rows_have_their_own(tmp_path: Path) -> None:
    ds = source(uuid=["ann", "ben", "r3"], file_name=["ann.mp4", "ben.mp4", "cem.mp4"])
    assert push(ds, tmp_path / "shared").key == RowKey("uuid", "sha256")


def test_another_column_that_repeats_names_is_held_back_until_it_is_included(tmp_path: Path) -> None:
    ds = source(uuid=["u1", "u2", "u3"], file_name=FILES, source_clip=["", "take_02", ""], label=["MW", "MW", "x"])
    done = push(ds, tmp_path / "shared")
    assert "`source_clip`: repeats names of files; `--include source_clip` lets it go" in done.withheld
    assert shared(tmp_path / "shared").column_names == ["uuid", "label", "facemae"]
    push(ds, tmp_path / "all", include=["source_clip"])
    assert shared(tmp_path / "all")["source_clip"][:] == ["", "take_02", ""]


@pytest.mark.parametrize("text", ["anna schmidt.mp4#t=3", "anna.mp4; take 2", 'anna.mp4"', "see anna schmidt.mov"])
def test_a_video_that_is_named_within_a_text_holds_it_back(text: str, tmp_path: Path) -> None:
    push(source(uuid=["u1", "u2"], note=[f"0 {text}", text]), tmp_path / "shared")
    assert "note" not in shared(tmp_path / "shared").column_names
    ds = source(uuid=["u1", "u2"], note=[0, 0])
    ds = ds.cast_column("note", ClassLabel(names=["x", text]))
    push(ds, tmp_path / "classes")
    assert "anna" not in published_text(tmp_path / "classes")


def test_a_label_that_a_file_is_called_by_is_a_label(tmp_path: Path) -> None:
    """A folder for each participant, a file for each emotion."""
    ds = source(uuid=["u1", "u2"], file_name=["P01/neutral.mp4", "P01/very_happy.mp4"], label=["neutral", "Very happy"])
    push(ds, tmp_path / "shared")
    assert shared(tmp_path / "shared")["label"][:] == ["neutral", "Very happy"]


def test_forms_of_a_name() -> None:
    assert stems_of("zip://Anna%20B.mp4::https://host/x.zip?sig=1") == {"anna%20b.mp4", "anna%20b", "anna b.mp4",
                                                                       "anna b", "x.zip", "x"}  # fmt: skip
    assert stems_of("a\\B.nii.gz") == {"b.nii.gz", "b.nii", "b"}


# Sets that began otherwise, and what goes on


def test_a_set_with_such_names_in_clear_goes_on_and_no_row_is_doubled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "shared"
    push(source(uuid=STEMS[:2]), place)  # as earlier versions did: nobody looked for files
    assert push(source(uuid=STEMS, file_name=FILES), place).added == 1
    assert shared(place)["uuid"][:] == STEMS
    assert "uuid repeats names of files" in caplog.text
    forget(place, {"uuid": "take_02"})
    more = source(uuid=STEMS, file_name=FILES).add_column("videomae", [[1.0]] * 3)
    done = push(more, place)
    assert (done.config, done.forgotten, done.rows) == ("facemae-videomae", 1, 2)


def test_a_set_that_has_hashes_gets_hashes_from_rows_whose_files_nobody_knows(tmp_path: Path) -> None:
    place = tmp_path / "shared"
    push(source(uuid=STEMS[:2], file_name=FILES[:2]), place)
    assert push(source(uuid=STEMS), place).added == 1
    assert push(source(uuid=STEMS).add_column("videomae", [[1.0]] * 3), place).key == RowKey("uuid", "sha256")
    assert "take_0" not in published_text(place)


def test_a_published_column_stays_in_later_pushes(tmp_path: Path) -> None:
    place = tmp_path / "shared"
    ds = source(uuid=["u1", "u2", "u3"], file_name=FILES, clip=STEMS)
    push(ds, place, include=["clip"])
    assert push(ds, place).unchanged == 3


@pytest.mark.parametrize("secret", [None, "room 5"])
def test_rows_are_forgotten_by_their_name_and_by_its_hash(secret: str | None, tmp_path: Path) -> None:
    place = tmp_path / "shared"
    push(source(uuid=STEMS, file_name=FILES), place, key_secret=secret)
    assert forget(place, {"uuid": "take_02"}, key_secret=secret).rows == 1
    [one, _] = shared(place)["uuid"][:]
    assert forget(place, {"uuid": one}).rows == 1
    assert len(load(str(place), ok_only=False)) == 1
    assert push(source(uuid=STEMS, file_name=FILES), place, key_secret=secret).forgotten == 2


def test_the_lab_keeps_the_table_and_knows_paths_that_are_in_no_column(tmp_path: Path) -> None:
    crops = rows(tmp_path / "clips", 1, 2).remove_columns(["file_name", "uuid"])
    stems = [Path(path).stem for path in crops["frames"]]
    renamed = [str(Path(path).rename(Path(path).with_name(f"anna_{stem}.npy"))) for path, stem in
               zip(crops["frames"], stems, strict=True)]  # fmt: skip
    uuids = [f"anna_{stem}" for stem in stems]
    out = lab(tmp_path, ds=crops.remove_columns("frames").add_column("frames", renamed).add_column("uuid", uuids))
    done = push(out, tmp_path / "shared")
    assert done.key == RowKey("uuid", "sha256")
    assert sorted(read_names(names_table(out)).values()) == sorted(uuids)
    assert "anna_" not in published_text(tmp_path / "shared")


def test_texts_that_are_null_in_every_row_are_no_names(tmp_path: Path) -> None:
    ds = source(uuid=["u1", "u2"], file_name=["anna.mp4", None]).add_column(
        "note", [None, None], feature=Value("string")
    )
    push(ds, tmp_path / "shared")
    assert "note" in shared(tmp_path / "shared").column_names


def test_whole_numbers_count_where_most_rows_have_their_own(tmp_path: Path) -> None:
    files = [f"{number}.mp4" for number in (10020, 10021, 10022)]
    done = push(source(uuid=["a", "b", "c"], file_name=files, code=[10020, 10021, 10022]), tmp_path / "own")
    assert "code" not in [column.name for column in done.published]
    done = push(source(uuid=["a", "b", "c"], file_name=files, score=[10022, 7, 8]), tmp_path / "chance")
    assert "score" in [column.name for column in done.published]


@pytest.mark.parametrize(
    "said", ["anna-schmidt", "Anna Schmidt", "AnnaSchmidt", "anna\u200bschmidt", "ａｎｎａ_schmidt"]
)
def test_any_spelling_counts(said: str, tmp_path: Path) -> None:
    ds = source(uuid=["a", "b"], file_name=["anna_schmidt.mp4", "b.mp4"], note=[said, "x"])
    assert "note" not in [column.name for column in push(ds, tmp_path / "shared").published]
