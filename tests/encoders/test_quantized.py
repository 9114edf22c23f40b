"""Decoders in 4 and 8 bits, from every kind of source: what is quantized, how near it stays, what it takes to load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BitsAndBytesConfig
from transformers.integrations.bitsandbytes import dequantize_bnb_weight

from emollama_hf import EmoLlamaEmbed, extract
from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.computing.model_cache import forget_models
from emollama_hf.encoders import tiny_sizes
from emollama_hf.models import EmotionLlamaConfig, EmotionLlamaModel
from emollama_hf.tensors.quantized import Quantize
from tests import second_process
from tests.extraction.crops import OPTIONS, write_crops

pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: the extra quantization")

#: Standard deviation of the difference over that of the states. Weights of a normal distribution lose 9 % in NF4, and
#: four of them follow each other in every layer; another random model is 1.4 away.
LIMITS: dict[Quantize, float] = {"4bit": 0.4, "8bit": 0.03}


def states(embed: EmoLlamaEmbed, columns: dict[str, list[Any]]) -> np.ndarray:
    return np.asarray(embed(columns)["emollama"], np.float32)


def away(one: np.ndarray, other: np.ndarray) -> float:
    return float((one - other).std() / other.std())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("quantize", ["4bit", "8bit"])
def test_random_tiny_stays_near(quantize: Quantize, dtype: str, sampled: dict[str, list[Any]]) -> None:
    exact = states(EmoLlamaEmbed("random-tiny"), sampled)
    near = states(EmoLlamaEmbed("random-tiny", quantize=quantize, dtype=dtype), sampled)
    assert 1e-3 < away(near, exact) < LIMITS[quantize]
    shuffled = np.random.default_rng(0).permutation(exact.reshape(-1)).reshape(exact.shape)
    assert away(shuffled, exact) > 1, "states of no relation are beyond every limit"


@pytest.mark.parametrize(("quantize", "limit"), [("4bit", 1e-4), ("8bit", 0.1)])
def test_a_model_directory_computes_with_its_rounded_weights(
    quantize: Quantize, limit: float, golden_directory: Path, sampled: dict[str, list[Any]]
) -> None:
    """The decoder as it is, given the weights that quantization left, is the reference. 8 bits round inputs as well."""
    embed = EmoLlamaEmbed(golden_directory, store_dtype="float32", quantize=quantize)
    found = states(embed, sampled)
    quantized, plain = embed.model(), EmoLlamaEmbed(golden_directory, store_dtype="float32")
    layers = plain.model().language_model.layers
    for name, layer in quantized.language_model.layers.named_modules():
        if type(layer).__name__ in ("Linear4bit", "Linear8bitLt"):
            rounded = dequantize_bnb_weight(layer.weight, getattr(layer, "state", None))
            layers.get_submodule(name).weight = torch.nn.Parameter(rounded.float(), requires_grad=False)
    reference = states(plain, sampled)
    forget_models()  # the changed one
    assert away(found, reference) < limit
    assert away(found, states(plain, sampled)) > 10 * away(found, reference) * (quantize == "4bit")


@pytest.mark.parametrize("bits", [4, 8])
def test_weights_are_those_that_transformers_makes(bits: int, golden_directory: Path, source: ModelSource) -> None:
    wanted = BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8, bnb_4bit_quant_type="nf4")
    folder = golden_directory / "emotion_llama"
    theirs = EmotionLlamaModel.from_pretrained(
        folder, device_map={"": "cpu"}, dtype=torch.float32, quantization_config=wanted
    )
    ours = source.load("emotion_llama", quantize="4bit" if bits == 4 else "8bit")
    for name in ("self_attn.q_proj", "self_attn.o_proj", "mlp.down_proj"):
        layers = [model.get_submodule(f"language_model.layers.1.{name}") for model in (ours, theirs)]
        assert torch.equal(layers[0].weight, layers[1].weight), name


@pytest.mark.parametrize(("quantize", "kind"), [("4bit", "Linear4bit"), ("8bit", "Linear8bitLt")])
def test_only_the_decoders_linear_layers_are_quantized(quantize: Quantize, kind: str, source: ModelSource) -> None:
    for one in (source, open_model("random-tiny")):
        model = one.load("emotion_llama", dtype="bfloat16", quantize=quantize)
        kinds = {name: type(module).__name__ for name, module in model.named_modules() if hasattr(module, "weight")}
        within = {name for name, found in kinds.items() if found == kind}
        layers = model.config.text_config.num_hidden_layers
        assert len(within) == 7 * layers
        assert all(name.startswith("language_model.layers.") for name in within)
        others = [tensor for name, tensor in model.named_parameters() if name.rpartition(".")[0] not in within]
        assert {tensor.dtype for tensor in others} == {torch.bfloat16}


def test_the_quantized_values_are_the_same_in_every_dtype() -> None:
    source = open_model("random-tiny")
    one, other = (source.load("emotion_llama", dtype=dtype, quantize="4bit") for dtype in ("float32", "float16"))
    for layer in ("self_attn.q_proj", "mlp.down_proj"):
        weights = [model.get_submodule(f"language_model.layers.1.{layer}").weight for model in (one, other)]
        assert torch.equal(weights[0], weights[1])


def test_workers_give_what_one_process_gives(tmp_path: Path) -> None:
    from datasets import Dataset

    ds = Dataset.from_dict({"frames": write_crops(tmp_path, 1, 2, 3)})
    alone = extract(ds, "random-tiny", out=tmp_path / "one", quantize="8bit", **OPTIONS)
    several = extract(ds, "random-tiny", out=tmp_path / "two", quantize="8bit", num_proc=2, **OPTIONS)
    assert alone["emollama_status"] == ["ok"] * 3
    np.testing.assert_allclose(alone["emollama"], several["emollama"], atol=0.05)


# Loads a model quantized, and prints how far anonymous memory rose, in bytes, and what is left of it.
MEASURE = """
import sys, threading, time
from emollama_hf.checkpoints import open_model

