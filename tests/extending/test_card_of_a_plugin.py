"""A card names those whose stages computed the set, and a machine without them says what it lacks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard

import emollama_hf
from emollama_hf.commands.info import show_info
from emollama_hf.feature_set.manifest import ManifestError, parse_manifest
from emollama_hf.feature_set.run_description import describe_run, made_together, made_with
from emollama_hf.sharing.forget import forget
from emollama_hf.sharing.verify import verify
from emollama_hf.stages import STAGES
from emollama_hf.stages.known_stages import described, origin_of
from emollama_hf.stages.pipeline import Pipeline
from tests.extraction.crops import OPTIONS
from tests.sharing.labs import lab, manifest, rows

pytestmark = pytest.mark.usefixtures("installed")

FEATURES = {"stages": ["brightness"], **OPTIONS}


@pytest.fixture
def brightness(installed: Path) -> Any:
    from face_brightness import Brightness

    return Brightness


def extracted(folder: Path, **options: Any) -> Path:
    emollama_hf.extract(rows(folder / "clips", 1, 2), out=folder / "features", **{**FEATURES, **options})
    return folder / "features"


def card(folder: Path) -> str:
    return (folder / "README.md").read_text()


def test_nobody_is_credited_unasked(tmp_path: Path) -> None:
    said = card(extracted(tmp_path))
    assert "\n# Features of video clips\n" in said
    assert DatasetCard(said).data.tags == ["video-features", "emollama_hf"]
    assert "Emotion-LLaMA" not in said
    assert "Llama 2" not in said
    assert "licences of their own" not in said
    assert "An embedding of a face can identify a person" in said


def test_a_stage_says_whom_to_credit(tmp_path: Path, brightness: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    credit = emollama_hf.Credit(
        "Face brightness", licence="MIT", citation="Doe (2026), Brightness of faces.", tags=("light",)
    )
    monkeypatch.setattr(brightness, "credit", credit)
    features = extracted(tmp_path)
    emollama_hf.push(features, tmp_path / "shared")
    for place in (features, tmp_path / "shared"):
        said = card(place)
        assert DatasetCard(said).data.tags == ["light", "video-features", "emollama_hf"]
        assert "Face brightness features of video clips\n" in said
        assert "one row a clip, computed with Face brightness: mean brightness" in said
        assert "have licences of their own: Face brightness (MIT)." in said
        assert "The method: Doe (2026), Brightness of faces." in said


def test_beside_emotion_llama_the_card_stays_and_says_more(tmp_path: Path) -> None:
    plain = card(lab(tmp_path / "plain", 1, 2))
    said = card(lab(tmp_path / "more", 1, 2, stages=["emollama_embed", "brightness"]))
    assert plain.split("## Limits")[1] == said.split("## Limits")[1]
    assert "# Emotion-LLaMA features of video clips\n" in said
    assert "`brightness` was computed with face-brightness 1.0." in said


def test_provenance_names_the_distribution_and_its_version(tmp_path: Path) -> None:
    features = extracted(tmp_path)
    made = manifest(features)
    assert made["plugins"] == {"brightness": {"distribution": "face-brightness"}}
    assert made["libraries"]["face-brightness"] == "1.0"
    assert "`brightness` was computed with face-brightness 1.0." in card(features)


def test_a_stage_of_no_distribution_is_known_by_its_module(tmp_path: Path, brightness: Any) -> None:
    darkness = type("Darkness", (brightness,), {"name": "darkness", "__module__": "my_notebook"})
    pipeline = Pipeline([darkness()])
    assert describe_run(pipeline, made_with=made_with(pipeline.stages))["plugins"] == {
        "darkness": {"module": "my_notebook"}
    }
    assert described(darkness) == "stage 'darkness' (my_notebook.Darkness)"


def test_the_stages_of_this_package_are_none(tmp_path: Path) -> None:
    assert [origin_of(stage) for stage in STAGES] == [None] * len(STAGES)
    assert "plugins" not in manifest(lab(tmp_path, 1))


def test_runs_with_different_stages_name_the_packages_of_both(brightness: Any) -> None:
    made = [
        describe_run(pipeline, made_with=made_with(pipeline.stages))
        for pipeline in (Pipeline([brightness()]), Pipeline([emollama_hf.SampleFrames()]))
    ]
    assert made_together(*made)["plugins"] == made_together(*made[::-1])["plugins"] == made[0]["plugins"]


@pytest.mark.parametrize(
    "plugins",
    [[], {"brightness": "face-brightness"}, {"brightness": {}}, {"brightness": {"distribution": 1}},
     {"brightness": {"module": "m", "credit": {"name": " ", "licence": "", "citation": "", "tags": []}}}],
)  # fmt: skip
def test_a_record_that_this_package_does_not_write_is_refused(plugins: Any, tmp_path: Path) -> None:
    found = json.loads((extracted(tmp_path) / "provenance.json").read_text())
    found["configs"]["default"]["plugins"] = plugins
    with pytest.raises(ManifestError, match="is not the provenance of a feature data set, or is damaged"):
        parse_manifest(json.dumps(found), "provenance.json")


@pytest.fixture
def elsewhere(tmp_path: Path, installed: Path, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set with the stage's column, on a machine where the package is not installed."""
    features = extracted(tmp_path)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one != str(installed)])
    monkeypatch.setattr("emollama_hf.stages.known_stages._stages", {stage.name: stage for stage in STAGES})
    monkeypatch.setattr("emollama_hf.stages.known_stages._makers", {})
    return features


