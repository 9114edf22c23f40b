"""Loading as transformers' users do: memory, device maps, quantised decoders, a fine-tuned model's own directory."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BitsAndBytesConfig, TorchAoConfig

from emollama_hf import EmoLlamaEmbed
from emollama_hf.checkpoints import open_model
from emollama_hf.encoders import tiny_sizes
from emollama_hf.encoders.emotion_llama.prompt import VISUAL_ID
from emollama_hf.models import EmotionLlamaConfig, EmotionLlamaModel, EmotionLlamaProcessor
from tests import second_process
from tests.checkpoints.hub_server import COMMIT, serve
from tests.encoders import golden

# Starts a thread that notes the largest anonymous memory, loads, and prints what was added, in bytes.
MEASURE = """
import sys, threading, time
import torch
from emollama_hf.checkpoints import open_model
from emollama_hf.models import EmotionLlamaModel

def anonymous():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))

def watch():
    global peak
    while True:
        peak = max(peak, anonymous())
        time.sleep(0.001)

EmotionLlamaModel.from_pretrained(sys.argv[2])  # a tiny one: what the libraries need themselves
peak = before = anonymous()
threading.Thread(target=watch, daemon=True).start()
if sys.argv[3] == "transformers":
    model = EmotionLlamaModel.from_pretrained(sys.argv[1])
else:
    model = open_model(sys.argv[1]).load("emotion_llama", dtype="float16")
peak = max(peak, anonymous())
print(peak - before)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A model of some hundred MB in float16, and the bytes of its weights."""
    text = {
        **tiny_sizes()["emotion_llama"]["text_config"],
        "hidden_size": 512,
        "intermediate_size": 4096,
        "vocab_size": 200_000,
    }
    config = EmotionLlamaConfig(**{**tiny_sizes()["emotion_llama"], "text_config": text})
    model = EmotionLlamaModel(config).half()
    root = tmp_path_factory.mktemp("large")
    model.save_pretrained(root / "emotion_llama")
    return root, sum(tensor.nbytes for tensor in model.state_dict().values())


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process's memory from /proc")
@pytest.mark.parametrize("loader", ["transformers", "ours"])
def test_loading_takes_no_more_than_the_weights(loader: str, large: tuple[Path, int], golden_directory: Path) -> None:
    root, weights = large
    assert weights > 200e6
    place = root / "emotion_llama" if loader == "transformers" else root
    done = second_process.run(MEASURE, place, golden_directory / "emotion_llama", loader, check=True)
    added = int(done.stdout)
    assert added < 1.1 * weights
    if loader == "ours":
        assert added < 0.1 * weights, "the weights are the mapped file"


def hidden_states(model: EmotionLlamaModel) -> torch.Tensor:
    """Of a fixed clip."""
    generator = torch.Generator().manual_seed(0)
    size, places = model.config.image_size, model.config.visual_tokens(2)
    ids = torch.cat([torch.tensor([1, 15, 99]), torch.full((places,), VISUAL_ID), torch.tensor([7, 300, 2])])
    pixels = torch.randn(1, 3, size, size, generator=generator)
    features = torch.randn(1, 2, model.config.feature_size, generator=generator)
    with torch.inference_mode():
        return model(pixels, features, ids[None]).last_hidden_state.float()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.Tensor]:
    """A tiny model whose widths are multiples of 64, as the real one's are, and its hidden states."""
    tiny = {**tiny_sizes()["emotion_llama"], "feature_size": 64}
    vision = {**tiny["vision_config"], "hidden_size": 64, "intermediate_size": 128}
    text = {**tiny["text_config"], "hidden_size": 64, "intermediate_size": 128, "vocab_size": 320}
    torch.manual_seed(0)
    model = EmotionLlamaModel(EmotionLlamaConfig(**{**tiny, "vision_config": vision, "text_config": text})).eval()
    folder = tmp_path_factory.mktemp("saved")
    model.save_pretrained(folder)
    return folder, hidden_states(model)


def assert_close_but_quantised(model: EmotionLlamaModel, exact: torch.Tensor, limit: float) -> None:
    error = (hidden_states(model) - exact).std() / exact.std()
    assert 1e-4 < error < limit


