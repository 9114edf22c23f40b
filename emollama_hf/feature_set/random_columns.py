"""Which columns were computed with random weights, which mean nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from emollama_hf.feature_set.described_encoders import recorded_encoders
from emollama_hf.feature_set.manifest import FeatureConfig
from emollama_hf.feature_set.run_description import RANDOM_WEIGHTS
from emollama_hf.stages.known_columns import columns_of_stage_named


def random_columns(made: Mapping[str, Any]) -> frozenset[str]:
    """Columns of the stages that ran a network of random weights: the model's, or an encoder named for the column.

    Args:
        made: how rows were made, as `run_description.describe_run` says it.
    """
    encoders = {one.stage: one.random_weights for one in recorded_encoders(made)}
    model = bool((made.get("model") or {}).get("random_weights"))
    return _columns(name for name in _network_stages(made) if encoders.get(name, model))


def random_sentence(configs: Iterable[FeatureConfig]) -> str | None:
    """What whoever reads a set has to know of columns of random weights; None if it has none."""
    configs = list(configs)
    random = frozenset().union(*(random_columns(config.made) for config in configs))
    networks = frozenset().union(*(_columns(_network_stages(config.made)) for config in configs))
    there = dict.fromkeys(name for config in configs for name in config.features if name in random)
    if not random:
        return None
    if random == networks or not there:
        return RANDOM_WEIGHTS
    columns = ", ".join(there)
    return f"Weights behind {columns} are random: these columns mean nothing and only show what the pipeline does."


def _network_stages(made: Mapping[str, Any]) -> list[str]:
    stages = [one for one in made.get("stages", ()) if one.get("model") is not None]
    return [str(one["stage"]).split(" as ")[0] for one in stages]


def _columns(stages: Iterable[str]) -> frozenset[str]:
    return frozenset(column for stage in stages for column in columns_of_stage_named(stage))
