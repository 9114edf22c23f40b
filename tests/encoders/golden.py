"""The recorded data of the original: its arrays, and its checkpoints as a model directory of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

import emollama_hf
from emollama_hf.conversion.hyperparameters import part_configs
from emollama_hf.conversion.pickle_file import model_state, read_checkpoint

ROOT = Path(__file__).parents[1] / "golden"
CHECKPOINTS = ROOT / "checkpoints"
LLAMA = CHECKPOINTS / "llama"
#: The five sources, as `convert` names them.
SOURCES = {
    "facemae": CHECKPOINTS / "mae_checkpoint.pth",
    "videomae": CHECKPOINTS / "maeVideo.pth",
    "eva": CHECKPOINTS / "eva_vit_g.pth",
    "emotion_llama": CHECKPOINTS / "emotion_llama.pth",
    "llama": LLAMA,
}
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
    return part_configs(MANIFEST["hyperparameters"], {"llama": json.loads((LLAMA / "config.json").read_text())})


def source_states() -> dict[str, dict[str, torch.Tensor]]:
    """The weights of the five sources, as their files have them."""
    files = {key: path for key, path in SOURCES.items() if key != "llama"}
    states = {key: model_state(read_checkpoint(path)) for key, path in files.items()}
    return {**states, "llama": load_file(LLAMA / "model.safetensors")}


def convert_golden(directory: Path, **changes: Any) -> Path:
    """The recorded checkpoints as a model directory, the way a user makes one.  changes: arguments of `convert`."""
    arguments = {**SOURCES, "architecture": MANIFEST["hyperparameters"], **changes}
    return emollama_hf.convert(out=directory, **arguments)


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
