"""The video encoder, as the rest of the package knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emollama_hf.encoders.blocks import block_values
from emollama_hf.encoders.config_checks import Config, one_side
from emollama_hf.encoders.conversion import OneSourceConversion
from emollama_hf.encoders.encoder import Activations, Encoder
from emollama_hf.encoders.sections import VISION_SIZES, Section, Values, chosen
from emollama_hf.encoders.videomae.config_json import (
    FULL,
    KEYS,
    TINY,
    misfits,
    num_frames,
    tokens,
    videomae_config,
    width,
)
from emollama_hf.encoders.videomae.source import VIDEOMAE

if TYPE_CHECKING:
    from emollama_hf.encoders.conversion import State, Tensors
    from emollama_hf.encoders.videomae.network import VideoMAE

#: Values a token beside the inner ones, in units of the width, as measured on a CPU: 0.12 GB a clip in float32.
_WIDTHS = 7
_VIDEO = Section("video", (*VISION_SIZES, "tubelet_size", "num_frames"), ("mlp_ratio", "layer_norm_eps"))


class VideoMAEConversion(OneSourceConversion):
    """The training's checkpoint, under the names of transformers."""

    sources = (VIDEOMAE,)
    sections = (_VIDEO,)

    def config(
        self, sections: Mapping[str, Values], extras: Mapping[str, Mapping[str, Any]], others: Mapping[str, Config]
    ) -> Config:
        given = sections.get(_VIDEO.name)
        if given is None:
            return FULL
        return videomae_config(**_VIDEO.sizes_of(given), **chosen(given, "mlp_ratio", "layer_norm_eps"))

    def renamed(self, state: State, config: Config, *, where: str) -> Tensors:
        from emollama_hf.encoders.videomae.conversion import videomae_tensors

        return videomae_tensors(state, config, where=where)


class VideoMAEEncoder(Encoder):
    """VideoMAE: one vector for the motion of a clip."""

    name = "videomae"
    keys = KEYS
    tiny, full = TINY, FULL
    stored = "encoder"
    conversion = VideoMAEConversion()

    def width(self, config: Config) -> int:
        return width(config)

    def misfits(self, config: Config) -> list[str]:
        return misfits(config)

    def counted_config(self, config: Config) -> Config:
        # transformers computes the table of positions, which is no parameter, for five seconds at the real size.
        return {**config, "image_size": config.get("patch_size", 16), "num_frames": config.get("tubelet_size", 2)}

    def network(self, config: Config) -> VideoMAE:
        from emollama_hf.encoders.videomae.network import VideoMAE

        return VideoMAE.from_config(config)

    def complete(self, network: Any, device: str) -> None:
        network.move_positions()

    def activations(self, config: Config, stream_ratio: int) -> Activations:
        # transformers' defaults stand for sizes that a configuration leaves out.
        side, frames = one_side(config.get("image_size", 224)), num_frames(config)
        values = block_values(tokens(config), width(config), int(config.get("intermediate_size", 3072)), _WIDTHS)
        return Activations(values, inputs=frames * 3 * side**2)
