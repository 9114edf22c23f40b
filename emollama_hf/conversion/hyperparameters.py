"""Sizes as the original's training programs call them, translated to the three parts' configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emollama_hf.checkpoints.architecture import (
    Config,
    emotion_llama_config,
    facemae_config,
    videomae_config,
    vision_config,
)

#: Keys of a Llama configuration that say where it came from, not what it computes.
_NOT_ARCHITECTURE = ("architectures", "torch_dtype", "dtype", "transformers_version", "_name_or_path")


def part_configs(hyperparameters: Mapping[str, Any], llama: Mapping[str, Any]) -> dict[str, Config]:
    """The configurations of all parts.

    hyperparameters: `mae`, `video`, `eva` as `golden/MANIFEST.json` has them.
    llama: config.json of the Llama directory.
    """
    mae, video, eva = (hyperparameters[key] for key in ("mae", "video", "eva"))
    encoder = ("image_size", "patch_size", "embed_dim", "depth", "num_heads")
    vision = vision_config(
        **{key: eva[key] for key in (*encoder, "mlp_hidden")}, layer_norm_eps=eva.get("layer_norm_eps", 1e-6)
    )
    text = {key: value for key, value in llama.items() if key not in _NOT_ARCHITECTURE}
    return {
        "facemae": facemae_config(**{key: mae[key] for key in (*encoder, "mlp_ratio") if key in mae}),
        "videomae": videomae_config(
            **{key: video[key] for key in (*encoder, "tubelet_size", "num_frames", "mlp_ratio") if key in video}
        ),
        "emotion_llama": emotion_llama_config(
            vision=vision,
            text=text,
            feature_size=mae["embed_dim"],
            patches_per_token=eva.get("patches_per_token", 4),
            image_norm_eps=eva.get("ln_vision_eps", 1e-5),
        ),
    }
