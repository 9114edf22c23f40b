"""Names of classes may be people's: with the last row of a class its name goes, and numbers keep their meaning."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from emollama_hf import ShareError, push
from emollama_hf.sharing.forget import forget
from tests.sharing.labs import shared
from tests.sharing.tiny_sets import tiny

NUMBERS = {"uuid": Value("string"), "facemae": List(Value("float32"))}


def speakers(place: Path) -> dict[str, str | None]:
    ds = shared(place)
    names = ds.features["speaker"].names
    return {row["uuid"]: None if row["speaker"] is None else names[row["speaker"]] for row in ds}


def holds(place: Path, text: str) -> list[str]:
    return [path.name for path in place.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two files, of which the second has no row of Anna, and her name in its type."""
    push(tiny(["a1", "b1", "c1"]), tmp_path / "place")
    push(tiny(["c2", "b2"]), tmp_path / "place")
    return tmp_path / "place"


@pytest.mark.parametrize("where", [{"participant_id": "a"}, {"speaker": "Anna"}, {"uuid": "a1"}])
def test_a_name_goes_with_its_last_row_from_every_file(where: dict[str, str], place: Path) -> None:
    done = forget(place, where)
    assert (done.rows, done.rewritten, done.deleted) == (1, 2, 2)
    assert speakers(place) == {"b1": "Ben", "c1": "Carl", "c2": "Carl", "b2": "Ben"}
    assert not holds(place, "Anna")
    assert holds(place, "Carl")


def test_a_class_that_others_have_stays_and_so_does_one_that_nobody_has(tmp_path: Path) -> None:
    push(tiny(["b1", "b2"]), tmp_path / "place")
    forget(tmp_path / "place", {"uuid": "b1"})
    assert shared(tmp_path / "place").features["speaker"].names == ["Anna", "Ben", "Carl"]


def test_all_configurations_lose_the_name(tmp_path: Path) -> None:
    place = tmp_path / "place"
    push(tiny(["a1", "b1"]), place)
    push(tiny(["b1", "c1"]), place, config_name="second")
    forget(place, {"speaker": "Anna"})
    assert not holds(place, "Anna")
    assert shared(place, "second").features["speaker"].names == ["Ben", "Carl"]


def test_a_set_from_which_all_who_have_a_class_withdraw_still_opens(tmp_path: Path) -> None:
    types = Features(
        {"uuid": Value("string"), "speaker": ClassLabel(names=["Anna"]), "facemae": List(Value("float32"))}
    )
    columns = {"uuid": ["a", "b"], "speaker": [0, None], "facemae": [[1.0], [2.0]]}
    push(Dataset.from_dict(columns, features=types), tmp_path / "place")
    forget(tmp_path / "place", {"speaker": "Anna"})
    assert shared(tmp_path / "place")["speaker"] == [None]
    assert not holds(tmp_path / "place", "Anna")


def test_the_lab_pushes_on_with_the_names_that_it_has(place: Path, tmp_path: Path) -> None:
    forget(place, {"speaker": "Anna"})
    done = push(tiny(["a1", "b1", "c1", "c3"]), place)
    assert (done.unchanged, done.added, done.forgotten) == (2, 1, 1)
    assert not holds(place, "Anna"), "her row is not sent, and neither is her name"
    assert push(shutil.copytree(place, tmp_path / "copy"), place).unchanged == 5
    assert push(tiny(["a9"]), place).added == 1
    assert speakers(place) == {"b1": "Ben", "c1": "Carl", "c2": "Carl", "b2": "Ben", "c3": "Carl", "a9": "Anna"}


def test_classes_in_another_order_are_joined_by_their_names(place: Path) -> None:
    other = tiny(["b7", "c7"], speakers=[0, 2])
    push(other.cast_column("speaker", ClassLabel(names=["Ben", "Anna", "Carl"])), place)
    assert speakers(place)["b7"] == "Ben"
    assert speakers(place)["c7"] == "Carl"


def test_where_a_name_stays_is_said(tmp_path: Path) -> None:
    types = Features(
        {"uuid": Value("string"), "pair": List(ClassLabel(names=["Anna", "Ben"])), "facemae": List(Value("float32"))}
    )
    columns = {"uuid": ["a", "b"], "pair": [[0, 1], [1, 1]], "facemae": [[1.0], [2.0]]}
    place = tmp_path / "place"
    push(Dataset.from_dict(columns, features=types), place, include="pair")
    with (place / "README.md").open("a") as card:
        card.write("\nThanks to a_person.\n")
    push(Dataset.from_dict({"uuid": ["a_person"], "pair": [[0]], "facemae": [[3.0]]}, features=types), place,
         include="pair")  # fmt: skip
    told = " ".join(forget(place, {"uuid": "a_person"}).still_held_by)
    assert "names of classes within pair" in told
    assert "README.md was edited there, and still says 'a_person'" in told


# The lab's table of names beside a directory


def test_the_table_of_names_forgets_too(place: Path) -> None:
    table = place.with_name("place.names.csv")
    table.write_text('published,name\na1,"Anna, take 1.mp4"\n0f0f,a1\nb1,Ben.mp4\n')
    forget(place, {"participant_id": "a"})
    assert table.read_text() == "published,name\nb1,Ben.mp4\n"
    assert table.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["names\na1\n", "", "link"])
def test_a_table_that_cannot_be_cleared_is_an_error_before_anything(content: str, place: Path) -> None:
    table = place.with_name("place.names.csv")
    if content == "link":
        other = place.with_name("other.csv")
        other.write_text("published,name\na1,a\n")
        table.symlink_to(other)
    else:
        table.write_text(content)
    with pytest.raises(ShareError, match="Nothing was forgotten"):
        forget(place, {"participant_id": "a"})
    assert "a1" in shared(place)["uuid"]
