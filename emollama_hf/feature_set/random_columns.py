"""Which columns were computed with random weights, and the note of it that a data set in memory carries along.

`datasets` keeps `info.description` through `map`, `filter`, `select` and `save_to_disk`; provenance.json stays behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from datasets import Dataset

from emollama_hf.feature_set.manifest import FeatureConfig
from emollama_hf.feature_set.run_description import RANDOM_WEIGHTS
from emollama_hf.stages.known_columns import columns_of_stage_named
from emollama_hf.stages.model_stage import stages_with_weights
from emollama_hf.stages.stage import Stage

_NOTE = re.compile(r"Columns of random weights, which mean nothing: (?P<columns>\w+(?:, \w+)*)\.")


def random_columns_of_configs(configs: Iterable[FeatureConfig]) -> frozenset[str]:
    """Columns of the stages that ran a network of random weights: the model's, or an encoder named for the column."""
    found: set[str] = set()
    for config in configs:
        named = {one.stage: one.random_weights for one in config.encoders}
        for stage in config.made.get("stages", ()):
            name = str(stage["stage"]).split(" as ")[0]
            if stage.get("model") is not None and named.get(name, config.model.get("random_weights")):
                found.update(columns_of_stage_named(name))
    return frozenset(found)


def random_sentence(configs: Iterable[FeatureConfig]) -> str | None:
    """What whoever reads a set has to know of columns of random weights; None if it has none."""
    configs = list(configs)
    random = random_columns_of_configs(configs)
    networks = {
        column
        for config in configs
        for stage in config.made.get("stages", ())
        if stage.get("model") is not None
        for column in columns_of_stage_named(str(stage["stage"]).split(" as ")[0])
    }
    there = [name for config in configs for name in config.features if name in random]
    if not random:
        return None
    return RANDOM_WEIGHTS if random == networks or not there else (
        f"Weights behind {', '.join(dict.fromkeys(there))} are random: these columns mean nothing and only show what "
        "the pipeline does."
    )  # fmt: skip


def random_columns_of_stages(stages: Iterable[Stage]) -> frozenset[str]:
    """Columns that stages compute with random weights."""
    return frozenset(name for stage in stages_with_weights(stages) if stage.source.is_random for name in stage.makes)


def note_random_columns(ds: Dataset, columns: Iterable[str]) -> None:
    """Write into a data set's description which of its columns are of random weights."""
    kept = [name for name in ds.column_names if name in {*columns, *noted_random_columns(ds)}]
    without = _NOTE.sub("", ds.info.description or "").strip()
    note = f"Columns of random weights, which mean nothing: {', '.join(kept)}." if kept else ""
    ds.info.description = " ".join(filter(None, (without, note)))


def noted_random_columns(ds: Dataset) -> frozenset[str]:
    """The columns that `note_random_columns` has written."""
    found = _NOTE.search(ds.info.description or "")
    return frozenset() if found is None else frozenset(found["columns"].split(", "))
