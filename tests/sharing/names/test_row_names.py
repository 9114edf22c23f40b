"""How rows are named: by hashes of file names, hashed once, with one secret, and each by a name of its own."""

from __future__ import annotations

import csv
import hashlib
import hmac
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, Features, Value
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emollama_hf import ShareError, push
from emollama_hf.extraction.sources import open_source
from emollama_hf.feature_set.manifest import RowKey
from emollama_hf.schema import FILE_NAMES
from emollama_hf.sharing.forget import forget
from emollama_hf.sharing.names.names_table import names_table, read_names, remember_names
from emollama_hf.sharing.names.row_names import RowNames, choose_names, forgotten_name, hash_name, unique
from tests.sharing.labs import everything, lab, manifest, rows, shared

TEXTS = Features({"file_name": Value("string"), "uuid": Value("string"), "n": Value("int64"), "x": Value("float32")})
PLAIN, HASHED, SECRET = RowKey("uuid"), RowKey("uuid", "sha256"), RowKey("uuid", "hmac-sha256")
FILES, HASHED_FILES = RowKey("file_name"), RowKey("file_name", "sha256")


def test_a_hash_is_that_of_the_name_and_with_a_secret_nobody_elses() -> None:
    assert hash_name("u1") == hashlib.sha256(b"u1").hexdigest()[:32]
    assert hash_name("u1", b"lab") == hmac.new(b"lab", b"u1", "sha256").hexdigest()[:32]
    assert forgotten_name("u1") == hashlib.sha256(b"u1").hexdigest()[:16]


@pytest.mark.parametrize(
    ("options", "key", "shown"),
    [
        ({}, PLAIN, "u1"),
        ({"key": "file_name"}, HASHED_FILES, hash_name("u1")),
        ({"key": "file_name", "in_clear": True}, FILES, "u1"),
        ({"key": "file_name", "secret": b"lab"}, RowKey("file_name", "hmac-sha256"), hash_name("u1", b"lab")),
        ({"file_names": ["uuid"]}, HASHED, hash_name("u1")),
        ({"file_names": ["uuid"], "in_clear": True}, PLAIN, "u1"),
        ({"in_clear": True}, PLAIN, "u1"),
        ({"key": "n"}, RowKey("n"), "u1"),
        ({"hash_keys": True}, HASHED, hash_name("u1")),
        ({"secret": b"lab"}, SECRET, hash_name("u1", b"lab")),
        ({"hash_keys": True, "secret": b"lab"}, SECRET, hash_name("u1", b"lab")),
        ({"source": HASHED}, HASHED, "u1"),
        ({"source": SECRET, "secret": b"other"}, SECRET, "u1"),
        ({"source": HASHED_FILES}, HASHED_FILES, "u1"),
        ({"source": HASHED_FILES, "key": "uuid"}, PLAIN, "u1"),
        ({"source": FILES}, HASHED_FILES, hash_name("u1")),
        ({"source": PLAIN, "hash_keys": True}, HASHED, hash_name("u1")),
        ({"published": PLAIN}, PLAIN, "u1"),
        ({"published": HASHED}, HASHED, hash_name("u1")),
        ({"published": HASHED, "source": HASHED}, HASHED, "u1"),
        ({"published": SECRET, "secret": b"lab"}, SECRET, hash_name("u1", b"lab")),
        ({"published": FILES, "in_clear": True}, FILES, "u1"),
        ({"published": HASHED_FILES}, HASHED_FILES, hash_name("u1")),
    ],
)
def test_names_are_hashed_as_it_is_wished_or_as_they_were_and_never_twice(
    options: dict[str, Any], key: RowKey, shown: str
) -> None:
    names = choose_names(TEXTS, **options)
    assert names.key == key
    assert names.published("u1") == shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": "x"}, "column 'x' cannot name rows; columns of text or whole numbers are file_name, uuid, n"),
        ({"published": SECRET}, r"named by uuid, hashed with hmac-sha256, these would be by uuid\. Pass"),
        ({"published": SECRET, "hash_keys": True}, "hmac-sha256, these would be by uuid, hashed with sha256"),
        ({"published": HASHED, "secret": b"lab"}, "sha256, these would be by uuid, hashed with hmac-sha256"),
        ({"published": PLAIN, "hash_keys": True}, "named by uuid, these would be by uuid, hashed with sha256"),
        ({"published": PLAIN, "key": "file_name"}, "named by uuid, these would be by file_name"),
        ({"published": FILES}, r"named in clear by file_name.*--names .*goes on in clear, or .*--config"),
        ({"published": PLAIN, "file_names": ["uuid"]}, r"named in clear by uuid.*--names"),
        ({"published": HASHED, "in_clear": True}, r"hashed with sha256, these would be by uuid\. Leave --names"),
        ({"source": HASHED, "in_clear": True}, "only hashes of the names in uuid"),
    ],
)
def test_names_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ShareError, match=message):
        choose_names(TEXTS, **options)


