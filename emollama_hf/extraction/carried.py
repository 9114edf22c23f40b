"""How a data set in memory was made travels with it, in the description that `datasets` keeps.

`select`, `filter`, `map` and `save_to_disk` keep a description, and a concatenation joins them; columns and attributes
of ours would not survive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from datasets import Dataset

from emollama_hf.feature_set.described_encoders import know_encoders

MARK = "emollama_hf made the features of this data set: "


def carry_making(ds: Dataset, made: Mapping[str, Any]) -> None:
    """Let a data set say how it was made. made: what `run_description.describe_run` says."""
    lines = (ds.info.description or "").splitlines()
    kept = [line for line in lines if not line.startswith(MARK)]
    ds.info.description = "\n".join([*kept, MARK + json.dumps(made)])


def carried_making(ds: Dataset) -> dict[str, Any]:
    """What a data set says of how it was made; empty if nothing.

    Raises ValueError if it was put together from rows that were made in different ways.
    """
    lines = dict.fromkeys(line for line in (ds.info.description or "").splitlines() if line.startswith(MARK))
    found: list[dict[str, Any]] = [json.loads(line.removeprefix(MARK)) for line in lines]
    if len({json.dumps([one["stages"], one["given"]], sort_keys=True) for one in found}) > 1:
        raise ValueError(
            "the data set was put together from rows that were made with different models or settings. Take them apart "
            "and push each by itself."
        )
    for one in found:
        know_encoders(one)
    return found[-1] if found else {}
