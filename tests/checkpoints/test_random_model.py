"""Random models: the same everywhere, quick, and every input matters."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.checkpoints.build import empty_network
from emollama_hf.checkpoints.random_model import GENERATOR_VERSION
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.emotion_llama.config_json import feature_size, visual_tokens
from emollama_hf.encoders.emotion_llama.prompt import encode_prompt
from emollama_hf.encoders.emotion_llama.recorded_tokenizer import RecordedTokenizer
from emollama_hf.errors import ModelError
from emollama_hf.tensors.random_weights import fill_randomly
from tests import second_process
from tests.parts import ALL_PARTS


@pytest.fixture(scope="module")
def tiny() -> ModelSource:
    return open_model("random-tiny")


def clip(seed: int) -> np.ndarray:
    """(16, 60, 80, 3) uint8: noise that brightens."""
    noise = np.random.default_rng(seed).integers(0, 180, (60, 80, 3))
    return np.stack([noise + 4 * frame for frame in range(16)]).astype(np.uint8)


def run(source: ModelSource, frames: np.ndarray, dtype: str = "float32") -> list[torch.Tensor]:
    """The features of one clip, stage by stage: (D,), (D,), (L, hidden) in float32."""
    face = source.load("facemae", dtype=dtype)  # type: ignore[arg-type]
    video = source.load("videomae", dtype=dtype)  # type: ignore[arg-type]
    llama = source.load("emotion_llama", dtype=dtype)  # type: ignore[arg-type]
    with torch.inference_mode():
        features = [face(face.pixels(frames)[None]), video(video.pixels(frames)[None])]
        ids = encode_prompt(
            source.tokenizer("emotion_llama"), visual_tokens=visual_tokens(source.config("emotion_llama"), 2)
        ).input_ids
        states = llama(llama.pixels(frames[7])[None], torch.stack(features, dim=1), torch.from_numpy(ids)[None])
    return [features[0][0], features[1][0], states.last_hidden_state[0].float()]


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).std() / other.std())


def test_shapes_are_what_the_source_announces(tiny: ModelSource) -> None:
    face, video, states = run(tiny, clip(1))
    assert face.shape == (tiny.width("facemae"),)
    assert video.shape == (tiny.width("videomae"),)
    assert feature_size(tiny.config("emotion_llama")) == len(face) == len(video)
    prompt = encode_prompt(
        tiny.tokenizer("emotion_llama"), visual_tokens=visual_tokens(tiny.config("emotion_llama"), 2)
    )
    assert states.shape == (prompt.length, tiny.width("emotion_llama"))
    assert prompt.length == 50 + visual_tokens(tiny.config("emotion_llama"), 2)


def test_every_stage_tells_two_clips_apart(tiny: ModelSource) -> None:
    for one, other in zip(run(tiny, clip(1)), run(tiny, clip(1) // 2), strict=True):
        assert difference(one, other) > 0.03


@pytest.mark.parametrize(("dtype", "limit"), [("float16", 0.01), ("bfloat16", 0.05)])
def test_every_precision_has_the_same_values_rounded(tiny: ModelSource, dtype: str, limit: float) -> None:
    for one, other in zip(run(tiny, clip(1), dtype), run(tiny, clip(1)), strict=True):
        assert one.isfinite().all()
        assert difference(one, other) < limit
    exact = tiny.load("facemae").state_dict()
    rounded = tiny.load("facemae", dtype=dtype).state_dict()  # type: ignore[arg-type]
    assert all(torch.equal(rounded[name], exact[name].to(getattr(torch, dtype))) for name in exact)


def filled_layer() -> str:
    """Hash of the values that a small layer gets."""
    layer = nn.Linear(70, 90, device="meta")
    fill_randomly(layer, "cpu")
    values = b"".join(parameter.detach().numpy().tobytes() for parameter in layer.parameters())
    return hashlib.sha256(values).hexdigest()


def test_values_are_those_of_this_version_of_the_generator() -> None:
    """If this fails on purpose, raise GENERATOR_VERSION: features of other weights must not meet old caches."""
    assert GENERATOR_VERSION == 1
    assert filled_layer() == "7d42edf7424afc98fb3788682e06de98e4260cd2954759de8086302c000b16f5"


def test_digests_are_the_same_in_another_process(tiny: ModelSource) -> None:
    program = (
        "from emollama_hf.checkpoints import open_model\n"
        "from emollama_hf.encoders import ENCODERS\n"
        "source = open_model('random-tiny')\n"
        "print(*(source.digest(encoder.name) for encoder in ENCODERS))\n"
    )
    done = second_process.run(program, with_package=False, check=True)
    assert done.stdout.split() == [tiny.digest(part) for part in ALL_PARTS]


def test_digests_tell_parts_and_models_apart() -> None:
    digests = {open_model(name).digest(part) for name in ("random-tiny", "random-full") for part in ALL_PARTS}
    assert len(digests) == 8
    assert all(len(digest) == 64 for digest in digests)


def test_full_size_is_the_real_architecture() -> None:
    source = open_model("random-full")
    assert source.is_random
    assert [source.width("facemae"), source.width("videomae"), source.width("emotion_llama")] == [
        1024,
        1024,
        4096,
    ]
    assert [visual_tokens(source.config("emotion_llama"), 2), visual_tokens(source.config("emotion_llama"), 3)] == [
        259,
        260,
    ]
    counts = {
        part: sum(
            p.numel()
            for p in find_encoder(part).weights(empty_network(part, source.config(part), "bfloat16")).parameters()
        )
        for part in ALL_PARTS
    }
    assert counts == {
        "facemae": 303_301_632,  # ViT-L/16 without a classifier
        "videomae": 303_858_688,
        "hubert": 315_437_696,  # chinese-hubert-large without the vector of its training's masks
        "emotion_llama": 7_635_816_448,  # EVA-g 1.0, projections, Llama-2-7B without its head 6.6
    }


def test_recorded_ids_only_at_full_size() -> None:
    full, tiny = RecordedTokenizer(bytes_for_the_rest=False), RecordedTokenizer(bytes_for_the_rest=True)
    assert full.encode("<video>") == tiny.encode("<video>") == [529, 9641, 29958]
    assert tiny.encode("é") == [3 + 0xC3, 3 + 0xA9]
    with pytest.raises(ModelError, match=r"recorded ids of the default prompt only.*tokenizer="):
        full.encode("another instruction")
    assert full.digest != tiny.digest


def test_configuration_is_a_copy(tiny: ModelSource) -> None:
    tiny.config("facemae")["model_args"]["embed_dim"] = 1
    assert tiny.width("facemae") != 1
