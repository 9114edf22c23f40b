"""provenance.json: what it says, and that it comes back as it was written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from datasets import Features, List, Value
from hypothesis import given
from hypothesis import strategies as st

from emollama_hf.feature_set.file_counts import FileCounts
from emollama_hf.feature_set.manifest import (
    DEFAULT_CONFIG,
    FORMAT,
    PROVENANCE,
    FeatureConfig,
    FeatureFile,
    Manifest,
    ManifestError,
    NewerManifest,
    RowKey,
    UnsafeManifest,
    parse_manifest,
    read_manifest,
)
from tests.paths import any_name

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
    assert len(told.pop("digest")) == 64
    assert told == {
        "format": FORMAT, "license": "cc0-1.0", "citation": "@misc{x}", "cards": ["2" * 64, "1" * 64],
        "pictures": {"face_coverage.png": "0" * 64},
    }  # fmt: skip
    assert (config["rows"], config["status"]) == (2, {"no_frames": 1, "ok": 1})
    assert config["key"] == {"column": "uuid", "hashed": "sha256"}
    assert config["files"]["data/train-00000-cccccccccccc.parquet"]["sha256"] == "a" * 64


def test_a_changed_value_is_noticed_and_other_white_space_is_not(tmp_path: Path) -> None:
    path, text = tmp_path / PROVENANCE, MANIFEST.to_json()
    path.write_text(json.dumps(json.loads(text)), encoding="utf-8")
    assert read_manifest(tmp_path) == MANIFEST
    path.write_text(json.dumps({**json.loads(text), "citation": "of somebody else"}), encoding="utf-8")
    with pytest.raises(ManifestError, match=rf"{PROVENANCE} is damaged.*remove the line \"digest\""):
        read_manifest(tmp_path)
    path.write_text(json.dumps({k: v for k, v in json.loads(text).items() if k != "digest"}), encoding="utf-8")
    assert read_manifest(tmp_path) == MANIFEST, "as earlier versions wrote it"


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


# A manifest may be anybody's


def changed(change: Any) -> str:
    """The manifest with a change to what its JSON says."""
    found = json.loads(MANIFEST.to_json())
    change(found)
    return json.dumps(found)


@given(any_name)
def test_a_path_is_refused_or_is_a_file_of_the_set(path: str) -> None:
    def rename(found: Any) -> None:
        files = found["configs"]["default"]["files"]
        files[path] = files.pop("data/train-00000-cccccccccccc.parquet")

    text = changed(rename)
    try:
        [found] = parse_manifest(text, "here").configs["default"].files
    except UnsafeManifest as error:
        shown = str(error)
    else:
        shown = "accepted"
        assert re.fullmatch(r"data/train-[0-9]+-[0-9a-f]+\.parquet", found)
    assert shown.isprintable(), "one line, which a terminal may be shown"


@given(any_name)
def test_a_configuration_is_refused_or_is_a_folder_of_the_set(name: str) -> None:
    def rename(found: Any) -> None:
        config = found["configs"].pop("default")
        config["files"] = {f"{name}/train-00000-cccccccccccc.parquet": FILE_JSON}
        found["configs"][name] = config

    try:
        manifest = parse_manifest(changed(rename), "here")
    except ManifestError:
        return
    [path] = manifest.configs[name].files
    assert Path(path).parts[:-1] == (name,)
    assert name not in ("", ".", "..", "data")


FILE_JSON = json.loads(MANIFEST.to_json())["configs"]["default"]["files"]["data/train-00000-cccccccccccc.parquet"]
CONFIG_AT, FILE_AT = ("configs", "default"), ("configs", "default", "files", "data/train-00000-cccccccccccc.parquet")


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ((*FILE_AT, "sha256"), "../../x"),
        ((*FILE_AT, "content"), "A" * 64),
        ((*FILE_AT, "bytes"), -1),
        ((*FILE_AT, "bytes"), True),
        ((*FILE_AT, "bytes"), 10**30),
        ((*FILE_AT, "bytes"), 1.5),
        ((*FILE_AT, "counts", "rows"), "2"),
        ((*FILE_AT, "counts", "status"), {"ok": -2}),
        ((*FILE_AT, "counts", "labels"), {"mw_label": {"MW": None}}),
        ((*FILE_AT, "counts", "coverage"), [1, 2]),
        ((*FILE_AT, "rows"), {"u1": "d" * 16}),
        ((*FILE_AT, "rows"), {"u1": "x", "u2": "y"}),
        ((*FILE_AT, "failed"), ["u3"]),
        ((*FILE_AT, "failed"), "u2"),
        ((*CONFIG_AT, "key"), {"column": "nobody", "hashed": None}),
        ((*CONFIG_AT, "key"), {"column": "uuid", "hashed": "md5"}),
        ((*CONFIG_AT, "key"), ["uuid", None]),
        ((*CONFIG_AT, "forgotten"), ["somebody"]),
        ((*CONFIG_AT, "withheld"), [1]),
        ((*CONFIG_AT, "features"), {"uuid": {"_type": "os.system"}}),
        ((*CONFIG_AT, "features"), {"uuid": {"_type": "ClassLabel", "names_file": "/etc/passwd"}}),
        ((*CONFIG_AT, "features"), {"x": {"_type": "List", "length": 10**12, "feature": {"_type": "Value"}}}),
        ((*CONFIG_AT, "stages"), [{"stage": 1}]),
        ((*CONFIG_AT, "stages"), None),
        ((*CONFIG_AT, "libraries"), ["torch"]),
        ((*CONFIG_AT, "model"), {"name": "../../models/private"}),
        ((*CONFIG_AT, "emollama_hf"), {"a": 1}),
        (("pictures",), {"../x.png": "0" * 64}),
        (("pictures",), {"face_coverage.png": "p1"}),
        (("cards",), ["n1"]),
        (("license",), ["cc0"]),
        (("citation",), 1),
        (("configs",), []),
    ],
)
def test_each_value_has_the_form_in_which_it_is_written(where: tuple[str, ...], value: object) -> None:
    def put(found: Any) -> None:
        for name in where[:-1]:
            found = found[name]
        found[where[-1]] = value

    with pytest.raises(ManifestError) as told:
        parse_manifest(changed(put), "here")
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 600


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "deep"),
        ('{"format": 2, "configs": ' + '{"a": ' * 70 + "1" + "}" * 70 + "}", "deep"),
        ('{"format": NaN}', "NaN, which is no number"),
        ('{"format": 2, "format": 1}', "format is named twice"),
        ('{"format": ' + "9" * 5_000 + "}", "damaged"),
        ("\ufeff{}", "damaged"),
        (b"\xff\xfe{}", "damaged"),
        (" " * 100_000_001, "expected at most"),
    ],
)
def test_odd_json_is_one_clear_error(text: str | bytes, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        parse_manifest(text, "here")


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@given(ANY_JSON)
def test_any_other_json_is_an_error_of_manifests(value: object) -> None:
    for text in (json.dumps(value), changed(lambda found: found.update(configs=value))):
        try:
            parse_manifest(text, "here")
        except ManifestError:
            continue
        assert value == {}


def test_a_file_that_is_a_link_to_elsewhere_is_refused(tmp_path: Path) -> None:
    place, outside = tmp_path / "set", tmp_path / "private"
    (outside / "data").mkdir(parents=True)
    (outside / "data" / "train-00000-cccccccccccc.parquet").write_text("rows")
    place.mkdir()
    (place / PROVENANCE).write_text(MANIFEST.to_json(), encoding="utf-8")
    (place / "data").symlink_to(outside / "data")
    with pytest.raises(UnsafeManifest, match="a link to something outside of"):
        read_manifest(place)
    (outside / PROVENANCE).write_text(MANIFEST.to_json(), encoding="utf-8")
    (place / PROVENANCE).unlink()
    (place / PROVENANCE).symlink_to(outside / PROVENANCE)
    with pytest.raises(UnsafeManifest, match="a link to something outside of"):
        read_manifest(place)
