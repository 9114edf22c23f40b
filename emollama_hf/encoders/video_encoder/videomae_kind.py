"""VideoMAE: settings and tokens. No torch."""

from __future__ import annotations

from emollama_hf.encoders.config_checks import FLAG, PATCH
from emollama_hf.encoders.video_encoder.fixed_frames import BASE, BLOCKS, PICTURES, TUBELET, FixedFramesKind
from emollama_hf.encoders.video_encoder.preprocessing import HALF, PREPROCESSING_KEYS, assumed


class VideoMAEKind(FixedFramesKind):
    """Tubelets in time, row, column order; a final norm unless `use_mean_pooling`."""


VIDEOMAE = VideoMAEKind(
    "videomae",
    "VideoMAEModel",
    {
        **BLOCKS,
        **PICTURES,
        "qv_bias": FLAG,
        "patch_size": PATCH,
        "tubelet_size": TUBELET,
        "use_mean_pooling": FLAG,
    },
    {
        **BASE,
        "qv_bias": True,
        "layer_norm_eps": 1e-12,
        "num_frames": 16,
        "patch_size": 16,
        "tubelet_size": 2,
        "use_mean_pooling": True,
    },
    PREPROCESSING_KEYS,
    assumed(HALF, HALF, edge=224, crop=224),
    old_names={"qkv_bias": "qv_bias"},
    processor="VideoMAEVideoProcessor",
)
