"""A package outside of emollama_hf that adds a stage: the mean brightness of each clip's face crops.

Its `pyproject.toml` makes the stage known by name to everybody who installs it:

    [project]
    name = "face-brightness"
    version = "1.0"
    dependencies = ["emollama_hf"]

    [project.entry-points."emollama_hf.stages"]
    brightness = "face_brightness:Brightness"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Value

import emollama_hf


class Brightness(emollama_hf.Stage):
    """Mean brightness of the face crops, 0..1."""

    name = "brightness"
    version = 1
    inputs = ("facemae_frames",)

    @dataclass(frozen=True)
    class Config(emollama_hf.StageConfig):
        """scale: the brightness that counts as 1."""

        scale: float = 255.0

    def outputs(self) -> dict[str, emollama_hf.Column]:
        return {
            "brightness": emollama_hf.Column(Value("float32"), "mean brightness of the crops, 0..1", tolerance=1e-6)
        }

    def prepare(self, row: Any) -> np.ndarray:
        crops = np.asarray(row["facemae_frames"])
        if not crops.any():
            raise emollama_hf.ClipError("bad_frames", "every face crop is black: the camera was covered.")
        return crops

    def compute(self, items: list[np.ndarray]) -> list[dict[str, float]]:
        return [{"brightness": float(crops.mean() / self.config.scale)} for crops in items]
