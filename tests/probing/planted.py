"""Data sets in which it is known what carries the label: columns with a signal, with noise, with a confound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from datasets import Array2D, ClassLabel, Dataset, Features, List, Value

WIDTH = 12


def planted(
    *,
    seed: int = 0,
    groups: int = 12,
    rows_of_group: int = 12,
    shift: float = 1.5,
    share: float = 0.4,
    columns: Mapping[str, Any] | None = None,
) -> Dataset:
    """Rows of groups, with the columns `signal`, `noise`, `frames` and `clip_duration_s`.

    Args:
        seed: Of all that is drawn.
        groups: How many groups.
        rows_of_group: Rows of each.
        shift: Distance of the two classes along one direction of `signal` and `frames`, in standard deviations.
        share: Of the rows of the class MW.
        columns: More columns, by name: values of any type that `datasets` infers.

    Returns:
        The data set. `clip_duration_s` is longer by `shift` in class MW: a confound. In `frames`, sequences of 3 to 6
        positions, the last position has the signal.
    """
    random = np.random.default_rng(seed)
    count = groups * rows_of_group
    labels = (random.random(count) < share).astype(int)
    direction = random.normal(size=WIDTH)
    direction /= np.linalg.norm(direction)
    signal = random.normal(size=(count, WIDTH)) + np.outer(labels * shift, direction)
    frames = [random.normal(size=(int(random.integers(3, 7)), 4)) for _ in range(count)]
    for values, label in zip(frames, labels, strict=True):
        values[-1, 0] += 2 * shift * label
    made: dict[str, Any] = {
        "uuid": [f"clip{row:04d}" for row in range(count)],
        "participant_id": [f"p{row // rows_of_group:02d}" for row in range(count)],
        "mw_label": labels,
        "clip_duration_s": 10 + random.normal(size=count) + labels * shift,
        "signal": signal.tolist(),
        "noise": random.normal(size=(count, WIDTH)).tolist(),
        "frames_seen": [values.tolist() for values in frames],
    }
    features: dict[str, Any] = {
        "uuid": Value("string"),
        "participant_id": Value("string"),
        "mw_label": ClassLabel(names=["NonMW", "MW"]),
        "clip_duration_s": Value("float32"),
        "signal": List(Value("float32"), length=WIDTH),
        "noise": List(Value("float32"), length=WIDTH),
        "frames_seen": List(List(Value("float32"), length=4)),
    }
    ds = Dataset.from_dict(made, features=Features(features))
    for name, values in (columns or {}).items():
        ds = ds.add_column(name, values)
    return ds


def hidden_states(ds: Dataset, *, positions: int = 14, width: int = 6, seed: int = 0) -> Dataset:
    """The same with a column `emollama` (positions, width) float16, whose position 7 has the label."""
    random = np.random.default_rng(seed)
    states = random.normal(size=(len(ds), positions, width)).astype(np.float16)
    states[:, 7, 0] += 3 * np.array(ds["mw_label"], np.float16)
    feature = Features({"emollama": Array2D((positions, width), "float16")})
    other = Dataset.from_dict({"emollama": list(states)}, features=feature)
    from datasets import concatenate_datasets

    return concatenate_datasets([ds, other], axis=1)
