"""A package outside of emollama_hf that adds a family of weights and the stage that runs it.

Its entry point names the stage; the family is registered where the stage's module is imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from datasets import List, Value

import emollama_hf
from emollama_hf.encoders import register_encoder
from emollama_hf.encoders.config_checks import Config, whole
from emollama_hf.encoders.encoder import Activations


class ToneEncoder(emollama_hf.Encoder):
    """A projection of the mean colour."""

    name = "tone"
    keys = {"width": whole(1, 4096)}  # noqa: RUF012
    tiny, full = {"width": 8}, {"width": 1024}
    optional = True

    def width(self, config: Config) -> int:
        return int(config["width"])

    def network(self, config: Config) -> Any:
        from face_tone.network import Tone

        return Tone(config)

    def config_of(self, network: Any) -> Config:
        return dict(network.config)

    def activations(self, config: Config, stream_ratio: int) -> Activations:
        return Activations(values=config["width"], inputs=3)


register_encoder(ToneEncoder())


class ToneEmbed(emollama_hf.ModelStage):
    """A vector of the crops' mean colour."""

    name = "tone_embed"
    version = 1
    part = "tone"
    inputs = ("facemae_frames",)

    def outputs(self) -> dict[str, emollama_hf.Column]:
        kind = List(Value("float32"), length=self.source.width(self.part))
        return {"tone": emollama_hf.Column(kind, "the crops' mean colour, projected", tolerance=1e-4)}

    def prepare(self, row: Any) -> np.ndarray:
        return np.asarray(row["facemae_frames"], dtype=np.float32).mean(axis=(0, 1, 2)) / 255

    def compute_together(self, items: list[np.ndarray]) -> list[Any]:
        import torch

        with self.computing() as network:
            colours = torch.as_tensor(np.stack(items), device=self.device(), dtype=network.projection.weight.dtype)
            return [{"tone": one} for one in network(colours).float().cpu().numpy()]
