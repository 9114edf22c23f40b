"""Loading a part with changed tensors, and without some of its submodules: strict in what is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from bitsandbytes import functional
from safetensors.torch import load_file, save_file
from torch import nn

from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.checkpoints.write import write_model
from emollama_hf.encoders import find_encoder
from emollama_hf.errors import ModelError
from tests.encoders import golden

QUERY = "language_model.layers.0.self_attn.q_proj.weight"
PROJECTION = "image_projection.weight"
#: What the image encoder alone does without.
BUT_THE_IMAGE_ENCODER = (
    "language_model",
    "image_projection",
    "facemae_projection",
    "videomae_projection",
    "audio_projection",
    "class_token_projection",
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory with the weights of random-tiny in float16."""
    tiny = open_model("random-tiny").load("emotion_llama", dtype="float16")
    root = tmp_path_factory.mktemp("changed") / "model"
    return write_model(root, emotion_llama=tiny, tokenizer=golden.LLAMA, provenance={})


@pytest.fixture(params=["directory", "random"])
def source(request: pytest.FixtureRequest, directory: Path) -> ModelSource:
    return open_model(directory if request.param == "directory" else "random-tiny")


def doubled(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() * 2 + 1e-4


def test_the_named_tensors_are_changed_and_no_others(source: ModelSource) -> None:
    plain = source.load("emotion_llama").state_dict()
    found = source.load("emotion_llama", changes={QUERY: doubled, PROJECTION: torch.zeros_like}).state_dict()
    assert torch.equal(found[QUERY], doubled(plain[QUERY]))
    assert not found[PROJECTION].any()
    assert all(torch.equal(found[name], plain[name]) for name in plain if name not in (QUERY, PROJECTION))


def test_a_change_is_computed_before_the_cast(directory: Path) -> None:
    """float16 files, loaded in bfloat16: the sum is rounded once."""
    stored = load_file(directory / "emotion_llama" / "model.safetensors")[QUERY]
    found = open_model(directory).load("emotion_llama", dtype="bfloat16", changes={QUERY: doubled})
    weight = found.language_model.layers[0].self_attn.q_proj.weight
    assert torch.equal(weight, doubled(stored).bfloat16())
    assert not torch.equal(weight, doubled(stored.bfloat16()).bfloat16())


def test_a_random_model_gives_exact_values_to_a_change() -> None:
    tiny = open_model("random-tiny")
    exact = tiny.load("emotion_llama").state_dict()[QUERY]
    found = tiny.load("emotion_llama", dtype="bfloat16", changes={QUERY: doubled}).state_dict()[QUERY]
    assert torch.equal(found, doubled(exact).bfloat16())


def test_a_quantized_layer_gets_the_changed_values(source: ModelSource) -> None:
    plain = source.load("emotion_llama").state_dict()[QUERY]
    network = source.load("emotion_llama", dtype="bfloat16", quantize="4bit", changes={QUERY: doubled})
    layer = network.language_model.layers[0].self_attn.q_proj
    packed, state = functional.quantize_4bit(doubled(plain), quant_type="nf4", compress_statistics=False)
    assert torch.equal(layer.weight, packed)
    assert torch.equal(layer.quant_state.absmax, state.absmax)


def test_a_change_that_cannot_be_is_an_error(source: ModelSource) -> None:
    with pytest.raises(ValueError, match=r"the network has no language_model\.layers\.9\.x, llama_proj\.weight"):
        source.load("emotion_llama", changes=dict.fromkeys(("language_model.layers.9.x", "llama_proj.weight"), doubled))
    with pytest.raises(ValueError, match=rf"changes: {QUERY} is .* and \(1, 96\) after its change"):
        source.load("emotion_llama", changes={QUERY: lambda tensor: torch.zeros(1, 96)})


def test_a_change_to_nan_is_an_error(directory: Path) -> None:
    with pytest.raises(ModelError, match=rf"{QUERY} \(.*NaN"):
        open_model(directory).load("emotion_llama", changes={QUERY: lambda tensor: tensor * float("nan")})


@pytest.mark.parametrize("dtype", ["float32", "float16", "float16-mixed"])
def test_a_network_without_its_image_encoder_is_none_there(source: ModelSource, dtype: str) -> None:
    whole = source.load("emotion_llama", dtype=dtype).state_dict()  # type: ignore[arg-type]
    network = source.load("emotion_llama", dtype=dtype, without=("vision_model",))  # type: ignore[arg-type]
    assert network.vision_model is None
    assert network.blocks() == list(network.language_model.layers)
    found = network.state_dict()
    assert found.keys() == {name for name in whole if not name.startswith("vision_model.")}
    assert all(torch.equal(found[name], whole[name]) for name in found)
    states = network.language_model(torch.zeros(1, 3, dtype=torch.int64)).last_hidden_state
    assert states.isfinite().all(), "rotary tables are there"


@pytest.mark.parametrize("dtype", ["float32", "float16-mixed"])
@pytest.mark.parametrize("quantize", [None, "4bit"])
def test_the_image_encoder_alone_computes_its_tokens(source: ModelSource, dtype: str, quantize: str | None) -> None:
    whole = source.load("emotion_llama", dtype=dtype)  # type: ignore[arg-type]
    alone = source.load("emotion_llama", dtype=dtype, quantize=quantize, without=BUT_THE_IMAGE_ENCODER)  # type: ignore[arg-type]
    assert alone.language_model is None
    assert alone.image_projection is None
    assert {name.split(".")[0] for name in alone.state_dict()} == {"vision_model"}
    noise = np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    with torch.inference_mode():
        tokens = [network.ln_vision(network.image_tokens(network.pixels(noise)[None])) for network in (whole, alone)]
    assert torch.equal(*tokens)


def test_what_is_left_out_may_be_anything_in_the_files(directory: Path, tmp_path: Path) -> None:
    """Absent, damaged or misshapen there; and what is not left out is loaded as strictly as ever."""
    (tmp_path / "model" / "emotion_llama").mkdir(parents=True)
    for path in (directory / "emotion_llama").iterdir():
        (tmp_path / "model" / "emotion_llama" / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "model" / "emotion_llama" / "model.safetensors"
    state = load_file(weights)
    image = [name for name in state if name.startswith("vision_model.")]
    state[image[0]] = torch.full((2, 2), float("nan"))
    del state[image[1]]
    save_file(state, weights)
    opened = open_model(tmp_path / "model")
    assert opened.load("emotion_llama", without=("vision_model",)).vision_model is None
    with pytest.raises(ModelError, match=f"1 missing: {image[1]}"):
        opened.load("emotion_llama")
    save_file({name: tensor for name, tensor in state.items() if name != QUERY}, weights)
    with pytest.raises(ModelError, match=f"1 missing: {QUERY}"):
        opened.load("emotion_llama", without=("vision_model",))
    save_file({**state, "vision_model_2.weight": torch.zeros(1)}, weights)
    with pytest.raises(ModelError, match=r"1 unexpected: vision_model_2\.weight"):
        opened.load("emotion_llama", without=("vision_model",))


def test_a_submodule_that_is_not_there_is_an_error(source: ModelSource) -> None:
    with pytest.raises(ValueError, match="without: the network has no module 'vision_tower'"):
        source.load("emotion_llama", without=("vision_tower",))


def test_a_part_of_a_submodule_can_be_left_out(source: ModelSource) -> None:
    network = source.load("emotion_llama", without=("language_model.norm",))
    assert network.language_model.norm is None
    assert isinstance(network.language_model.embed_tokens, nn.Embedding)


def test_both_are_for_any_part() -> None:
    tiny = open_model("random-tiny")
    encoder = find_encoder("facemae")
    plain = encoder.weights(tiny.load("facemae")).state_dict()
    name = "blocks.0.attn.qkv.weight"
    found = encoder.weights(tiny.load("facemae", changes={name: doubled})).state_dict()
    assert torch.equal(found[name], doubled(plain[name]))