def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))

def watch():
    global peak
    while True:
        peak = max(peak, anonymous())
        time.sleep(0.001)

open_model("random-tiny").load("emotion_llama", quantize="4bit")  # what the libraries need themselves
peak = before = anonymous()
threading.Thread(target=watch, daemon=True).start()
model = open_model(sys.argv[1]).load("emotion_llama", dtype=sys.argv[2], quantize="4bit")
print(max(peak, anonymous()) - before, anonymous() - before)
"""


@pytest.fixture(scope="module")
def large_decoder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A model directory whose decoder has 14 layers in float16, and their bytes."""
    text = {**tiny_sizes()["emotion_llama"]["text_config"], "hidden_size": 1024, "intermediate_size": 2048}
    text |= {"num_hidden_layers": 14, "vocab_size": 320}
    model = EmotionLlamaModel(EmotionLlamaConfig(**{**tiny_sizes()["emotion_llama"], "text_config": text})).half()
    folder = tmp_path_factory.mktemp("large")
    model.save_pretrained(folder / "emotion_llama")
    whole = sum(tensor.nbytes for tensor in model.language_model.layers.state_dict().values())
    assert whole > 250e6
    return folder, whole


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process's memory from /proc")
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_loading_never_holds_the_decoder_as_it_was(dtype: str, large_decoder: tuple[Path, int]) -> None:
    """Of 300 MB in float16 become 84; one layer's matrix at a time is there in float32, beside its file."""
    folder, whole = large_decoder
    # Matrices of the real size go back to the system when they are freed; these are small enough to be kept for later.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000"}
    command = [sys.executable, "-c", MEASURE, str(folder), dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    peak, left = map(int, done.stdout.split())
    assert left < 0.4 * whole
    assert peak < 0.5 * whole


def test_a_missing_library_is_an_error_before_anything_is_decoded(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "sys.modules['bitsandbytes'] = None  # as if it were not installed\n"
        "from datasets import Dataset\n"
        "from emollama_hf import EmoLlamaEmbed, extract\n"
        "from emollama_hf.errors import ModelError\n"
        "ds = Dataset.from_dict({'video': [sys.argv[1]]})\n"
        "for call in (lambda: extract(ds, 'random-tiny', quantize='4bit', on_error='raise'),\n"
        "             lambda: EmoLlamaEmbed('random-tiny', quantize='8bit')(ds[:])):\n"
        "    try:\n"
        "        call()\n"
        "    except ModelError as error:\n"
        "        print(error)\n"
    )
    (tmp_path / "clip.mp4").write_text("decoding this would fail")
    done = second_process.run(program, tmp_path / "clip.mp4", check=True)
    assert done.stdout.count("pip install 'emollama_hf[quantization]'") == 2
