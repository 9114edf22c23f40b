"""A row with reduced values is prepared as the row with whole ones is, by every stage that says what it reads."""

from __future__ import annotations

import pickle
from functools import cache
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.checkpoints import open_model
from emollama_hf.encoders.emotion_llama.config_json import image_size
from emollama_hf.errors import ClipError
from emollama_hf.rows import Row, Rows
from emollama_hf.stages import EmoLlamaEmbed, EmotionPredict, GenerateAnswer, ImageTokens, Stage
from emollama_hf.stages.reduction import ResizedPicture, reading_of

STAGES = (EmoLlamaEmbed, EmotionPredict, GenerateAnswer, ImageTokens)


@cache
def ready(kind: type[Stage]) -> Stage:
    stage = kind("random-tiny")
    stage.ready()
    return stage


def parts(prepared: Any) -> tuple[Any, ...]:
    """What `prepare` gave, the picture first."""
    return tuple(prepared) if isinstance(prepared, tuple) else (prepared,)


def row(picture: Any) -> Row:
    vector = np.arange(32, dtype=np.float32)
    return Rows.from_batch({"peak_frame": [picture], "facemae": [vector], "videomae": [vector]}).row(0)


@pytest.mark.parametrize("kind", STAGES)
@settings(deadline=None, max_examples=20)
@given(width=st.integers(1, 300), height=st.integers(1, 300), seed=st.integers(0, 99), as_image=st.booleans())
def test_a_reduced_row_is_prepared_as_the_whole_one(
    kind: type[Stage], width: int, height: int, seed: int, as_image: bool
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    picture = PIL.Image.fromarray(pixels) if as_image else pixels
    stage = ready(kind)
    reduction = pickle.loads(pickle.dumps(stage.reductions()["peak_frame"]))
    whole, reduced = stage.prepare(row(picture)), stage.prepare(row(reduction(picture)))
    for one, other in zip(
        [whole] if kind is ImageTokens else whole, [reduced] if kind is ImageTokens else reduced, strict=True
    ):
        assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


@pytest.mark.parametrize("model", ["random-tiny", "random-full"])
def test_the_size_is_that_of_the_network(model: str) -> None:
    size = image_size(open_model(model).config("emotion_llama"))
    assert model == "random-tiny" or size == 448
    for kind in STAGES:
        assert kind(model).reductions() == {"peak_frame": ResizedPicture(size, "bicubic")}


def test_what_is_no_picture_is_an_error_of_its_row() -> None:
    with pytest.raises(ClipError) as found:
        ResizedPicture(448, "bicubic")(np.zeros((2, 2)))
    assert found.value.kind == "bad_frames"


def test_what_stages_read_of_each_other_is_known_without_them() -> None:
    stages = [EmoLlamaEmbed("random-tiny"), GenerateAnswer("random-tiny", layout="upstream")]
    reading = reading_of(stages, ["peak_frame", "facemae", "face_boxes", "hubert"])
    reduced = ResizedPicture(image_size(open_model("random-tiny").config("emotion_llama")), "bicubic")
    assert reading == {
        "emollama_embed": {"peak_frame": reduced, "facemae": None},
        "generate_answer": {"peak_frame": reduced, "facemae": None, "hubert": None},
    }
    assert len(pickle.dumps(reading)) < 1000
