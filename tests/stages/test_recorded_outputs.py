"""A stage whose code makes other results has another version: caches would keep the old ones for the new code.

Failing here means: raise the stage's `version`, and record with `python -m tests.stages.record_outputs`. Or mend what
was not meant to change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageChops

from emollama_hf import EmoLlamaEmbed, FaceMAEEmbed, HubertEmbed, SampleFrames, VideoMAEEmbed
from emollama_hf.errors import ClipError
from emollama_hf.stages import STAGES
from emollama_hf.stages.stage import Stage
from tests.encoders.golden import convert_golden
from tests.stages.record_outputs import ChangedError, changed_message, record
from tests.stages.recorded_outputs import RECIPES, Arrays, differences, outputs, read_record, record_of


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert_golden(tmp_path_factory.mktemp("golden") / "model")


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_makes_what_its_version_is_recorded_with(stage: type[Stage], model: Path) -> None:
    path = record_of(stage)
    assert path.is_file(), f"{path.name} is missing: run python -m tests.stages.record_outputs"
    computed, recorded = outputs(stage, model), read_record(path)
    changed = differences(recorded, computed)
    assert not changed, changed_message(stage, changed)
    assert set(computed) == set(recorded), "cases were added: run python -m tests.stages.record_outputs"


class SlightlyOther:
    """Changes some columns of a stage's results a little."""

    def compute(self, items: list[Any]) -> list[dict[str, Any] | ClipError]:
        results = super().compute(items)  # type: ignore[misc]
        return [{**result, **self.changed(**result)} for result in results]


class OtherFaceVector(SlightlyOther, FaceMAEEmbed):
    def changed(self, facemae: np.ndarray) -> dict[str, Any]:
        return {"facemae": facemae * np.float32(1.001)}


class OtherVideoVector(SlightlyOther, VideoMAEEmbed):
    def changed(self, videomae: np.ndarray) -> dict[str, Any]:
        return {"videomae": videomae * np.float32(1.001)}


class OtherSound(SlightlyOther, HubertEmbed):
    def changed(self, **found: Any) -> dict[str, Any]:
        return {name: value * np.float32(1.001) if name != "has_audio" else not value for name, value in found.items()}


class OtherStates(SlightlyOther, EmoLlamaEmbed):
    def changed(self, emollama: np.ndarray) -> dict[str, Any]:
        return {"emollama": emollama * emollama.dtype.type(1.001)}


class OtherFrames(SlightlyOther, SampleFrames):
    """Crops and the peak frame shifted by one pixel, boxes by half of one; the next frame for the peak."""

    def changed(self, facemae_frames: np.ndarray, videomae_frames: np.ndarray, **others: Any) -> dict[str, Any]:
        return {
            "facemae_frames": np.roll(facemae_frames, 1, axis=2),
            "videomae_frames": np.roll(videomae_frames, 1, axis=1),
            "peak_frame": ImageChops.offset(others["peak_frame"], 1, 0),
            "peak_index": others["peak_index"] + 1,
            "face_boxes": others["face_boxes"] + np.float32(0.5),
            "face_scores": others["face_scores"] * np.float32(0.99),
            "clip_fps": others["clip_fps"] * 1.001,
        }


FRAMES_CHANGED = {
    "facemae_frames", "videomae_frames", "peak_frame", "peak_index", "face_boxes", "face_scores", "clip_fps",
}  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "other", "columns"),
    [
        (FaceMAEEmbed, OtherFaceVector, {"facemae"}),
        (VideoMAEEmbed, OtherVideoVector, {"videomae"}),
        (HubertEmbed, OtherSound, {"hubert", "hubert_sequence", "has_audio"}),
        (EmoLlamaEmbed, OtherStates, {"emollama"}),
        (SampleFrames, OtherFrames, FRAMES_CHANGED),
    ],
)
def test_a_small_change_is_noticed(stage: type[Stage], other: type[Stage], columns: set[str], model: Path) -> None:
    recorded, computed = read_record(record_of(stage)), outputs(stage, model, other)
    noticed = {name for name in recorded if differences({name: recorded[name]}, computed)}
    assert {name.rpartition("/")[2].removesuffix(" colours") for name in noticed} == columns
    if stage is not SampleFrames:
        assert noticed == set(recorded), "in every case"


def test_every_stage_has_a_recipe() -> None:
    assert list(RECIPES) == list(STAGES)


class Recorded(FaceMAEEmbed):
    """A stage whose version can be raised here."""

    name = "recorded"


def arrays(**changes: float) -> Arrays:
    values = np.linspace(-1, 1, 32, dtype=np.float32)
    return {f"{case}/facemae": values * np.float32(changes.get(case, 1)) for case in ("a", "b", *changes)}


def test_a_recorded_version_keeps_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(Recorded, arrays(), tmp_path)
    first = record_of(Recorded, tmp_path)
    content = first.read_bytes()
    assert "left as it is" in record(Recorded, arrays(a=1 + 1e-6), tmp_path), "rounding is no change"
    with pytest.raises(ChangedError, match=r"b/facemae differs.*raise Recorded\.version"):
        record(Recorded, arrays(b=1.001), tmp_path)
    with pytest.raises(ChangedError, match="a/facemae is missing"):
        record(Recorded, {"b/facemae": arrays()["b/facemae"]}, tmp_path)
    assert first.read_bytes() == content
    monkeypatch.setattr(Recorded, "version", Recorded.version + 1)
    assert "2 arrays" in record(Recorded, arrays(b=1.001), tmp_path)
    assert first.read_bytes() == content


def test_a_new_case_is_added_to_the_record(tmp_path: Path) -> None:
    record(Recorded, arrays(), tmp_path)
    assert "1 arrays" in record(Recorded, arrays(c=2), tmp_path)
    assert set(read_record(record_of(Recorded, tmp_path))) == {"a/facemae", "b/facemae", "c/facemae"}
