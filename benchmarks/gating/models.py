"""Models that are made for the gate: quick, and like `random-full` in what a ratio depends on."""

from __future__ import annotations

import copy
from typing import Any

THIN, SHALLOW = "random-thin", "random-shallow"


def thin_model() -> str:
    """One layer of each network at its real width, so that a clip takes seconds and each layer what it really does."""
    config = _full()
    config["facemae"]["model_args"]["depth"] = 1
    config["videomae"]["num_hidden_layers"] = 1
    config["emotion_llama"]["vision_config"]["num_hidden_layers"] = 1
    config["emotion_llama"]["text_config"]["num_hidden_layers"] = 1
    return _known(THIN, config)


def shallow_model() -> str:
    """Inputs and hidden states of the real size, and networks that compute next to nothing between them.

    So what surrounds the networks is a third of the time of a clip, and not the hundredth part.
    """
    width = 128
    config = _full()
    config["facemae"]["model_args"] |= {"depth": 1, "patch_size": 56, "embed_dim": width, "num_heads": 2}
    config["videomae"] |= {
        "num_hidden_layers": 1, "patch_size": 56, "hidden_size": width, "num_attention_heads": 2,
        "intermediate_size": width,
    }  # fmt: skip
    config["emotion_llama"]["feature_size"] = width
    config["emotion_llama"]["vision_config"] |= {
        "num_hidden_layers": 1, "hidden_size": 64, "num_attention_heads": 1, "intermediate_size": 64,
    }  # fmt: skip
    config["emotion_llama"]["text_config"] |= {
        "num_hidden_layers": 1, "intermediate_size": 64, "num_key_value_heads": 1, "head_dim": 8,
    }  # fmt: skip
    return _known(SHALLOW, config)


def _full() -> dict[str, Any]:
    from emollama_hf.encoders import full_sizes

    return copy.deepcopy(full_sizes())


def _known(name: str, config: dict[str, Any]) -> str:
    from emollama_hf.checkpoints.random_model import RANDOM_MODELS

    RANDOM_MODELS[name] = lambda: config
    return name
