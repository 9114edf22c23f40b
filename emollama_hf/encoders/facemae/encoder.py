"""The face encoder, as the rest of the package knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emollama_hf.encoders.blocks import block_values
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.conversion import OneSourceConversion
from emollama_hf.encoders.encoder import Activations, Encoder
from emollama_hf.encoders.facemae.config_json import FRAMES, FULL, KEYS, TINY, facemae_config, misfits, width
from emollama_hf.encoders.facemae.source import FACEMAE
from emollama_hf.encoders.sections import VISION_SIZES, Section, Values, chosen

if TYPE_CHECKING:
    from emollama_hf.encoders.conversion import State, Tensors
    from emollama_hf.encoders.facemae.network import FaceMAE

#: Values a token beside the inner ones, in units of the width, as measured on a CPU: 0.15 GB a clip in float32.
_WIDTHS = 5
_MAE = Section("mae", VISION_SIZES, ("mlp_ratio", "layer_norm_eps"))


class FaceMAEConversion(OneSourceConversion):
    """The training's checkpoint has timm's names already."""

    sources = (FACEMAE,)
    sections = (_MAE,)

    def config(
        self, sections: Mapping[str, Values], extras: Mapping[str, Mapping[str, Any]], others: Mapping[str, Config]
    ) -> Config:
        given = sections.get(_MAE.name)
        if given is None:
            return FULL
        eps = given.get("layer_norm_eps", 1e-6)
        return facemae_config(**_MAE.sizes_of(given), **chosen(given, "mlp_ratio"), norm_eps=eps)

    def renamed(self, state: State, config: Config, *, where: str) -> Tensors:
        from emollama_hf.encoders.facemae.conversion import facemae_tensors

        return facemae_tensors(state, config, where=where)


class FaceMAEEncoder(Encoder):
    """FaceMAE: one vector for the faces of a clip."""

    name = "facemae"
    keys = KEYS
    tiny, full = TINY, FULL
    stored = "vit"
    conversion = FaceMAEConversion()

    def width(self, config: Config) -> int:
        return width(config)

    def misfits(self, config: Config) -> list[str]:
        return misfits(config)

    def network(self, config: Config) -> FaceMAE:
        from emollama_hf.encoders.facemae.network import FaceMAE

        return FaceMAE(config)

    def config_of(self, network: Any) -> Config:
        return dict(network.config)

    def activations(self, config: Config, stream_ratio: int) -> Activations:
        # timm's defaults stand for sizes that a configuration leaves out.
        sizes = config["model_args"]
        side, embedding = int(sizes.get("img_size", 224)), int(sizes.get("embed_dim", 768))
        tokens = FRAMES * ((side // int(sizes.get("patch_size", 16))) ** 2 + 1)
        values = block_values(tokens, embedding, int(embedding * sizes.get("mlp_ratio", 4)), _WIDTHS)
        return Activations(values, inputs=FRAMES * 3 * side**2)