@pytest.mark.parametrize(
    ("names", "message"),
    [(["a", None], "row 1: uuid is empty"), (["", "a"], "row 0: uuid is empty"), (["a", "b", "a"], "rows 0 and 2 are")],
)
def test_every_row_has_a_name_of_its_own(names: list[str | None], message: str) -> None:
    with pytest.raises(ShareError, match=message):
        unique(names, "uuid", "Mend it.")
    unique(["a", "b", "A", " a"], "uuid", "Mend it.")


@given(
    st.sampled_from(FILE_NAMES), st.none() | st.binary(min_size=1), st.booleans(), st.text(st.characters(codec="utf-8"))
)
def test_no_name_of_a_file_is_published_unless_somebody_asks(
    column: str, secret: bytes | None, hash_keys: bool, name: str
) -> None:
    names = choose_names(Features({column: Value("string")}), hash_keys=hash_keys, secret=secret)
    assert names.published(name) == hash_name(name, secret)


# What is published


def features(*names: str, column: str = "file_name", **more: list[Any]) -> Dataset:
    return Dataset.from_dict({column: list(names), "facemae": [[float(len(name)), 1.0] for name in names], **more})


@pytest.mark.parametrize("column", ["file_name", "name", "uuid", "id"])
def test_file_names_are_hashed_in_whatever_column_they_name_rows(column: str, tmp_path: Path) -> None:
    done = push(features("Jane_Doe.mp4", "John_Doe.mov", column=column), tmp_path / "shared")
    assert done.key == RowKey(column, "sha256")
    assert shared(tmp_path / "shared")[column] == [hash_name("Jane_Doe.mp4"), hash_name("John_Doe.mov")]
    assert "Doe" not in everything(tmp_path / "shared")
    assert "hash of a name that stays in the lab; **names the row**" in (tmp_path / "shared" / "README.md").read_text()
    push(features("Jane_Doe.mp4", column=column), tmp_path / "clear", names=True)
    assert shared(tmp_path / "clear")[column] == ["Jane_Doe.mp4"]


def test_a_set_goes_on_as_it_began(tmp_path: Path) -> None:
    push(features("a.mp4"), tmp_path / "clear", names=True)
    with pytest.raises(ShareError, match="named in clear"):
        push(features("b.mp4"), tmp_path / "clear")
    push(features("b.mp4"), tmp_path / "clear", names=True)
    push(features("b.mp4"), tmp_path / "clear", config_name="other")
    assert shared(tmp_path / "clear", "default")["file_name"] == ["a.mp4", "b.mp4"]
    assert shared(tmp_path / "clear", "other")["file_name"] == [hash_name("b.mp4")]
    push(features("a.mp4"), tmp_path / "hashed")
    push(features("b.mp4"), tmp_path / "hashed")
    assert shared(tmp_path / "hashed")["file_name"] == [hash_name("a.mp4"), hash_name("b.mp4")]
    with pytest.raises(ShareError, match="Leave --names"):
        push(features("c.mp4"), tmp_path / "hashed", names=True)


@pytest.mark.parametrize("options", [{"hash_keys": True}, {"key_secret": "s"}, {"key_secret": ""}])
def test_names_in_clear_and_hashed_is_a_contradiction(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ShareError, match="Choose one"):
        push(features("a.mp4"), tmp_path / "shared", names=True, **options)
    assert not (tmp_path / "shared").exists()


