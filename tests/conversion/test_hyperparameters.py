"""Sizes in the original's words become the configurations of the parts."""

from __future__ import annotations

from typing import Any

import pytest

from emollama_hf.conversion.hyperparameters import part_configs
from emollama_hf.errors import ModelError
from tests.encoders import golden

EVA: dict[str, Any] = {
    name: value
    for name, value in golden.MANIFEST["hyperparameters"]["eva"].items()
    if name not in ("mlp_hidden", "mlp_ratio")
}


@pytest.mark.parametrize(
    ("given", "hidden"), [({"mlp_ratio": 4.5}, int(EVA["embed_dim"] * 4.5)), ({"mlp_hidden": 77}, 77)]
)
def test_the_width_of_evas_layers_is_given_or_follows_from_a_ratio(given: dict[str, Any], hidden: int) -> None:
    vision = part_configs({"eva": {**EVA, **given}})["emotion_llama"]["vision_config"]
    assert vision["intermediate_size"] == hidden


def test_evas_section_without_either_lacks_the_width() -> None:
    with pytest.raises(ModelError, match="section eva lacks mlp_hidden"):
        part_configs({"eva": EVA})
