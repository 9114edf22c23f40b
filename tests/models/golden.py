"""The recorded data of the original: its arrays, and its checkpoints as a model directory of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from emollama_hf.checkpoints.build import Network, empty_network, ready, weights_of
from emollama_hf.checkpoints.write import write_model
from emollama_hf.conversion.emotion_llama import (
    check_emotion_llama,
    lora_alpha,
    lora_factors,
    projection_tensors,
)
from emollama_hf.conversion.eva import eva_tensors
from emollama_hf.conversion.facemae import facemae_tensors
from emollama_hf.conversion.hyperparameters import part_configs
from emollama_hf.conversion.llama import HEAD, llama_tensors
from emollama_hf.conversion.pickle_file import model_state, read_checkpoint
from emollama_hf.conversion.videomae import videomae_tensors

ROOT = Path(__file__).parents[1] / "golden"
CHECKPOINTS = ROOT / "checkpoints"
LLAMA = CHECKPOINTS / "llama"
CLIPS = ("clip_a", "clip_b", "clip_c")
INSTRUCTIONS = ("emotion", "mind_wandering", "unicode")
VARIANTS = {"fork": 2, "upstream": 3}

MANIFEST: dict[str, Any] = json.loads((ROOT / "MANIFEST.json").read_text())
PROMPTS: dict[str, Any] = json.loads((ROOT / "inputs" / "prompts.json").read_text())


def outputs(name: str) -> dict[str, np.ndarray]:
    """The arrays of outputs/<name>.npz."""
    with np.load(ROOT / "outputs" / f"{name}.npz") as arrays:
        return dict(arrays)


def frames(clip: str) -> np.ndarray:
    with np.load(ROOT / "inputs" / f"{clip}.npz") as arrays:
        return arrays["frames"]


def peak_frame(clip: str) -> np.ndarray:
    return np.array(Image.open(ROOT / "inputs" / f"{clip}_peak_frame.png").convert("RGB"))


def audio(clip: str) -> np.ndarray:
    with np.load(ROOT / "inputs" / "audio_features.npz") as arrays:
        return arrays[clip]


def configs() -> dict[str, Any]:
    return part_configs(MANIFEST["hyperparameters"], json.loads((LLAMA / "config.json").read_text()))


def source_states() -> dict[str, dict[str, torch.Tensor]]:
    """The weights of the five sources, as their files have them."""
    files = {
        "facemae": "mae_checkpoint",
        "videomae": "maeVideo",
        "eva": "eva_vit_g",
        "emotion_llama": "emotion_llama",
    }
    states = {key: dict(model_state(read_checkpoint(CHECKPOINTS / f"{name}.pth"))) for key, name in files.items()}
    return {**states, "llama": load_file(LLAMA / "model.safetensors")}


def recorded_alpha() -> float:
    return lora_alpha(read_checkpoint(CHECKPOINTS / "emotion_llama.pth"))


def converted(
    states: dict[str, dict[str, torch.Tensor]], alpha: float | None = None
) -> dict[str, dict[str, torch.Tensor]]:
    """State dicts of the three parts; without `alpha` LoRA is left out."""
    config = configs()
    decoder = config["emotion_llama"]
    check_emotion_llama(states["emotion_llama"], decoder)
    lora = {} if alpha is None else lora_factors(states["emotion_llama"], alpha)
    return {
        "facemae": dict(facemae_tensors(states["facemae"], config["facemae"])),
        "videomae": dict(videomae_tensors(states["videomae"], config["videomae"])),
        "emotion_llama": {
            **dict(eva_tensors(states["eva"], decoder["vision_config"])),
            **dict(projection_tensors(states["emotion_llama"])),
            **dict(llama_tensors(states["llama"], decoder["text_config"], lora)),
        },
    }


def network(part: str, state: dict[str, torch.Tensor]) -> Network:
    """A part in float32 with a converted state dict; the language model head is left out."""
    empty = empty_network(part, configs()[part], torch.float32)
    used = {name: tensor.float() for name, tensor in state.items() if name != HEAD}
    weights_of(empty).load_state_dict(used, strict=True, assign=True)
    return ready(empty, "cpu")


def write_golden_model(directory: Path) -> Path:
    """The recorded checkpoints as a model directory in float32."""
    parts: dict[str, Any] = {
        part: network(part, state) for part, state in converted(source_states(), recorded_alpha()).items()
    }
    return write_model(directory, **parts, tokenizer=LLAMA, provenance={"made_by": "tests"})


#: Limits of MANIFEST.json, relative to the spread of the recorded array.
ENCODER_LIMIT = 3e-5
DECODER_LIMIT = 1e-4


def ratio_to_limit(new: torch.Tensor | np.ndarray, recorded: np.ndarray, limit: float) -> float:
    """Largest difference over the allowed one; above 1 the recorded array is not reproduced."""
    computed = np.asarray(new, dtype=np.float64)
    assert computed.shape == recorded.shape, f"{computed.shape} computed, {recorded.shape} recorded"
    return float(np.abs(computed - recorded).max() / (limit * recorded.std()))


def assert_reproduced(new: torch.Tensor | np.ndarray, recorded: np.ndarray, limit: float) -> None:
    ratio = ratio_to_limit(new, recorded, limit)
    assert ratio <= 1, f"{ratio:.2f} times the limit of {limit} of the spread"
