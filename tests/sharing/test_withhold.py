"""What of a row becomes public: its messages quote no name that is kept back, however the name is written."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pytest
from datasets import Array2D, Array3D, Array4D, Audio, Dataset, Features, Image, List, Value
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emollama_hf import push
from emollama_hf.schema import ERROR
from emollama_hf.sharing.row_names import RowNames, hash_name
from emollama_hf.sharing.withhold import HIDDEN_PATH, look_at_texts, plan_publication, shows_people
from emollama_hf.store.manifest import RowKey
from tests.sharing.labs import everything, shared

NAME = "Jane_Doe_12"


def failed_rows(*names: str, column: str = "uuid", message: str = "{column} {name!r}: no such file.") -> Dataset:
    """A row that has features, and a failed one for each name, whose message names it as stages do."""
    return Dataset.from_dict(
        {
            column: ["fine", *names],
            "facemae": [[0.5, 1.0]] + [None] * len(names),
            "emollama_status": ["ok"] + ["missing_file"] * len(names),
            "emollama_error": [None, *(message.format(column=column, name=name) for name in names)],
        }
    )


@pytest.mark.parametrize("column", ["uuid", "id"])
def test_a_hashed_name_stands_in_no_message(column: str, tmp_path: Path) -> None:
    push(failed_rows(NAME, column=column), tmp_path / "shared", key=column, hash_keys=True)
    assert shared(tmp_path / "shared")["emollama_error"] == [None, f"{column} '{hash_name(NAME)}': no such file."]
    assert NAME not in everything(tmp_path / "shared")


def test_a_name_that_is_published_stays_in_its_message(tmp_path: Path) -> None:
    push(failed_rows(NAME), tmp_path / "shared", key="uuid")
    assert shared(tmp_path / "shared")["emollama_error"][1] == f"uuid '{NAME}': no such file."


KINDS = Features({"uuid": Value("string"), "video": Value("string"), ERROR: Value("string")})


def published_message(message: str, uuid: str, video: str | None = None, *, hashed: bool = False) -> str:
    """The message of one failed row as it becomes public, where rows are named by `uuid`."""
    row = pa.table({"uuid": [uuid], "video": [video], ERROR: [message]}, schema=KINDS.arrow_schema)
    names = RowNames(RowKey("uuid", "sha256" if hashed else None))
    publication = plan_publication(KINDS, look_at_texts([row]), names, media=False, drop=())
    (told,) = next(publication.tables(iter([row]))).column(ERROR).to_pylist()
    return str(told)


# Where a message quotes a name, a space that does not break, a backslash and quotes of both kinds are written escaped.
@example("Jane\xa0Doe")
@example("lab\\Jane")
@example('O\'Brien "Jane"')
@example("O'Brien")
@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec="utf-8"), min_size=5).map(lambda name: f"J{name}D"))
def test_any_name_is_hidden_however_a_message_writes_it(name: str) -> None:
    for written in (name, repr(name)):
        assert published_message(f"uuid {written}: empty.", name, hashed=True).count(hash_name(name)) == 1
        told = published_message(f"uuid {written}: empty.", name, hashed=True)
        assert name not in told
        assert repr(name)[1:-1] not in told


@pytest.mark.parametrize("video", ["Jane\xa0Doe.mp4", "Jane\\Doe.mp4", 'O\'Brien "Jane".mp4', "Jane Doe.v1.mp4"])
def test_a_withheld_clip_is_hidden_with_and_without_its_folder_and_ending(video: str) -> None:
    name, stem = PurePosixPath(video).name, PurePosixPath(video).stem
    for quoted in (video, f"/lab 5/{video}", name, stem):
        for written in (quoted, repr(quoted)[1:-1]):
            told = published_message(f"clip '{written}': no such file", "u1", f"/lab 5/{video}")
            assert told == "clip 'u1': no such file"


def test_a_text_that_somebody_keeps_back_is_hidden_in_messages_too() -> None:
    kinds = Features({"uuid": Value("string"), "notes": Value("string"), ERROR: Value("string")})
    row = pa.table({"uuid": ["u1"], "notes": ["Jane Doe"], ERROR: ["frame 3 of Jane Doe: empty"]})
    names = RowNames(RowKey("uuid"))
    publication = plan_publication(kinds, look_at_texts([row]), names, media=False, drop=("notes",))
    assert next(publication.tables(iter([row]))).to_pydict() == {"uuid": ["u1"], ERROR: ["frame 3 of u1: empty"]}


def test_a_name_within_another_word_is_no_name() -> None:
    told = published_message("clip 'no.mp4': piano-no notes, no-one; no", "u1", "no.mp4")
    assert told == "clip 'u1': piano-no notes, no-one; u1"


def test_every_path_of_a_message_is_hidden() -> None:
    told = published_message("'/home/lab/a.npy' and '/home/lab/b.npy' differ, see C:\\lab\\c.txt", "u1")
    assert told == f"'{HIDDEN_PATH}' and '{HIDDEN_PATH}' differ, see {HIDDEN_PATH}"
    assert published_message('{"clip": "/Gr\\u00f6\\u00dfe/a.npy"}', "u1") == HIDDEN_PATH, "nobody knows what to leave"


def test_names_of_files_are_withheld_whatever_they_look_like() -> None:
    kinds = Features({"uuid": Value("string"), "file_name": Value("string"), "camera": Value("string")})
    row = pa.table({"uuid": ["u1"], "file_name": ["Jane Doe"], "camera": ["front"]})
    publication = plan_publication(kinds, look_at_texts([row]), RowNames(RowKey("uuid")), media=False, drop=())
    assert list(publication.features) == ["uuid", "camera"]
    assert publication.withheld == ("`file_name`: names of files; rows are named by `uuid`",)


@pytest.mark.parametrize("uuid", ["a\\1", "C:\\Users", "\\g<0>", "a\\"])
def test_a_public_name_stands_as_it_is_where_a_clips_name_was(uuid: str) -> None:
    assert published_message("clip 'Jane.mp4': empty", uuid, "Jane.mp4") == f"clip '{uuid}': empty".replace(
        "C:\\Users", HIDDEN_PATH
    )


@pytest.mark.parametrize(
    ("kind", "shows"),
    [
        (Array2D((16, 16), "uint8"), True),
        (Array2D((15, 400), "uint8"), False),
        (Array2D((400, 400), "float32"), False),
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
        ({"n": Value("int32"), "face": Audio()}, True),
    ],
    ids=str,
)
def test_what_has_the_shape_or_the_type_of_pictures_and_recordings_shows_people(kind: Any, shows: bool) -> None:
    assert shows_people("column", kind) == shows
    assert shows_people("peak_frame", kind), "by its name"
