"""A column that a stage can do without is computed as soon as a stage that computes it is known."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import List, Value

import emollama_hf
from emollama_hf import Column, EmoLlamaEmbed, HubertEmbed, ModelError, Stage
from emollama_hf.checkpoints import open_model
from emollama_hf.checkpoints.write import write_model
from emollama_hf.encoders.emotion_llama.config_json import feature_size
from emollama_hf.stages import known_stages
from emollama_hf.stages.pipeline import build_pipeline
from tests.encoders import golden

WIDTH = feature_size(EmoLlamaEmbed("random-tiny").source.config("emotion_llama"))
NAMES = ["sample_frames", "facemae_embed", "videomae_embed"]
ROW: dict[str, Any] = {
    "peak_frame": [np.zeros((8, 8, 3), np.uint8)],
    "facemae": [np.ones(WIDTH, np.float32)],
    "videomae": [np.ones(WIDTH, np.float32)],
}
UPSTREAM: dict[str, Any] = {"layout": "upstream", "pooling": "mean"}


class Sound(Stage):
    """A stage of another package that computes the column of the layout with sound, where HuBERT is not known."""

    name, version, optional_inputs = "sound", 1, ("video",)

    def outputs(self) -> dict[str, Column]:
        return {"hubert": Column(List(Value("float32"), length=WIDTH), "embedding of the sound", tolerance=1e-4)}

    def prepare(self, row: Any) -> None:
        return None

    def compute(self, items: list[None]) -> list[dict[str, np.ndarray]]:
        return [{"hubert": np.full(WIDTH, 3, np.float32)} for _ in items]


@pytest.fixture
def upstream(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> EmoLlamaEmbed:
    """The layout with sound, and no stage of this package that computes it."""
    monkeypatch.delitem(known_stages._stages, "hubert_embed")
    for column in [name for name, maker in known_stages._makers.items() if maker is HubertEmbed]:
        monkeypatch.delitem(known_stages._makers, column)
    return EmoLlamaEmbed("random-tiny", **UPSTREAM)


@pytest.fixture(scope="module")
def without_hubert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory that has no HuBERT, with the weights of random-tiny."""
    return written(tmp_path_factory.mktemp("without") / "model", "facemae", "videomae", "emotion_llama")


def written(folder: Path, *parts: str) -> Path:
    tiny = open_model("random-tiny")
    networks = {part: tiny.load(part) for part in parts}
    return write_model(folder, **networks, tokenizer=golden.LLAMA, provenance={"converter": "test"})


def test_without_such_a_stage_zeros_stand_in(upstream: EmoLlamaEmbed) -> None:
    assert [stage.name for stage in upstream.chain({"video"})] == [*NAMES, "emollama_embed"]
    zeros = {**ROW, "hubert": [np.zeros(WIDTH, np.float32)]}
    np.testing.assert_array_equal(upstream(ROW)["emollama"], upstream(zeros)["emollama"])


def test_a_stage_that_is_known_runs_first(upstream: EmoLlamaEmbed) -> None:
    emollama_hf.register(Sound)
    assert [stage.name for stage in upstream.chain({"video"})] == [*NAMES, "sound", "emollama_embed"]
    given = {**ROW, "hubert": [np.full(WIDTH, 3, np.float32)]}
    np.testing.assert_array_equal(upstream(ROW)["emollama"], upstream(given)["emollama"])
    pipeline = build_pipeline("random-tiny", present=["video"], **UPSTREAM)
    assert [stage.name for stage in pipeline.stages] == [*NAMES, "sound", "emollama_embed"]


def test_a_column_of_the_data_set_comes_first(upstream: EmoLlamaEmbed) -> None:
    emollama_hf.register(Sound)
    assert "sound" not in [stage.name for stage in upstream.chain({"video", "hubert"})]


def test_the_layout_without_sound_needs_none(upstream: EmoLlamaEmbed) -> None:
    emollama_hf.register(Sound)
    stage = EmoLlamaEmbed("random-tiny")
    assert [one.name for one in stage.chain({"video"})] == [*NAMES, "emollama_embed"]
    assert stage.given(["hubert", "facemae"]) == ("facemae",)


def test_hubert_runs_where_the_model_has_it_and_a_data_set_has_video() -> None:
    embed = EmoLlamaEmbed("random-tiny", **UPSTREAM)
    assert [stage.name for stage in embed.chain({"video"})] == [*NAMES, "hubert_embed", "emollama_embed"]
    for present in ({"frames"}, {"video", "hubert"}):
        assert "hubert_embed" not in [stage.name for stage in embed.chain(present)]


def test_a_model_without_hubert_takes_zeros_and_says_so_once(
    without_hubert: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        stages = build_pipeline(str(without_hubert), present=["video"], **UPSTREAM).stages
        assert [stage.name for stage in stages] == [*NAMES, "emollama_embed"]
    said = [record.getMessage() for record in caplog.records if "hubert_embed does not run" in record.getMessage()]
    assert len(said) == 1
    assert "has no hubert/: it was not converted" in said[0]


def test_a_damaged_hubert_is_an_error_and_no_zeros(without_hubert: Path, tmp_path: Path) -> None:
    model = shutil.copytree(without_hubert, tmp_path / "model")
    (model / "hubert").mkdir()
    (model / "hubert" / "config.json").write_text('{"conv_dim": []}')
    with pytest.raises(ModelError, match="conv_dim=\\[\\]"):
        build_pipeline(str(model), present=["video"], **UPSTREAM)


def test_the_weights_of_hubert_are_part_of_the_fingerprint(without_hubert: Path, tmp_path: Path) -> None:
    plain = EmoLlamaEmbed(str(without_hubert), **UPSTREAM).fingerprint
    model = written(tmp_path / "model", "facemae", "videomae", "hubert", "emotion_llama")
    assert EmoLlamaEmbed(str(model), **UPSTREAM).fingerprint != plain
    fork = [EmoLlamaEmbed(str(one), pooling="mean").fingerprint for one in (without_hubert, model)]
    assert fork[0] == fork[1]
