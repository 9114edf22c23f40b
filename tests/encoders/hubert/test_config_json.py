"""Sizes and bounds of hubert/config.json."""

from __future__ import annotations

import pytest
import torch

from emollama_hf.encoders.hubert import config_json
from emollama_hf.encoders.hubert.config_json import CHOICES, FULL, LISTS, NUMBERS, TINY, WHOLES
from emollama_hf.encoders.hubert.network import Hubert


@pytest.mark.parametrize("config", [TINY, FULL])
def test_our_own_sizes_are_within_the_bounds_and_fit(config: config_json.Config) -> None:
    for name, (least, most) in {**WHOLES, **NUMBERS}.items():
        assert least <= config.get(name, most) <= most
    for name, choices in CHOICES.items():
        assert name not in config or config[name] in choices
    for name, (least, most) in LISTS.items():
        assert all(least <= one <= most for one in config[name])
        assert len(config[name]) <= config_json.MOST_CONVOLUTIONS
    assert config_json.misfits(config) == []


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
