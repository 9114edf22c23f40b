"""Sizes and bounds of hubert/config.json."""

from __future__ import annotations

import pytest
import torch

from emollama_hf.encoders.config_checks import Config, checked
from emollama_hf.encoders.hubert import config_json
from emollama_hf.encoders.hubert.config_json import FULL, KEYS, TINY
from emollama_hf.encoders.hubert.network import Hubert
from emollama_hf.errors import ModelError


@pytest.mark.parametrize("config", [TINY, FULL])
def test_our_own_sizes_are_within_the_bounds_and_fit(config: Config) -> None:
    kept = checked(KEYS, config, "config.json", config_json.misfits)
    assert config.keys() - kept.keys() == {"architectures", *config_json.INFERENCE}


def test_the_full_sizes_are_those_of_the_published_large_models() -> None:
    with torch.device("meta"):
        network = Hubert.from_config(FULL)
    # transformers counts 315,438,720 for chinese-hubert-large: the vector of the training's masks has 1,024 of them.
    assert sum(parameter.numel() for parameter in network.parameters()) == 315_437_696
    assert (network.width, network.depth, network.hop, network.receptive_field) == (1024, 24, 320, 400)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_attention_heads": 5}, "num_attention_heads=5 does not divide"),
        ({"num_conv_pos_embedding_groups": 3}, "num_conv_pos_embedding_groups=3 does not divide"),
        ({"conv_stride": [5, 2]}, "conv_stride has 2"),
    ],
)
def test_sizes_that_do_not_fit_are_said(change: dict[str, object], said: str) -> None:
    (wrong,) = config_json.misfits({**TINY, **change})
    assert said in wrong


@pytest.mark.parametrize(
    "change",
    [
        {"conv_dim": [24] * 17},
        {"conv_dim": []},
        {"conv_stride": [5, 0]},
        {"conv_kernel": [10**9]},
        {"conv_kernel": 3},
        {"num_conv_pos_embeddings": 10**9},
        {"model_type": "llama"},
        {"add_adapter": True},
        {"num_buckets": True},
    ],
)
def test_values_out_of_bounds_are_refused_before_anything_is_built(change: dict[str, object]) -> None:
    with pytest.raises(ModelError, match=rf"config\.json: {next(iter(change))}="):
        checked(KEYS, {**TINY, **change}, "config.json")
