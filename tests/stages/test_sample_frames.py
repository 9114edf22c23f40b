"""`sample_frames` as a transform: its columns, its inputs, and what is wrong with a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest

from emollama_hf import ClipError, SampleFrames
from emollama_hf.frames.demo_clips import write_demo_clips
from emollama_hf.frames.sampling import even_indices, segment_indices
from tests import videos


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_demo_clips(tmp_path_factory.mktemp("clips"))[0])


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """(23, 40, 32, 3) uint8: each crop has a brightness of its own."""
    return np.stack([np.full((40, 32, 3), 10 * number, np.uint8) for number in range(23)])


def test_columns_shapes_and_types(clip: str) -> None:
    result = SampleFrames(num_frames=4, size=64, peak="middle")({"video": [clip]})
    assert result["facemae_frames"].shape == (1, 4, 64, 64, 3)
    assert result["videomae_frames"].shape == (1, 16, 64, 64, 3)
    assert result["face_boxes"].shape == (1, 4, 4)
    assert result["face_scores"].shape == (1, 4)
    assert isinstance(result["peak_frame"][0], PIL.Image.Image)
    assert result["peak_index"][0] == result["clip_frame_count"][0] // 2
    assert result["clip_duration_s"][0] == pytest.approx(
        result["clip_frame_count"][0] / result["clip_fps"][0], rel=0.05
    )
    assert list(result) == list(SampleFrames(num_frames=4, size=64).features)


def test_given_crops_are_sampled_by_both_samplers(crops: np.ndarray) -> None:
    result = SampleFrames(faces="none", peak="first", size=32)({"frames": [crops]})
    assert (result["facemae_frames"][0, :, 0, 0, 0] == 10 * even_indices(23)).all()
    assert (result["videomae_frames"][0, :, 0, 0, 0] == 10 * segment_indices(23)).all()
    assert np.isnan(result["face_coverage"][0]), "nobody looked for faces"
    assert result["peak_index"][0] == 0


@pytest.mark.parametrize("form", ["folder", "npy", "list", "float", "bgr"])
def test_every_form_of_frames_gives_the_same(form: str, crops: np.ndarray, tmp_path: Path) -> None:
    options: dict[str, Any] = {}
    value: Any = crops
    if form == "folder":
        for number, crop in enumerate(crops):
            PIL.Image.fromarray(crop).save(tmp_path / f"{number}.png")  # 10.png comes after 9.png
        value = str(tmp_path)
    elif form == "npy":
        np.save(tmp_path / "crops.npy", crops)
        value = str(tmp_path / "crops.npy")
    elif form == "list":
        value = [PIL.Image.fromarray(crop) for crop in crops]
    elif form == "float":
        value, options = crops.astype(np.float32) / 255, {"pixel_range": "0-1"}
    elif form == "bgr":
        value, options = crops[..., ::-1], {"channel_order": "bgr"}
    expected = SampleFrames(faces="none", peak="middle")({"frames": [crops]})
    result = SampleFrames(faces="none", peak="middle", **options)({"frames": [value]})
    for name in ("facemae_frames", "videomae_frames", "peak_index"):
        np.testing.assert_array_equal(result[name], expected[name])


def test_a_peak_column_holds_frame_numbers_or_seconds(clip: str) -> None:
    columns = {"video": [clip, clip], "peak": [5, 1.0], "nonsense": ["x", None]}
    result = SampleFrames(peak="column:peak")(columns)
    assert list(result["peak_index"]) == [5, round(float(result["clip_fps"][0]))]
    failed = SampleFrames(peak="column:nonsense", on_error="null")(columns)
    assert failed["emollama_status"] == ["bad_peak", "bad_peak"]


@pytest.mark.parametrize(
    ("columns", "kind", "message"),
    [
        ({"video": [None]}, "missing_file", "null"),
        ({"video": [{"path": None, "bytes": None}]}, "missing_file", "neither"),
        ({"video": [7]}, "not_a_video", r"Video\(decode=False\)"),
        ({"movie": ["a.mp4"]}, "missing_column", "'movie'"),
        ({"video": ["a.mp4"], "frames": ["b"]}, "missing_column", "input="),
        ({"video": ["memory://nothing/here.mp4"]}, "missing_file", "memory://nothing/here.mp4"),
    ],
)
def test_a_row_that_cannot_be_read(columns: dict[str, list[Any]], kind: str, message: str) -> None:
    with pytest.raises(ClipError, match=message) as caught:
        SampleFrames()(columns)
    assert caught.value.kind == kind
    result = SampleFrames(on_error="null")(columns)
    assert result["emollama_status"] == [kind]
    assert result["facemae_frames"] == [None]
    assert result["peak_frame"] == [None]


def test_input_chooses_between_video_and_frames(clip: str, crops: np.ndarray) -> None:
    columns = {"video": [clip], "frames": [crops]}
    assert SampleFrames(input="frames", faces="none", peak="first")(columns)["clip_frame_count"][0] == 23
    assert SampleFrames(input="video", faces="none", peak="first")(columns)["clip_frame_count"][0] != 23


@pytest.mark.parametrize(
    ("options", "without_effect"),
    [
        ({"faces": "none", "peak": "expressive"}, {"crop": "box"}),
        ({"faces": "detect", "peak": "middle"}, {"peak_candidates": 3}),
        ({"faces": "detect", "peak": "first", "max_seconds": 60.0}, {"max_seconds": 60}),
    ],
)
def test_an_option_without_effect_changes_neither_the_results_nor_the_fingerprint(
    options: dict[str, Any], without_effect: dict[str, Any], clip: str
) -> None:
    one, other = SampleFrames(size=32, **options), SampleFrames(size=32, **{**options, **without_effect})
    assert one.fingerprint == other.fingerprint
    computed, again = one({"video": [clip]}), other({"video": [clip]})
    for name in one.makes:
        np.testing.assert_array_equal(np.asarray(computed[name][0]), np.asarray(again[name][0]), err_msg=name)


@pytest.mark.parametrize("limit", [{"max_pixels": 100}, {"max_frames": 3}, {"max_seconds": 0.1}])
def test_limits_refuse_a_clip(clip: str, limit: dict[str, Any]) -> None:
    result = SampleFrames(on_error="null", **limit)({"video": [clip]})
    assert result["emollama_status"] == ["limit_exceeded"]


def test_damaged_packets_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = videos.write_video(tmp_path / "a.avi", videos.pan(20), codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    for place, size in packets[10:15]:
        data[place : place + size] = bytes(size)
    path.write_bytes(data)
    result = SampleFrames(peak="middle", on_error="null")({"video": [str(path)]})
    assert result["emollama_status"] == ["ok"]
    assert "damaged packets were skipped" in caplog.text
    assert "a.avi" in caplog.text