# The table that stays in the lab


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips that their files name, as `extract` wrote them."""
    folder = tmp_path_factory.mktemp("lab")
    return lab(folder, ds=rows(folder / "clips", 1, 2, 3).remove_columns("uuid"))


@pytest.fixture
def directory(out: Path, tmp_path: Path) -> Path:
    """The same in a folder of its own, without a table."""
    copy = tmp_path / "lab" / "features"
    copy.parent.mkdir()
    return Path(shutil.copytree(out, copy))


def test_a_table_beside_the_directory_says_which_row_is_whose(directory: Path, tmp_path: Path) -> None:
    done = push(directory, tmp_path / "shared")
    table = directory.parent / "features.names.csv"
    assert done.names_table == str(table)
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    with table.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [line["name"] for line in found] == [f"Jane_Doe/take_{number}.mp4" for number in (1, 2, 3)]
    assert [line["published"] for line in found] == shared(tmp_path / "shared")["file_name"]


def test_no_table_where_names_are_published_or_nobody_knows_them(directory: Path, tmp_path: Path) -> None:
    assert push(directory, tmp_path / "clear", names=True).names_table is None
    assert push(features("a.mp4"), tmp_path / "memory").names_table is None
    push(directory, tmp_path / "shared")
    names_table(directory).unlink()
    assert push(tmp_path / "shared", tmp_path / "again").names_table is None
    assert not names_table(tmp_path / "shared").exists()
    assert shared(tmp_path / "again")["file_name"] == shared(tmp_path / "shared")["file_name"]


def test_the_table_grows_over_pushes_places_and_secrets(directory: Path, tmp_path: Path) -> None:
    push(directory, tmp_path / "one")
    push(directory, tmp_path / "two", key_secret="room 5")
    push(directory, tmp_path / "one")
    found = read_names(names_table(directory))
    assert len(found) == 6
    assert set(found) == {*shared(tmp_path / "one")["file_name"], *shared(tmp_path / "two")["file_name"]}


def test_a_directory_has_one_table_however_it_is_called(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.symlink(directory, tmp_path / "link")
    monkeypatch.chdir(directory)
    table = directory.parent / "features.names.csv"
    for name in (".", "../features/", str(tmp_path / "link"), tmp_path / "link" / "data" / ".."):
        assert names_table(Path(name)) == table


def test_who_was_forgotten_does_not_come_back_into_the_table(directory: Path, tmp_path: Path) -> None:
    push(directory, tmp_path / "shared")
    names_table(directory).unlink()
    forget(tmp_path / "shared", {"file_name": "Jane_Doe/take_2.mp4"})
    push(directory, tmp_path / "shared")
    assert set(read_names(names_table(directory)).values()) == {"Jane_Doe/take_1.mp4", "Jane_Doe/take_3.mp4"}


def test_the_table_is_in_no_published_file_and_no_source(directory: Path, tmp_path: Path) -> None:
    place = tmp_path / "shared"
    push(directory, place)
    push(directory, place, include=(), drop=("test_fold_num",), config_name="second")
    told = {path.name for path in place.rglob("*")}
    assert not [name for name in told if "names" in name]
    assert not [path for path in directory.rglob("*") if path.name.endswith(".names.csv")]
    for path in place.rglob("*"):
        if path.is_file():
            assert b"names.csv" not in path.read_bytes()
            assert b"Jane_Doe" not in path.read_bytes()
    assert "published" not in manifest(place)["features"]
    (directory.parent / "clip.mp4").write_bytes(b"no video")
    assert open_source(str(directory.parent)).column_names == ["file_name", "video"], "read as no labels"


def test_a_table_that_would_be_shared_is_refused(directory: Path, tmp_path: Path) -> None:
    place = directory.parent
    push(features("a.mp4"), tmp_path / "set")
    for path in (tmp_path / "set").iterdir():
        path.rename(place / path.name)
    with pytest.raises(ShareError, match="which would be pushed"):
        push(directory, place, config_name="second")
    assert not names_table(directory).exists()


@pytest.mark.parametrize(
    "content", ["file_name,participant_id\na.mp4,P1\n", "published,name\nx\n", 'published,name\n"x']
)
def test_a_file_that_is_no_table_stops_the_push_and_stays(content: str, directory: Path, tmp_path: Path) -> None:
    table = names_table(directory)
    table.write_text(content)
    with pytest.raises(ShareError, match="is no table of names, or is damaged"):
        push(directory, tmp_path / "shared")
    assert table.read_text() == content
    assert not (tmp_path / "shared" / "README.md").exists()


def test_nothing_is_published_if_the_table_cannot_be_written(directory: Path, tmp_path: Path) -> None:
    names_table(directory).mkdir()
    with pytest.raises(ShareError, match=r"cannot be written.*Nothing was published"):
        push(directory, tmp_path / "shared")
    assert not (tmp_path / "shared" / "README.md").exists()


def test_a_table_that_others_could_read_is_closed(tmp_path: Path) -> None:
    table = tmp_path / "features.names.csv"
    remember_names(table, {"h": "Jane.mp4"})
    table.chmod(0o644)
    remember_names(table, {"h": "Jane.mp4"})
    assert stat.S_IMODE(table.stat().st_mode) == 0o600


@example([("h", 'Jane, "Doe"\r\n.mp4'), ("i", "\r"), ("j", ""), ("k", "\n\n"), ("l", "\x00")])
@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text("0123456789abcdef", min_size=1), st.text(st.characters(codec="utf-8")))))
def test_any_name_is_read_back(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]) -> None:
    table = tmp_path_factory.mktemp("table") / "features.names.csv"
    half = len(pairs) // 2
    for some in (pairs[:half], pairs[half:]):
        remember_names(table, dict(some))
    assert read_names(table) == dict(pairs)


def test_names_that_look_personal_can_be_hashed_after_all() -> None:
    assert RowNames(PLAIN).hashed() == RowNames(HASHED)
    assert RowNames(PLAIN, b"lab").hashed() == RowNames(SECRET, b"lab")
    assert RowNames(SECRET, b"lab", ready=True).hashed() == RowNames(SECRET, b"lab", ready=True)


@pytest.mark.parametrize("name", ["a" * 251 + ".npy", "two\nlines.npy", "tab\t.npy"])
def test_one_odd_name_of_a_file_leaves_the_others_theirs(name: str, tmp_path: Path) -> None:
    crops = rows(tmp_path / "clips", 1, 2).remove_columns(["uuid", "file_name"])
    paths = list(crops["frames"])
    odd = Path(paths[0]).rename(Path(paths[0]).with_name(name))
    crops = crops.remove_columns("frames").add_column("frames", [str(odd), paths[1]])
    out = lab(tmp_path, ds=crops.add_column("file_name", [name, Path(paths[1]).name]))
    assert push(out, tmp_path / "place").rows == 2
    assert shared(tmp_path / "place")["file_name"][:] == [hash_name(name), hash_name(Path(paths[1]).name)]
