"""Vectors of a part of a clip, and more frames of it: equal to golden, stored, resumed, published, read back."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Features, load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf import ClipError, FaceMAEEmbed, SampleFrames, VideoMAEEmbed, extract, push
from emollama_hf.checkpoints import open_model
from emollama_hf.commands.typed_options import typed_options
from emollama_hf.console import timing
from emollama_hf.feature_set.export_npy import export_npy
from emollama_hf.frames import SampleSettings
from emollama_hf.sharing.verify import verify
from emollama_hf.stages.known_columns import feature_columns, sensitive_columns, shapes_of
from emollama_hf.stages.pipeline import build_pipeline
from tests import second_process, videos
from tests.encoders import golden
from tests.encoders.golden import CLIPS, ENCODER_LIMIT, assert_reproduced
from tests.extraction.crops import OPTIONS, crops

CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}
#: Rows of the clip `films`, 1.5 s and 0.5 s at 24 frames a second.
FRAMES = (36, 12)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.convert_golden(tmp_path_factory.mktemp("golden") / "model")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("films")
    paths = [
        videos.write_video(folder / f"{count}.mp4", videos.pan(count, size=(160, 120)), options={"crf": "10"})
        for count in FRAMES
    ]
    return Dataset.from_dict({"video": [str(path) for path in paths]})


def frames_of(clip: str, encoder: str) -> list[np.ndarray]:
    return [golden.frames(clip)[golden.outputs(f"{clip}/vision")[f"{encoder}_indices"]]]


@pytest.mark.parametrize("clip", CLIPS)
def test_the_parts_of_the_original(clip: str, model: Path) -> None:
    recorded = golden.outputs(f"{clip}/vision")
    faces = FaceMAEEmbed(model, level="frame", **CPU)({"facemae_frames": frames_of(clip, "facemae")})
    assert_reproduced(faces["facemae_sequence"][0], recorded["facemae_frame_features"], ENCODER_LIMIT)
    video = {"videomae_frames": frames_of(clip, "videomae")}
    tokens = VideoMAEEmbed(model, level="token", **CPU)(video)["videomae_tokens"]
    assert_reproduced(tokens, recorded["videomae_tokens"].reshape(tokens.shape), ENCODER_LIMIT)
    sequence = VideoMAEEmbed(model, level="frame", **CPU)(video)["videomae_sequence"]
    wanted = recorded["videomae_tokens"].reshape(1, sequence.shape[1], -1, sequence.shape[2]).mean(axis=2)
    assert_reproduced(sequence, wanted, ENCODER_LIMIT)
    assert_reproduced(sequence.mean(axis=1)[0], recorded["videomae_clip_feature"], ENCODER_LIMIT)


def test_shapes_of_the_real_model() -> None:
    assert VideoMAEEmbed("random-full", level="frame").outputs()["videomae_sequence"].shape == (8, 1024)
    assert VideoMAEEmbed("random-full", level="token").outputs()["videomae_tokens"].shape == (1568, 1024)
    assert FaceMAEEmbed("random-full", level="frame").outputs()["facemae_sequence"].shape == (-1, 1024)
    assert {"facemae_sequence", "videomae_sequence", "videomae_tokens"} <= {*feature_columns()} - sensitive_columns()
    assert shapes_of("videomae_sequence") == ((8, None),)


@cache
def stage(cls: Any, level: str) -> Any:
    return cls("random-tiny", level=level, **CPU)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_the_vector_of_a_clip_is_the_mean_of_its_parts(lengths: list[int], seed: int) -> None:
    noise = np.random.default_rng(seed)
    rows = {"facemae_frames": [noise.integers(0, 256, (length, 20, 24, 3), np.uint8) for length in lengths]}
    clip, frames = (stage(FaceMAEEmbed, level)(rows) for level in ("clip", "frame"))
    assert [len(one) for one in frames["facemae_sequence"]] == lengths
    for vector, sequence in zip(clip["facemae"], frames["facemae_sequence"], strict=True):
        assert np.abs(vector - np.mean(sequence, axis=0)).max() < 1e-5
    video = {"videomae_frames": [noise.integers(0, 256, (16, 20, 24, 3), np.uint8)]}
    (vector,) = stage(VideoMAEEmbed, "clip")(video)["videomae"]
    for level, column in (("frame", "videomae_sequence"), ("token", "videomae_tokens")):
        (parts,) = stage(VideoMAEEmbed, level)(video)[column]
        assert np.abs(vector - parts.mean(axis=0)).max() < 1e-5


def test_equal_frames_are_encoded_once_and_in_their_order() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    network, seen = open_model("random-tiny").load("facemae"), []
    network.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    first, second = network.sequences([frames[[0, 1, 0, 0]], frames[[1, 0]]])
    assert sum(seen) == 2
    assert (first[0] == first[2]).all()
    assert (second[0] == first[1]).all()
    assert (first[0] != first[1]).any()


def test_a_level_is_no_part_of_what_was_computed_before() -> None:
    for cls in (FaceMAEEmbed, VideoMAEEmbed):
        assert "level" not in cls("random-tiny").resolved_config()
        assert cls("random-tiny", level="frame").resolved_config()["level"] == "frame"
        assert cls("random-tiny").fingerprint != cls("random-tiny", level="frame").fingerprint
    assert "fps" not in SampleFrames().resolved_config()
    assert SampleFrames(fps=2).resolved_config() == SampleFrames(fps=2.0).resolved_config()
    assert SampleFrames(fps=2).fingerprint != SampleFrames().fingerprint


def test_sequences_are_stored_found_again_published_verified_and_exported(films: Dataset, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "stages": ["facemae_embed", "videomae_embed"], "level": "frame", "fps": 8, "size": 64, **CPU,
    }  # fmt: skip
    ds = films.add_column("uuid", ["long", "short"])
    done = extract(ds, "random-tiny", out=tmp_path / "out", **options)
    assert [np.shape(one) for one in done["facemae_sequence"]] == [(12, 32), (4, 32)]
    assert [np.shape(one) for one in done["videomae_sequence"]] == [(8, 32), (8, 32)]
    assert [np.shape(one) for one in done["face_boxes"]] == [(12, 4), (4, 4)]
    assert [len(one) for one in done["face_scores"]] == [12, 4]
    timing.reset()
    again = extract(ds, "random-tiny", out=tmp_path / "out", **options)
    assert not timing.stage_times()
    assert again["facemae_sequence"] == done["facemae_sequence"]

    card = (tmp_path / "out" / "README.md").read_text()
    assert "| `facemae_sequence` | (any, 32) float32 | embedding of the face" in card
    assert "frames sampled a second: 8.0" in card
    assert "level: frame" in card
    assert "# rows differ in length: DataLoader(ds, batch_size=8, collate_fn=list)" in card
    push(tmp_path / "out", tmp_path / "shared", names=True)
    shared = load_dataset(str(tmp_path / "shared"), split="train")
    assert {"facemae_sequence", "videomae_sequence", "face_boxes"} <= set(shared.column_names)
    checked = verify(tmp_path / "shared", ds, sample=2)
    assert checked.holds
    assert "facemae_sequence" in {one.column for one in checked.rows[0].columns}

    export_npy(done, tmp_path / "npy", columns=["facemae_sequence"], name="uuid")
    long = np.load(tmp_path / "npy" / "long.npy")
    np.testing.assert_array_equal(long, np.asarray(done["facemae_sequence"][0], np.float32))
    code = (
        "import json, sys, numpy as np; from datasets import load_dataset\n"
        "ds = load_dataset(sys.argv[1], split='train', cache_dir=sys.argv[2])\n"
        "assert 'emollama_hf' not in sys.modules\n"
        "rows = [ds.with_format(f)[:] for f in ('numpy', 'torch')]\n"
        "from torch.utils.data import DataLoader\n"
        "loader = DataLoader(ds.with_format('torch', columns=['facemae_sequence']), batch_size=8, collate_fn=list)\n"
        "assert [len(row['facemae_sequence']) for row in next(iter(loader))] == [12, 4]\n"
        "print(json.dumps([[list(one.shape) for one in row['facemae_sequence']] for row in rows]))"
    )
    ran = second_process.run(code, tmp_path / "shared", tmp_path / "cache", with_package=False, check=True)
    assert json.loads(ran.stdout) == [[[12, 32], [4, 32]]] * 2


def test_tokens_are_stored(tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2)
    options: dict[str, Any] = {"stages": ["videomae_embed"], "level": "token", **OPTIONS, **CPU}
    done = extract(ds, "random-tiny", out=tmp_path / "out", **options)
    push(tmp_path / "out", tmp_path / "shared", key="label")
    shared = load_dataset(str(tmp_path / "shared"), split="train")
    assert np.shape(shared["videomae_tokens"][:]) == np.shape(done["videomae_tokens"][:]) == (2, 128, 32)


def test_crops_of_any_number_are_kept_mapped_and_embedded(films: Dataset, tmp_path: Path) -> None:
    sample = SampleFrames(fps=4, size=32, faces="none", peak="first")
    mapped = films.map(sample, batched=True, features=Features({**films.features, **sample.features}))
    shapes = [(6, 32, 32, 3), (2, 32, 32, 3)]
    assert [np.shape(one) for one in mapped["facemae_frames"]] == shapes
    options: dict[str, Any] = {"fps": 4, "size": 32, "faces": "none", "peak": "first", **CPU}
    kept = extract(
        films, "random-tiny", stages=["facemae_embed"], keep=["facemae_frames"], out=tmp_path / "out", **options
    )
    for one, other, shape in zip(kept["facemae_frames"], mapped["facemae_frames"], shapes, strict=True):
        assert np.shape(one) == shape
        np.testing.assert_array_equal(one, other)
    opened = load_dataset(str(tmp_path / "out"), split="train")
    assert [np.shape(one) for one in opened["facemae_frames"]] == shapes
    embedded = mapped.map(FaceMAEEmbed("random-tiny", **CPU), batched=True)
    np.testing.assert_allclose(embedded["facemae"][:], kept["facemae"][:], atol=1e-6)


def numbers(path: str, **options: Any) -> list[int]:
    """The frames of a film that are taken for FaceMAE, found by their content."""
    found = SampleFrames(size=32, faces="none", peak="first", **options)({"video": [path]})["facemae_frames"][0]
    every = SampleFrames(size=32, faces="none", peak="first", fps=1000)({"video": [path]})["facemae_frames"][0]
    return [int(np.abs(every.astype(int) - one).sum(axis=(1, 2, 3)).argmin()) for one in found]


def test_which_frames_a_rate_takes(films: Dataset) -> None:
    long, short = films["video"]
    assert numbers(long, fps=4) == [0, 6, 12, 18, 24, 30]
    assert numbers(long, fps=5) == [0, 4, 9, 14, 19, 24, 28, 33]
    assert numbers(short, fps=24) == numbers(short, fps=60) == list(range(12))
    assert numbers(short, fps=0.1) == [0]
    assert numbers(short, num_frames=23) == np.linspace(0, 11, 23).astype(int).tolist()


def test_a_changing_rate_goes_by_the_clock(tmp_path: Path) -> None:
    times = [0, 40, 80, 120, 1000, 1040, 1500, 1960]
    film = videos.write_video(tmp_path / "film.mp4", videos.pan(8), times_ms=times, options={"crf": "5"})
    found = SampleFrames(size=32, faces="none", peak="first", fps=2)({"video": [str(film)]})
    at = SampleFrames(size=32, faces="none", peak="first", fps=50)({"video": [str(film)]})["facemae_frames"][0]
    picked = [int(np.abs(at.astype(int) - one).sum(axis=(1, 2, 3)).argmin()) for one in found["facemae_frames"][0]]
    assert picked == [0, 3, 4, 6, 7]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fps": 0}, "fps is 0; expected a number above 0"),
        ({"fps": -1.0}, "expected a number above 0"),
        ({"fps": float("nan")}, "expected a number above 0"),
        ({"fps": float("inf")}, "expected a finite number"),
        ({"fps": True}, "expected a number above 0"),
        ({"fps": "25"}, "expected a number above 0"),
        ({"fps": 2, "num_frames": 32}, "num_frames=32 and fps=2: pass one of them"),
        ({"num_frames": 0}, "num_frames is 0; expected a whole number above 0"),
        ({"num_frames": 10_000}, "at most 7,133 crops of 224 x 224 pixels"),
    ],
)
def test_numbers_of_frames_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SampleFrames(**options)


def test_unknown_levels() -> None:
    with pytest.raises(ValueError, match=r"level='token' is unknown. Valid: 'clip', 'frame'"):
        FaceMAEEmbed("random-tiny", level="token")
    with pytest.raises(ValueError, match="Valid: 'clip', 'frame', 'token'"):
        VideoMAEEmbed("random-tiny", level="pixel")
    assert typed_options(["level=token", "fps=2.5"], flags=[]) == {"level": "token", "fps": 2.5}
    with pytest.raises(ValueError, match="expected clip or frame or token"):
        typed_options(["level=pixel"], flags=[])


def test_a_stage_that_needs_the_vectors_of_clips_says_so_before_the_run(films: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"emollama_embed reads the column 'facemae'; facemae_embed computes"):
        extract(films, "random-tiny", out=tmp_path / "out", level="frame", **CPU)
    with pytest.raises(ValueError, match=r"'has_audio' instead with level='frame'\. Extract in two runs"):
        build_pipeline(
            "random-tiny", present=["video", "facemae", "videomae"], layout="upstream", level="frame",
            stages=["hubert_embed", "emollama_embed"],
        )  # fmt: skip
    brought = ["video", "facemae", "videomae"]
    both = build_pipeline("random-tiny", present=brought, level="frame", stages=["emollama_embed", "facemae_embed"])
    assert "facemae_sequence" in both.features


def test_a_rate_of_what_has_none(tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", 1)
    with pytest.raises(ValueError, match=r"fps=2: the column 'frames' has no rate. Pass num_frames= instead"):
        extract(ds, "random-tiny", stages=["facemae_embed"], fps=2, **OPTIONS)
    with pytest.raises(ClipError, match="nothing says how long its frames are shown") as error:
        SampleFrames(fps=2, faces="none")({"frames": ds["frames"][:]})
    assert error.value.kind == "bad_frames"


def test_a_clip_with_too_many_crops_is_refused(films: Dataset) -> None:
    size = 6_000
    assert SampleSettings(size=size).most_crops == 16
    with pytest.raises(ClipError, match=r"fps=24 takes 36 crops of 6000 x 6000 pixels from its 2 s") as error:
        SampleFrames(fps=24, size=size)({"video": films["video"][:1]})
    assert error.value.kind == "limit_exceeded"
