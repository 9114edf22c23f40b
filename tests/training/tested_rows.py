"""Rows with folds, and predictions of them as a finetuned model might give: no model is needed to report them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from datasets import Dataset

from emollama_hf.probing.options import ProbeOptions
from emollama_hf.probing.result import ProbeResult
from emollama_hf.probing.rows import ProbeRows, read_rows
from emollama_hf.training.recipe import RECIPES
from emollama_hf.training.report import ReportOptions, finetuned_report, write_report
from tests.probing.planted import planted

OPTIONS = ReportOptions(label="mw_label", fold_column="test_fold_num", group="participant_id", dataset_rows=144)


def clips(*, groups: int = 12, seed: int = 0) -> Dataset:
    """Clips of four folds; the durations are a confound."""
    ds = planted(groups=groups, seed=seed)
    return ds.add_column("test_fold_num", [int(name[1:]) % 4 for name in ds["participant_id"]])


def rows_of(ds: Dataset) -> ProbeRows:
    options = ProbeOptions(label="mw_label", group="participant_id", fold="test_fold_num", positive="MW")
    return read_rows(ds, (), options)


def informed(rows: ProbeRows, *, seed: int = 0) -> np.ndarray:
    """(n, classes): probabilities that are right more often than not."""
    random = np.random.default_rng(seed)
    odds = random.normal(size=len(rows)) + np.where(rows.labels.numbers == rows.labels.positive, 1.2, -1.2)
    chance = 1 / (1 + np.exp(-odds))
    return np.stack([1 - chance, chance], axis=1)


def finetuned(out: Path, ds: Dataset, *, recipe: str = "corrected", options: ReportOptions = OPTIONS) -> ProbeResult:
    """What `finetune` leaves of its scores in a folder, of all folds."""
    rows = rows_of(ds)
    probabilities = informed(rows)
    result = finetuned_report(
        rows, np.arange(len(rows)), probabilities, probabilities.argmax(axis=1), RECIPES[recipe], options, clips=ds
    )
    write_report(out, result, RECIPES[recipe], options)
    return result
