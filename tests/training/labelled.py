"""Rows with everything that a training reads: labels of people, and columns of the tiny model's widths."""

from __future__ import annotations

from typing import Any

import numpy as np
from datasets import Array2D, ClassLabel, Dataset, Features, List, Value

#: Of `random-tiny`: tokens of a picture, their width, the width of a feature vector.
TOKENS, TOKEN_WIDTH, WIDTH = 65, 40, 32
NAMED: dict[str, Any] = {"label": "mw_label", "group": "participant_id", "fold_column": "test_fold_num"}


def labelled(groups: int = 8, rows_of_group: int = 4, folds: int = 4, **columns: Any) -> Dataset:
    """Rows of people in folds, each person with both classes.

    Args:
        groups: how many people.
        rows_of_group: rows of each; every third of all rows is MW.
        folds: how many folds; person n is in fold n % folds.
        **columns: values in place of those of a column, or of more columns; of the types that `datasets` infers.
    """
    random, count = np.random.default_rng(0), groups * rows_of_group
    values: dict[str, Any] = {
        "uuid": [f"clip{row:03d}" for row in range(count)],
        "participant_id": [f"p{row // rows_of_group}" for row in range(count)],
        "mw_label": [int(row % 3 == 0) for row in range(count)],
        "test_fold_num": [row // rows_of_group % folds for row in range(count)],
        "image_tokens": list(random.normal(size=(count, TOKENS, TOKEN_WIDTH)).astype(np.float16)),
        "facemae": random.normal(size=(count, WIDTH)).tolist(),
        "videomae": random.normal(size=(count, WIDTH)).tolist(),
    }
    features: dict[str, Any] = {
        "uuid": Value("string"),
        "participant_id": Value("string"),
        "mw_label": ClassLabel(names=["NonMW", "MW"]),
        "test_fold_num": Value("int32"),
        "image_tokens": Array2D((TOKENS, TOKEN_WIDTH), "float16"),
        "facemae": List(Value("float32"), length=WIDTH),
        "videomae": List(Value("float32"), length=WIDTH),
    }
    own = {name: kind for name, kind in features.items() if name not in columns}
    ds = Dataset.from_dict({name: values[name] for name in own}, features=Features(own))
    for name, given in columns.items():
        ds = ds.add_column(name, given)
    return ds
