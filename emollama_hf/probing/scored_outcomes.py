"""Predictions of several views on the same rows, scored and compared, and what their result came from."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emollama_hf import __version__
from emollama_hf.feature_set.run_description import library_versions
from emollama_hf.probing.folds import Folds
from emollama_hf.probing.options import ProbeOptions
from emollama_hf.probing.outcome import Outcome
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.probing.scoring import Comparison, Scoring, ViewScores

LIBRARIES = ("datasets", "matplotlib", "numpy", "pandas", "scikit-learn", "scipy", "torch")


def scored_outcomes(
    rows: ProbeRows,
    folds: Folds,
    outcomes: Mapping[str, Outcome],
    options: ProbeOptions,
    *,
    levels: np.ndarray | None = None,
    level_names: Sequence[str] = (),
) -> tuple[dict[str, ViewScores], tuple[Comparison, ...]]:
    """The numbers of each view, and the paired differences between all of them.

    Args:
        rows: The probed rows.
        folds: Of these rows.
        outcomes: By view.
        options: Of the probe: resamples, seed and level.
        levels: (n,) number of each row's level of `by`, -1 where it has none; None without `by`.
        level_names: Of the levels.

    Returns:
        Numbers by view, and the differences.
    """
    scoring = Scoring(rows, folds.numbers, folds.names, options, levels, level_names)
    scores = {name: scoring.score(outcome) for name, outcome in outcomes.items()}
    return scores, tuple(scoring.compare())


def result_origin(*, place: str | None, fingerprint: str, rows: int) -> dict[str, Any]:
    """JSON-able: the data set that was probed, and the versions that computed.

    Args:
        place: Name of the data set's place; None for a data set in memory.
        fingerprint: Of the data set.
        rows: How many rows it has, those that were left out among them.
    """
    return {
        "emollama_hf": __version__,
        "python": platform.python_version(),
        "libraries": library_versions(LIBRARIES),
        "dataset": {"place": place, "fingerprint": fingerprint, "rows": rows},
    }
