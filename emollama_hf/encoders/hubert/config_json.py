"""hubert/config.json: what is read of it, and the sizes of the tiny and of the published encoder. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from emollama_hf.encoders.config_checks import (
    ACTIVATION,
    DEPTH,
    EPS,
    FLAG,
    HEADS,
    INNER_WIDTH,
    WIDTH,
    Config,
    Keys,
    one_of,
    whole,
    wholes,
)

#: Architectures that are read, by the `model_type` of transformers.
MODEL_TYPES = ("hubert", "wav2vec2", "wavlm")
#: Samples a second of the waveforms that they were trained with.
SAMPLE_RATE = 16_000
#: Seconds of sound that go through the network at once; longer ones in pieces of this length.
PIECE_S = 30

#: Entries that a list of convolutions has at most.
_MOST_CONVOLUTIONS = 16

KEYS: Keys = {
    "model_type": one_of(*MODEL_TYPES),
    "hidden_size": WIDTH,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": HEADS,
    "intermediate_size": INNER_WIDTH,
    "num_conv_pos_embeddings": whole(1, 4096),
    "num_conv_pos_embedding_groups": whole(1, 1024),
    "num_buckets": whole(4, 65_536),  # WavLM: distances between positions that attention tells apart
    "max_bucket_distance": whole(2, 1_000_000),
    "layer_norm_eps": EPS,
    "hidden_act": ACTIVATION,
    "feat_extract_activation": one_of("gelu", "gelu_new", "relu", "selu"),
    "feat_extract_norm": one_of("group", "layer"),
    "conv_bias": FLAG,
    "feat_proj_layer_norm": FLAG,
    "do_stable_layer_norm": FLAG,
    "do_normalize": FLAG,  # of the waveform; transformers has it in preprocessor_config.json
    # Each of these adds layers between or behind the blocks, and none of the published encoders of speech has one.
    "conv_pos_batch_norm": one_of(False),
    "add_adapter": one_of(False),
    "adapter_attn_dim": one_of(None),
    # The convolutions, from the waveform on.
    "conv_dim": wholes(1, 65_536, entries=_MOST_CONVOLUTIONS),
    "conv_kernel": wholes(1, 1024, entries=_MOST_CONVOLUTIONS),
    "conv_stride": wholes(1, 1024, entries=_MOST_CONVOLUTIONS),
}
_CONVOLUTIONS = ("conv_dim", "conv_kernel", "conv_stride")

#: No masks and no dropped layers, which belong to the training: with masks there is a parameter that nothing reads.
INFERENCE: Config = {"apply_spec_augment": False, "mask_time_prob": 0.0, "mask_feature_prob": 0.0, "layerdrop": 0.0}

#: transformers leaves values that equal a class's default out of config.json; these are its defaults.
DEFAULTS: Config = {
    "model_type": "hubert",
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "num_conv_pos_embedding_groups": 16,
    "conv_dim": [512] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "do_normalize": True,
}


def hubert_config(
    *, embed_dim: int, depth: int, num_heads: int, mlp_hidden: int, conv_dim: int, conv_pos: int, conv_pos_groups: int
) -> Config:
    """hubert/config.json of transformers' HubertModel as the large models have it.

    Norms stand before each block and in each convolution, which have biases.
    """
    return {
        "model_type": "hubert",
        "architectures": ["HubertModel"],
        "hidden_size": embed_dim,
        "num_hidden_layers": depth,
        "num_attention_heads": num_heads,
        "intermediate_size": mlp_hidden,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "feat_extract_norm": "layer",
        "feat_extract_activation": "gelu",
        "feat_proj_layer_norm": True,
        "conv_bias": True,
        "conv_dim": [conv_dim] * 7,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "num_conv_pos_embeddings": conv_pos,
        "num_conv_pos_embedding_groups": conv_pos_groups,
        "do_stable_layer_norm": True,
        "do_normalize": True,
        **INFERENCE,
    }


def misfits(config: Mapping[str, Any]) -> list[str]:
    """Sizes that are within bounds each and do not fit each other, a sentence each."""
    size = {**DEFAULTS, **config}
    wrong = [
        f"hidden_size={size['hidden_size']}, which {part}={size[part]} does not divide"
        for part in ("num_attention_heads", "num_conv_pos_embedding_groups")
        if size["hidden_size"] % size[part]
    ]
    lengths = {name: len(size[name]) for name in _CONVOLUTIONS}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        wrong.append(f"lists of convolutions of different lengths ({listed})")
    return wrong


def width(config: Mapping[str, Any]) -> int:
    """Length of the vector of a clip, 1024 for the large models."""
    return int(config.get("hidden_size", DEFAULTS["hidden_size"]))


def depth(config: Mapping[str, Any]) -> int:
    """Number of blocks: hidden states are counted from 0, before the first block, to this number."""
    return int(config.get("num_hidden_layers", DEFAULTS["num_hidden_layers"]))


def hop(config: Mapping[str, Any]) -> int:
    """Samples from one frame to the next, 320 (20 ms)."""
    return prod(config.get("conv_stride", DEFAULTS["conv_stride"]))


def receptive_field(config: Mapping[str, Any]) -> int:
    """Samples that a frame is computed from, 400 (25 ms): a shorter sound has no frame."""
    kernels = config.get("conv_kernel", DEFAULTS["conv_kernel"])
    strides = config.get("conv_stride", DEFAULTS["conv_stride"])
    return 1 + sum((kernel - 1) * prod(strides[:index]) for index, kernel in enumerate(kernels))


#: The same classes with toy widths, all different, so that mixing them up fails.
TINY = hubert_config(embed_dim=32, depth=2, num_heads=4, mlp_hidden=64, conv_dim=24, conv_pos=16, conv_pos_groups=4)
#: TencentGameMate/chinese-hubert-large, which has the sizes of all published large models.
FULL = hubert_config(
    embed_dim=1024, depth=24, num_heads=16, mlp_hidden=4096, conv_dim=512, conv_pos=128, conv_pos_groups=16
)