def test_device_map(saved: tuple[Path, torch.Tensor]) -> None:
    pytest.importorskip("accelerate", reason="accelerate is not installed: the extra quantization")
    model = EmotionLlamaModel.from_pretrained(saved[0], device_map={"": "cpu"})
    assert torch.equal(hidden_states(model), hidden_states(EmotionLlamaModel.from_pretrained(saved[0])))


@pytest.mark.parametrize(("bits", "limit"), [(4, 0.3), (8, 0.1)])
def test_bitsandbytes_on_a_cpu(bits: int, limit: float, saved: tuple[Path, torch.Tensor]) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: the extra quantization")
    wanted = BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8)
    model = EmotionLlamaModel.from_pretrained(saved[0], device_map={"": "cpu"}, quantization_config=wanted)
    layer = model.language_model.layers[0].mlp.up_proj
    assert type(layer).__name__ == {4: "Linear4bit", 8: "Linear8bitLt"}[bits]
    assert_close_but_quantised(model, saved[1], limit)


@pytest.mark.skipif(
    importlib.util.find_spec("torchao") is None, reason="torchao is not installed: the extra quantization"
)
def test_torchao_on_a_cpu(saved: tuple[Path, torch.Tensor]) -> None:
    from torchao.quantization import Int8WeightOnlyConfig

    wanted = TorchAoConfig(Int8WeightOnlyConfig())
    model = EmotionLlamaModel.from_pretrained(saved[0], device_map={"": "cpu"}, quantization_config=wanted)
    assert_close_but_quantised(model, saved[1], 0.1)


def test_auto_classes_with_a_hub_id_and_a_revision(golden_directory: Path, tmp_path: Path) -> None:
    program = (
        "import sys, emollama_hf.models, torch\n"
        "from transformers import AutoConfig, AutoModel, AutoProcessor\n"
        "where = dict(subfolder='emotion_llama', revision=sys.argv[2])\n"
        "print(AutoConfig.from_pretrained(sys.argv[1], **where).feature_size)\n"
        "print(AutoModel.from_pretrained(sys.argv[1], dtype=torch.float32, **where).language_model.norm.weight.dtype)\n"
        "print(AutoProcessor.from_pretrained(sys.argv[1], **where).tokenizer.encode('happy'))\n"
    )
    settings = {"HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    for revision in ("main", COMMIT):
        with serve("lab/emotion-llama", golden_directory) as (endpoint, _):
            environment = {**settings, "HF_ENDPOINT": endpoint}
            done = second_process.run(program, "lab/emotion-llama", revision, environment=environment)
        assert done.stdout.splitlines() == ["64", "torch.float32", "[296]"], done.stderr


def test_a_directory_saved_by_hand_is_a_model(
    tmp_path: Path, golden_directory: Path, emotion_llama: EmotionLlamaModel
) -> None:
    """Fine-tuned with transformers and saved without provenance: its identity is that of its files."""
    EmotionLlamaProcessor.from_pretrained(golden_directory, subfolder="emotion_llama").save_pretrained(
        tmp_path / "emotion_llama"
    )
    emotion_llama.save_pretrained(tmp_path / "emotion_llama")
    columns = {
        "peak_frame": [golden.peak_frame("clip_a")],
        "facemae": golden.outputs("clip_a/vision")["facemae_clip_feature"][None],
        "videomae": golden.outputs("clip_a/vision")["videomae_clip_feature"][None],
    }
    before, after = EmoLlamaEmbed(golden_directory), EmoLlamaEmbed(tmp_path)
    np.testing.assert_array_equal(before(columns)["emollama"], after(columns)["emollama"])
    assert open_model(tmp_path).digest("emotion_llama") != open_model(golden_directory).digest("emotion_llama")
    fingerprint, kept = after.fingerprint, pickle.dumps(after)
    tuned = EmotionLlamaModel.from_pretrained(tmp_path / "emotion_llama")
    with torch.no_grad():
        tuned.image_projection.bias += 1
    tuned.save_pretrained(tmp_path / "emotion_llama")
    assert EmoLlamaEmbed(tmp_path).fingerprint == pickle.loads(kept).fingerprint != fingerprint
