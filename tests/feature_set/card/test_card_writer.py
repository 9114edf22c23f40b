"""One writer of the small files of a set, whether it is extracted or published."""

from __future__ import annotations

import hashlib

import pytest
from datasets import Features, Value

from emollama_hf.feature_set.card.card_writer import CardFiles, UnreadableCard, is_edited, write_card_files
from emollama_hf.feature_set.file_counts import COVERAGE_BINS, FileCounts
from emollama_hf.feature_set.manifest import (
    DEFAULT_CONFIG,
    PROVENANCE,
    FeatureConfig,
    FeatureFile,
    Manifest,
    parse_manifest,
)
from emollama_hf.feature_set.opening import open_directory

COUNTS = FileCounts(rows=2, status={"ok": 2}, coverage=[2] + [0] * (COVERAGE_BINS - 1))
FILE = FeatureFile(sha256="0" * 64, bytes=1, content="1" * 64, counts=COUNTS)
FEATURES = Features({"uuid": Value("string"), "face_coverage": Value("float32")})
SET = Manifest({DEFAULT_CONFIG: FeatureConfig({}, FEATURES, {"data/train-00000-111111111111.parquet": FILE})})


def files(existing: bytes | None = None, known: tuple[str, ...] = ()) -> CardFiles:
    return write_card_files(SET, open_directory, name="lab", existing=existing, known=known)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_manifest_knows_the_card_and_the_pictures_and_the_card_comes_last() -> None:
    written = files()
    assert list(written.contents) == ["face_coverage.png", PROVENANCE, "README.md"]
    manifest = parse_manifest(written.contents[PROVENANCE], "it")
    assert manifest.cards == (digest(written.contents["README.md"]),)
    assert manifest.pictures == written.pictures == {"face_coverage.png": digest(written.contents["face_coverage.png"])}
    assert not written.edited


def test_the_manifest_keeps_the_digest_of_the_card_before() -> None:
    written = files(known=("a" * 64, "b" * 64))
    assert parse_manifest(written.contents[PROVENANCE], "it").cards == (digest(written.contents["README.md"]), "a" * 64)


@pytest.mark.parametrize("line_break", [b"\n", b"\r\n"])
def test_a_card_as_it_was_written_is_replaced_whatever_its_line_breaks(line_break: bytes) -> None:
    earlier = b"---\ntitle: earlier\n---\nText.\n"
    there = earlier.replace(b"\n", line_break)
    assert not is_edited(there, [digest(earlier)])
    assert files(there, (digest(earlier),)) == files(known=(digest(earlier),))


@pytest.mark.parametrize("line_break", [b"\n", b"\r\n"])
def test_an_edited_card_keeps_its_text_and_its_line_breaks(line_break: bytes) -> None:
    edited = b"---\nlicense: mit\n---\n\nMine.\n".replace(b"\n", line_break)
    written = files(edited, ("a" * 64,))
    card = written.contents["README.md"]
    assert written.edited
    assert card.startswith(b"---" + line_break + b"license: mit")
    assert b"train-00000-111111111111.parquet" in card
    assert card.endswith(line_break + b"Mine." + line_break)
    assert card.count(b"\r\n") == (card.count(b"\n") if line_break == b"\r\n" else 0)


@pytest.mark.parametrize("edited", [b"---\ntitle: a: b\n---\nmine", b"\xff\xfe mine"])
def test_an_edited_card_that_cannot_be_read_is_an_error(edited: bytes) -> None:
    with pytest.raises(UnreadableCard):
        files(edited, ("a" * 64,))
