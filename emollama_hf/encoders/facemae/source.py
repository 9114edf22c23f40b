"""FaceMAE's training checkpoint, as `convert` takes it. No torch."""

from __future__ import annotations

from emollama_hf.encoders.weight_source import Shapes, WeightSource

#: The masked autoencoder's other half.
UNUSED = (r"^mask_token$", r"^decoder_")


def _marks(shapes: Shapes) -> bool:
    patches = len(shapes.get("patch_embed.proj.weight", ()))
    return patches == 4 and "blocks.0.attn.qkv.weight" in shapes and "blocks.0.attn.q_bias" not in shapes


FACEMAE = WeightSource(
    option="facemae",
    called="the image MAE checkpoint",
    wanted="one with patch_embed.proj.weight of 4 dimensions and blocks.0.attn.qkv.bias",
    help="FaceMAE: mae_checkpoint-340.pth.",
    marks=_marks,
    unused=lambda config: UNUSED,
)
