"""A column that one stage computes in another shape than the next reads it is an error before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, List, Value

import emollama_hf
from emollama_hf import Column, EmoLlamaEmbed, ModelError, PluginError, Stage, VideoMAEEmbed, extract
from emollama_hf.checkpoints import open_model
from emollama_hf.checkpoints.write import write_model
from emollama_hf.encoders import find_encoder, tiny_sizes
from emollama_hf.stages.pipeline import Pipeline
from emollama_hf.stages.shape_check import check_shapes
from tests.encoders import golden
from tests.sound.recordings import voice, write_recording

Written = Callable[..., Path]
CPU: dict[str, Any] = {"device": "cpu", "dtype": "float32"}


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A model directory of the sizes of random-tiny, but for one part whose configuration is given in part."""

    def write(part: str, **changes: Any) -> Path:
        tiny = open_model("random-tiny")
        networks = {name: tiny.load(name) for name in tiny_sizes() if name != part}
        networks[part] = find_encoder(part).network({**tiny.config(part), **changes})
        return write_model(tmp_path / part, **networks, tokenizer=golden.LLAMA, provenance={})

    return write


@pytest.fixture
def clip(tmp_path: Path) -> dict[str, list[str]]:
    return {"video": [str(write_recording(tmp_path / "clip.mp4", voice(48_000, 1, 2), picture_s=1))]}


def test_a_hubert_of_another_width_than_the_projections_take(
    written: Written, clip: dict[str, list[str]], tmp_path: Path
) -> None:
    model = written("hubert", hidden_size=48)
    said = (
        r"stage 'emollama_embed' .* reads the column 'hubert' in the shape \(32,\), and stage 'hubert_embed' .* "
        r"computes it in the shape \(48,\)"
    )
    with pytest.raises(ModelError, match=said):
        extract(Dataset.from_dict(clip), model, out=tmp_path / "out", layout="upstream", **CPU)
    assert not (tmp_path / "out").exists()
    with pytest.raises(ModelError, match=said):
        EmoLlamaEmbed(model, layout="upstream", on_error="null", **CPU)(clip)


def test_such_a_hubert_is_of_use_by_itself_and_beside_the_layout_without_sound(
    written: Written, clip: dict[str, list[str]]
) -> None:
    model = written("hubert", hidden_size=48)
    done = extract(Dataset.from_dict(clip), model, stages=["hubert_embed", "emollama_embed"], pooling="mean", **CPU)
    assert done["emollama_status"] == ["ok"]
    assert np.shape(done["hubert"]) == (1, 48)


def test_a_face_encoder_of_another_width(written: Written, clip: dict[str, list[str]]) -> None:
    model = written("videomae", hidden_size=64)
    with pytest.raises(ModelError, match=r"'videomae' in the shape \(32,\), and stage 'videomae_embed' .* \(64,\)"):
        extract(Dataset.from_dict(clip), model, **CPU)
    given = {"facemae": [np.ones(32)], "videomae": [np.ones(32)], "peak_frame": [np.zeros((8, 8, 3), np.uint8)]}
    assert EmoLlamaEmbed(model, pooling="mean", **CPU)(given)["emollama"].shape == (1, 48)


def test_a_video_encoder_of_another_number_of_frames(written: Written, clip: dict[str, list[str]]) -> None:
    model = written("videomae", num_frames=8)
    said = r"'videomae_frames' in the shape \(8, any, any, 3\), and stage 'sample_frames' .* \(16, 224, 224, 3\)"
    with pytest.raises(ModelError, match=said):
        VideoMAEEmbed(model, **CPU)(clip)
    crops = np.zeros((8, 20, 20, 3), np.uint8)
    assert VideoMAEEmbed(model, **CPU)({"videomae_frames": [crops]})["videomae"].shape == (1, 32)


class Tones(Stage):
    """Three numbers a clip."""

    name, version, optional_inputs = "tones", 1, ("video",)

    def outputs(self) -> dict[str, Column]:
        return {"tones": Column(List(Value("float32"), length=3), "three tones", tolerance=1e-4)}

    def prepare(self, row: Any) -> None:
        return None

    def compute(self, items: list[None]) -> list[dict[str, Any]]:
        return [{"tones": np.zeros(3, np.float32)} for _ in items]


class FourTones(Tones):
    """A stage that reads four."""

    name, inputs, optional_inputs = "four_tones", ("tones",), ()

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"tones": (4,)}

    def outputs(self) -> dict[str, Column]:
        return {"loudest": Column(Value("int32"), "the loudest")}


def test_stages_of_other_packages_are_held_to_the_same() -> None:
    with pytest.raises(PluginError, match=r"'tones' in the shape \(4,\), .* in the shape \(3,\)"):
        check_shapes([Tones(), FourTones()])
    with pytest.raises(PluginError):
        Pipeline([Tones(), FourTones()]).pinned()
    check_shapes([FourTones(), Tones()])  # a column that was there before


@pytest.mark.parametrize("layout", ["fork", "upstream"])
@pytest.mark.parametrize("model", ["random-tiny", "random-full"])
def test_the_parts_of_random_models_fit(model: str, layout: Any) -> None:
    check_shapes(EmoLlamaEmbed(model, layout=layout, **CPU).chain({"video"}))
    assert "hubert" in emollama_hf.EmoLlamaEmbed(model, layout="upstream").input_shapes()
