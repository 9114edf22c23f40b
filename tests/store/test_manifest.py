"""provenance.json: what it says, and that it comes back as it was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from datasets import Features, List, Value

from emollama_hf.store.file_counts import FileCounts
from emollama_hf.store.manifest import (
    DEFAULT_CONFIG,
    FORMAT,
    PROVENANCE,
    FeatureConfig,
    FeatureFile,
    Manifest,
    ManifestError,
    NewerManifest,
    RowKey,
    parse_manifest,
    read_manifest,
)

FILE = FeatureFile(
    sha256="a" * 64, bytes=1234, content="c" * 64, rows={"u1": "d" * 16, "u2": "e" * 16}, failed=("u2",),
    counts=FileCounts(2, {"no_frames": 1, "ok": 1}, {"mw_label": {"MW": 2}}, [0] * 9 + [1]),
)  # fmt: skip
CONFIG = FeatureConfig(
    made={
        "emollama_hf": "0.1",
        "python": "3.11",
        "libraries": {},
        "given": [],
        "stages": [{"stage": "facemae_embed", "version": 1, "config": {}, "model": None}],
    },
    features=Features({"uuid": Value("string"), "facemae": List(Value("float32"), length=4)}),
    files={"data/train-00000-cccccccccccc.parquet": FILE},
    key=RowKey("uuid", "sha256"),
    withheld=("`video`: recordings",),
    forgotten=("f" * 16, "1" * 16),
)
MANIFEST = Manifest(
    {DEFAULT_CONFIG: CONFIG}, cards=("2" * 64, "1" * 64), pictures={"face_coverage.png": "0" * 64}, license="cc0-1.0",
    citation="@misc{x}",
)  # fmt: skip


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    for manifest in (MANIFEST, Manifest({}), MANIFEST.with_config("other", FeatureConfig({}, Features({}), {}))):
        assert parse_manifest(manifest.to_json(), "here") == manifest
        (tmp_path / PROVENANCE).write_text(manifest.to_json(), encoding="utf-8")
        assert read_manifest(tmp_path) == manifest


def test_programs_find_what_the_card_says() -> None:
    told = json.loads(MANIFEST.to_json())
    config = told.pop("configs")[DEFAULT_CONFIG]
    assert told == {
        "format": FORMAT, "license": "cc0-1.0", "citation": "@misc{x}", "cards": ["2" * 64, "1" * 64],
        "pictures": {"face_coverage.png": "0" * 64},
    }  # fmt: skip
    assert (config["rows"], config["status"]) == (2, {"no_frames": 1, "ok": 1})
    assert config["key"] == {"column": "uuid", "hashed": "sha256"}
    assert config["files"]["data/train-00000-cccccccccccc.parquet"]["sha256"] == "a" * 64


def test_what_a_newer_version_wrote_or_nobody_is_told_apart() -> None:
    newer = json.dumps({**json.loads(MANIFEST.to_json()), "format": FORMAT + 1})
    with pytest.raises(NewerManifest, match=f"format {FORMAT + 1}, this one knows {FORMAT}"):
        parse_manifest(newer, "here")
    for damaged in ("{", "[]", "{}", MANIFEST.to_json().replace('"pictures"', '"paintings"')):
        with pytest.raises(
            ManifestError, match="here is not the provenance of a feature data set, or is damaged"
        ) as told:
            parse_manifest(damaged, "here")
        assert not isinstance(told.value, NewerManifest)
