"""What a place promises, beside what pushes show: one writer at a time, and no secret in what it says."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from emollama_hf import ShareError
from emollama_hf.console.logs import clean_library_logs
from emollama_hf.feature_set.manifest import PROVENANCE, ManifestError
from emollama_hf.sharing.places.folder_place import FolderPlace
from emollama_hf.sharing.places.hub_place import HubPlace
from emollama_hf.sharing.places.open_place import open_place
from emollama_hf.sharing.places.place import Changes, PlaceChangedError
from emollama_hf.text.secrets import public_url, without_secrets


@pytest.mark.parametrize(
    ("target", "kind", "name"),
    [
        ("org/name", HubPlace, "org/name"),
        ("hf://datasets/org/name", HubPlace, "org/name"),
        ("hf://datasets/org/name@v1", HubPlace, "org/name@v1"),
        ("memory://a/b/", FolderPlace, "memory://a/b"),
        ("./org/name", FolderPlace, None),
        ("/tmp/x", FolderPlace, "/tmp/x"),
    ],
)
def test_a_text_names_a_place(
    target: str, kind: type, name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place = open_place(target)
    assert type(place) is kind
    assert place.name == (name or str(tmp_path / "org" / "name"))


@pytest.mark.parametrize("name", ["two words", "a%20b", "\u00fc", "10::30", "[1]", "a#b?c"])
def test_a_directory_of_any_name_is_the_same_by_its_path_and_by_its_url(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "a").write_bytes(b"b")
    for target in (str(folder), folder.as_uri(), f"file://{folder}"):
        place = open_place(target)
        assert place.name == str(folder)
        assert place.read("a") == b"b"


@pytest.mark.parametrize("url", ["DIR", "memory://lab/places"])
def test_the_slower_of_two_writers_is_told(url: str, tmp_path: Path) -> None:
    first, second = (FolderPlace(url.replace("DIR", str(tmp_path / "place"))) for _ in range(2))
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    assert first.read(PROVENANCE) is None
    assert second.read(PROVENANCE) is None
    first.publish(Changes({PROVENANCE: tmp_path / "a"}), "one")
    with pytest.raises(PlaceChangedError, match="Push again"):
        second.publish(Changes({PROVENANCE: tmp_path / "b"}), "two")
    assert second.read(PROVENANCE) == b"1"
    with pytest.raises(PlaceChangedError):
        second.publish(Changes({PROVENANCE: tmp_path / "b"}), "what was planned on the old state is no longer right")
    third = FolderPlace(url.replace("DIR", str(tmp_path / "place")))
    assert third.read(PROVENANCE) == b"1"
    third.publish(Changes({PROVENANCE: tmp_path / "b"}), "two")
    assert first.read(PROVENANCE) == b"2"


def test_each_file_is_on_the_disk_before_it_has_its_name_and_those_that_name_others_are_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut must not leave a card that names files without their bytes."""
    flushed: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        target = path.with_name(path.name.removeprefix(".").removesuffix(".part"))
        assert path != target
        assert not target.exists(), "before the rename"
        flushed.append(f"{target.relative_to(tmp_path / 'place')}: {path.read_text()}")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    names = ["README.md", PROVENANCE, "data/train-00000-0123456789ab.parquet", "face_coverage.png"]
    for number, name in enumerate(names):
        (tmp_path / f"{number}").write_text(f"content of {name}")
    place = FolderPlace(str(tmp_path / "place"))
    assert place.read(PROVENANCE) is None
    place.publish(Changes({name: tmp_path / f"{number}" for number, name in enumerate(names)}), "all")
    assert flushed == [f"{name}: content of {name}" for name in (*names[2:], PROVENANCE, "README.md")]
    assert [(tmp_path / "place" / name).read_text() for name in names] == [f"content of {name}" for name in names]


def test_a_file_of_the_same_content_is_not_written_again_and_a_cut_off_one_is(tmp_path: Path) -> None:
    name = "data/train-00000-0123456789ab.parquet"
    (tmp_path / "new").write_text("whole")
    place = FolderPlace(str(tmp_path / "place"))
    for there in ("whole", "cut"):
        place.read(PROVENANCE)
        (tmp_path / "place" / "data").mkdir(parents=True, exist_ok=True)
        (tmp_path / "place" / name).write_text(there)
        inode = (tmp_path / "place" / name).stat().st_ino
        place.publish(Changes({name: tmp_path / "new"}), "again")
        assert (tmp_path / "place" / name).read_text() == "whole"
        assert ((tmp_path / "place" / name).stat().st_ino == inode) == (there == "whole")


def test_a_manifest_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    for text, message in [("{", "damaged"), ("[]", "damaged"), ('{"format": 99, "configs": {}}', "newer emollama_hf")]:
        (tmp_path / PROVENANCE).write_text(text)
        with pytest.raises(ManifestError, match=message):
            FolderPlace(str(tmp_path)).manifest()
    (tmp_path / PROVENANCE).write_bytes(b"\xff\xfe{}")
    with pytest.raises(ManifestError, match="damaged"):
        FolderPlace(str(tmp_path)).manifest()


def test_a_directory_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ShareError, match="file is a file"):
        FolderPlace(str(tmp_path / "file" / "place")).check_writable(private=True)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("PUT https://s3/a/b?X-Amz-Signature=abc&x=1 failed", "PUT https://s3/a/b failed"),
        ("'https://me:pass@host/a'", "'https://host/a'"),
        ("token hf_abcdefghijkl1234 is invalid", "token *** is invalid"),
        ("Authorization: Bearer xyz.abc", "Authorization: ***"),
        ("key AKIAIOSFODNN7EXAMPLE", "key ***"),
        ("nothing to hide in s3://bucket/a", "nothing to hide in s3://bucket/a"),
    ],
)
def test_secrets_are_taken_out_of_texts(text: str, clean: str) -> None:
    assert without_secrets(text) == clean


def test_a_token_of_any_form_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "unusual-token-of-a-mirror")
    assert without_secrets("got unusual-token-of-a-mirror") == "got ***"
    assert public_url("https://a:b@host:80/p?q=1#f") == "https://host:80/p"


def test_logs_of_libraries_show_no_signed_link(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("huggingface_hub.utils._http")
    clean_library_logs()
    with caplog.at_level(logging.DEBUG):
        logger.warning("'%s' thrown while requesting PUT %s", "error", "https://s3/a?X-Amz-Signature=secret")
    assert caplog.messages == ["'error' thrown while requesting PUT https://s3/a"]
