"""A column that a stage can do without is computed as soon as a stage that computes it is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from datasets import List, Value

import emollama_hf
from emollama_hf import Column, EmoLlamaEmbed, Stage
from emollama_hf.encoders.emotion_llama.config_json import feature_size
from emollama_hf.stages.pipeline import build_pipeline

WIDTH = feature_size(EmoLlamaEmbed("random-tiny").source.config("emotion_llama"))
NAMES = ["sample_frames", "facemae_embed", "videomae_embed"]
ROW: dict[str, Any] = {
    "peak_frame": [np.zeros((8, 8, 3), np.uint8)],
    "facemae": [np.ones(WIDTH, np.float32)],
    "videomae": [np.ones(WIDTH, np.float32)],
}


class Sound(Stage):
    """A stage that computes the column of the layout with sound."""

    name, version, optional_inputs = "sound", 1, ("video",)

    def outputs(self) -> dict[str, Column]:
        return {"hubert": Column(List(Value("float32"), length=WIDTH), "embedding of the sound", tolerance=1e-4)}

    def prepare(self, row: Any) -> None:
        return None

    def compute(self, items: list[None]) -> list[dict[str, np.ndarray]]:
        return [{"hubert": np.full(WIDTH, 3, np.float32)} for _ in items]


@pytest.fixture
def upstream(install: Callable[..., None]) -> EmoLlamaEmbed:
    return EmoLlamaEmbed("random-tiny", layout="upstream", pooling="mean")


def test_without_such_a_stage_zeros_stand_in(upstream: EmoLlamaEmbed) -> None:
    assert [stage.name for stage in upstream.chain({"video"})] == [*NAMES, "emollama_embed"]
    zeros = {**ROW, "hubert": [np.zeros(WIDTH, np.float32)]}
    np.testing.assert_array_equal(upstream(ROW)["emollama"], upstream(zeros)["emollama"])


def test_a_stage_that_is_known_runs_first(upstream: EmoLlamaEmbed) -> None:
    emollama_hf.register(Sound)
    assert [stage.name for stage in upstream.chain({"video"})] == [*NAMES, "sound", "emollama_embed"]
    given = {**ROW, "hubert": [np.full(WIDTH, 3, np.float32)]}
    np.testing.assert_array_equal(upstream(ROW)["emollama"], upstream(given)["emollama"])
    pipeline = build_pipeline("random-tiny", present=["video"], layout="upstream", pooling="mean")
    assert [stage.name for stage in pipeline.stages] == [*NAMES, "sound", "emollama_embed"]


def test_a_column_of_the_data_set_comes_first(upstream: EmoLlamaEmbed) -> None:
    emollama_hf.register(Sound)
    assert "sound" not in [stage.name for stage in upstream.chain({"video", "hubert"})]


def test_the_layout_without_sound_needs_none(upstream: EmoLlamaEmbed) -> None:
    emollama_hf.register(Sound)
    stage = EmoLlamaEmbed("random-tiny")
    assert [one.name for one in stage.chain({"video"})] == [*NAMES, "emollama_embed"]
    assert stage.given(["hubert", "facemae"]) == ("facemae",)