def test_verify_names_the_distribution_that_is_missing(elsewhere: Path, tmp_path: Path) -> None:
    with pytest.raises(emollama_hf.ShareError) as told:
        verify(elsewhere, rows(tmp_path / "clips", 1), sample=1)
    assert str(told.value) == (
        "the features were made with brightness in version 1, a stage of the distribution face-brightness 1.0, which "
        "is not installed here. Install it, and run this again; load, info and forget do without it."
    )


def test_the_rest_does_without_it(elsewhere: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_info(str(elsewhere))
    assert "computed with face-brightness 1.0, which is not installed here" in capsys.readouterr().out
    before = card(elsewhere)
    row = "| `brightness` | float32 | mean brightness of the crops, 0..1 |"
    emollama_hf.push(elsewhere, tmp_path / "shared")
    shared = card(tmp_path / "shared")
    assert "# `shared`: Features of video clips" in shared or "# shared: Features of video clips" in shared
    assert "`brightness` was computed with face-brightness 1.0." in shared
    assert "Emotion-LLaMA" not in shared
    assert row in before
    assert row in shared
    forget(elsewhere, where={"uuid": "u1"})
    assert emollama_hf.load(elsewhere)["uuid"] == ["u2"]
    assert card(elsewhere).count("face-brightness") == before.count("face-brightness")
    assert row in card(elsewhere)


def test_a_recorded_meaning_is_shown_and_does_nothing_else(elsewhere: Path, tmp_path: Path) -> None:
    file = elsewhere / "provenance.json"
    found = json.loads(file.read_text())
    del found["digest"]
    found["configs"]["default"]["meanings"]["brightness"] = "see <b>http://a.b</b> | or\nnot"
    file.write_text(json.dumps(found))
    forget(elsewhere, where={"uuid": "u1"})
    [row] = [line for line in card(elsewhere).splitlines() if line.startswith("| `brightness` | float32")]
    assert row.startswith("| `brightness` | float32 | see `<b>http://a.b</b>` ")


def test_another_version_of_the_stage_is_named_with_its_distribution(
    tmp_path: Path, brightness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = extracted(tmp_path)
    monkeypatch.setattr(brightness, "version", 2)
    with pytest.raises(emollama_hf.ShareError, match=r"a stage of face-brightness 1.0; stage 'brightness' .*version 2"):
        verify(features, rows(tmp_path / "clips", 1), sample=1)
