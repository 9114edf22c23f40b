"""VideoMAE's training checkpoint, as `convert` takes it. No torch."""

from __future__ import annotations

from emollama_hf.encoders.weight_source import CONVERTED, WeightSource

#: The decoder, and the encoder's final norm, which the features do not use.
UNUSED = (r"^mask_token$", r"^decoder\.", r"^encoder_to_decoder\.", r"^encoder\.norm\.")

VIDEOMAE = WeightSource(
    option="videomae",
    called="the VideoMAE checkpoint",
    wanted="one with encoder.patch_embed.proj.weight of 5 dimensions",
    help="VideoMAE: maeVideo_ckp199.pth.",
    marks=lambda shapes: len(shapes.get("encoder.patch_embed.proj.weight", ())) == 5,
    relatives=(
        (
            "a VideoMAE checkpoint for classification, whose encoder has no prefix",
            lambda shapes: len(shapes.get("patch_embed.proj.weight", ())) == 5,
        ),
        (CONVERTED, lambda shapes: any(name.startswith("embeddings.") for name in shapes)),
    ),
    unused=lambda config: UNUSED,
)
