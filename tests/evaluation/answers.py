"""A data set of answers: labels, predictions with confidences, failed rows, participants."""

from __future__ import annotations

from typing import Any

import numpy as np
from datasets import Dataset, Features, List, Value

LABELS = ("angry", "happy", "sad")
FEATURES = Features(
    {
        "emotion": Value("string"),
        "emotion_confidence": Value("float32"),
        "emotion_probs": List(Value("float32"), length=3),
        "emotion_label": Value("string"),
        "participant_id": Value("string"),
        "emollama_status": Value("string"),
    }
)


def answers(rows: int = 60, *, failed: int = 4, seed: int = 0, **replaced: Any) -> Dataset:
    """Rows of eight participants; three of four predictions are right, and the last `failed` rows have none.

    replaced: columns with other values.
    """
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, rows)
    probabilities = random.dirichlet(np.ones(3), rows)
    probabilities[np.arange(rows), truth] += 1
    probabilities /= probabilities.sum(1, keepdims=True)
    said = np.where(random.random(rows) < 0.75, probabilities.argmax(1), random.integers(0, 3, rows))
    complete = [row < rows - failed for row in range(rows)]
    columns = {
        "emotion": [LABELS[one] if ok else None for one, ok in zip(said, complete, strict=True)],
        "emotion_confidence": [
            float(one[k]) if ok else None for one, k, ok in zip(probabilities, said, complete, strict=True)
        ],
        "emotion_probs": [one.tolist() if ok else None for one, ok in zip(probabilities, complete, strict=True)],
        "emotion_label": [LABELS[one] for one in truth],
        "participant_id": [f"P{row % 8}" for row in range(rows)],
        "emollama_status": ["ok" if ok else "empty_file" for ok in complete],
    }
    features = Features({name: kind for name, kind in FEATURES.items() if name not in replaced})
    ds = Dataset.from_dict({name: columns[name] for name in features}, features=features)
    for name, values in replaced.items():
        ds = ds.add_column(name, values)
    return ds
