"""A feature set says with which adapter it was computed, and needs the same one to be verified."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from emollama_hf import ModelError, ShareError, extract, push
from emollama_hf.checkpoints.adapter import open_adapter
from emollama_hf.feature_set.manifest import ManifestError, parse_manifest
from emollama_hf.feature_set.run_description import made_together
from emollama_hf.feature_set.shrinking import ExistingRowsError
from emollama_hf.sharing.verify import verify
from tests.adapters import write_classifier
from tests.checkpoints.hub_server import COMMIT, serve
from tests.checkpoints.test_hub import ask
from tests.commands.command_line import run
from tests.extraction.crops import OPTIONS
from tests.sharing.labs import everything, manifest, rows

STAGES = ("emollama_embed", "emotion_predict")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips with features of an adapter in a folder of somebody's name, extracted and shared."""
    root = tmp_path_factory.mktemp("lab")
    adapter = write_classifier(root / "jane-doe" / "mw-adapter", "random-tiny")
    features(root, adapter, "features", "shared", stages=STAGES, pooling="mean", max_new_tokens=3)
    return root


def features(root: Path, adapter: Path | None, out: str, shared: str, **options: Any) -> None:
    ds = rows(root / "clips", 1, 2)
    extract(ds, "random-tiny", adapter=adapter, out=root / out, **{**OPTIONS, **options})
    push(root / out, root / shared)


@pytest.fixture
def moved(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder / "jane-doe" / "mw-adapter", tmp_path / "moved")


def test_the_set_names_the_adapter_and_no_folder(folder: Path) -> None:
    adapter = folder / "jane-doe" / "mw-adapter"
    recorded = {
        "name": "mw-adapter",
        "revision": None,
        "digest": open_adapter(adapter).digest,
        "recipe": "corrected",
        "label": "mw_label",
    }
    for place in ("features", "shared"):
        assert manifest(folder / place)["adapters"] == dict.fromkeys(STAGES, recorded)
    assert "jane-doe" not in everything(folder / "shared")
    card = (folder / "shared" / "README.md").read_text()
    assert f"| `emotion_predict` | `mw-adapter` |  | `mw_label` | corrected | `{recorded['digest']}` |" in card
    told = run("info", str(folder / "shared")).stdout.replace("\n", " ")
    assert "adapter of emotion_predict: mw-adapter, trained for mw_label, recipe corrected, digest " in told


def test_an_adapter_of_the_hub_is_named_with_its_commit(folder: Path, tmp_path: Path) -> None:
    program = """
import json
from emollama_hf.feature_set.run_description import describe_run
from emollama_hf.stages.pipeline import build_pipeline
pipeline = build_pipeline("random-tiny", stages=["emotion_predict"], adapter="lab/mw", present=["video"], device="cpu")
print(json.dumps(describe_run(pipeline.pinned(), made_with={})["adapters"]["emotion_predict"]))
"""
    with serve("lab/mw", folder / "jane-doe" / "mw-adapter") as (endpoint, _):
        (told,) = ask(endpoint, tmp_path / "home", program)
    recorded = json.loads(told)
    assert (recorded["name"], recorded["revision"]) == ("lab/mw", COMMIT)
    assert recorded["digest"] == open_adapter(folder / "jane-doe" / "mw-adapter").digest


def test_a_set_without_an_adapter_says_nothing_of_one(tmp_path: Path) -> None:
    features(tmp_path, None, "features", "shared", stages=["emollama_embed"], pooling="mean")
    assert "adapters" not in manifest(tmp_path / "shared")
    assert "dapter" not in (tmp_path / "shared" / "README.md").read_text()
    with pytest.raises(ShareError, match=r"adapter='elsewhere': no column of the set was computed with an adapter"):
        verify(tmp_path / "shared", rows(tmp_path / "again", 1), adapter="elsewhere")


def test_it_is_verified_with_the_same_adapter_wherever_it_lies(folder: Path, moved: Path, tmp_path: Path) -> None:
    done = verify(folder / "shared", rows(tmp_path / "again", 1, 2), adapter=moved, sample=1)
    assert done.holds
    assert {"emollama", "emotion"} <= {check.column for row in done.rows for check in row.columns}


def test_without_the_adapter_or_with_another_it_is_not(folder: Path, tmp_path: Path) -> None:
    ds = rows(tmp_path / "again", 1)
    with pytest.raises(ShareError, match=r"an adapter called 'mw-adapter'. Say where it lies here \(--adapter"):
        verify(folder / "shared", ds)
    other = write_classifier(tmp_path / "other", "random-tiny", seed=1)
    with pytest.raises(ShareError, match="is not the stated one"):
        verify(folder / "shared", ds, adapter=other)
    with pytest.raises(ModelError, match="absent"):
        verify(folder / "shared", ds, adapter=tmp_path / "absent")


def test_the_command_line(folder: Path, moved: Path, tmp_path: Path) -> None:
    clips = rows(tmp_path / "again", 1)
    clips.save_to_disk(str(tmp_path / "rows"))
    options = (
        "--model",
        "random-tiny",
        "--adapter",
        str(moved),
        "--faces",
        "none",
        "--peak",
        "middle",
        "--pooling",
        "mean",
    )
    out = tmp_path / "out"
    run("extract", str(tmp_path / "rows"), "--out", str(out), *options, "--option", "size=32")
    assert list(manifest(out)["adapters"]) == ["emollama_embed"]
    run("verify", str(out), "--source", str(tmp_path / "rows"), "--sample", "1", "--adapter", str(moved))
    told = run("verify", str(out), "--source", str(tmp_path / "rows"), status=1).stderr
    assert "Say where it lies here (--adapter" in told


def test_another_form_of_the_prompt_is_computed_again_as_it_was(folder: Path, moved: Path, tmp_path: Path) -> None:
    options = {"stages": ["emotion_predict"], "prompt": "generation", "method": "likelihood"}
    features(tmp_path, moved, "features", "shared", **options)
    assert manifest(tmp_path / "shared")["stages"][-1]["config"]["prompt"] == "generation"
    assert verify(tmp_path / "shared", rows(tmp_path / "again", 1), adapter=moved, sample=1).holds


def test_a_later_run_of_the_face_encoder_keeps_what_is_known_of_the_adapter(folder: Path) -> None:
    whole = manifest(folder / "features")
    faces = {name: value for name, value in whole.items() if name != "adapters"}
    assert made_together(whole, faces)["adapters"] == made_together(faces, whole)["adapters"] == whole["adapters"]


def test_rows_of_another_adapter_are_not_added(folder: Path, tmp_path: Path) -> None:
    out = shutil.copytree(folder / "features", tmp_path / "features")
    other = write_classifier(tmp_path / "other", "random-tiny", seed=1)
    options = {**OPTIONS, "stages": STAGES, "pooling": "mean", "max_new_tokens": 3}
    with pytest.raises(ExistingRowsError, match="emollama_embed, model"):
        extract(rows(tmp_path / "more", 3), "random-tiny", adapter=other, out=out, existing="add", **options)


@pytest.mark.parametrize(
    ("fact", "value"),
    [("name", "a/b/c"), ("name", None), ("digest", "0"), ("recipe", 3), ("label", []), ("revision", 7), ("path", "x")],
)
def test_a_manifest_that_says_an_adapter_wrongly(fact: str, value: object, folder: Path) -> None:
    found = json.loads((folder / "shared" / "provenance.json").read_text())
    found["configs"]["default"]["adapters"]["emollama_embed"][fact] = value
    with pytest.raises(ManifestError, match="adapters, emollama_embed"):
        parse_manifest(json.dumps(found), "provenance.json")
