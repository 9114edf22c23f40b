"""Each column of a control by itself: which of them says something of the label without the others."""

from __future__ import annotations

from collections.abc import Sequence

from datasets import Dataset

from emollama_hf.measures.group_bootstrap import ResampledScores, resampled_scores
from emollama_hf.measures.holm import holm
from emollama_hf.probing.control_values import ControlColumn
from emollama_hf.probing.folds import Folds
from emollama_hf.probing.options import LEVEL, ProbeOptions
from emollama_hf.probing.out_of_fold import OutOfFold
from emollama_hf.probing.outcome import Outcome, chance_outcome
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.probing.scoring import Comparison
from emollama_hf.probing.views import CHANCE


def compare_alone(
    ds: Dataset, rows: ProbeRows, folds: Folds, control: Sequence[ControlColumn], options: ProbeOptions
) -> tuple[Comparison, ...]:
    """Each column of a control by itself less chance, in the metric that columns are judged by.

    Args:
        ds: The data set.
        rows: The rows that are probed.
        folds: Of these rows.
        control: The columns.
        options: metric, resamples and seed.

    Returns:
        A comparison for each column, of the family "control alone"; p is corrected for the number of columns.
    """
    metric, runner = options.metric, OutOfFold(ds, rows, folds, (), options, "cpu")

    def resampled(outcome: Outcome) -> ResampledScores:
        predictions = outcome.predictions(rows)
        return resampled_scores(predictions, [metric], resamples=options.resamples, seed=options.seed)

    chance = resampled(chance_outcome(rows, CHANCE))
    differences = [
        resampled(runner.vectors(one.name, [one.matrix])).differences(chance, LEVEL)[metric] for one in control
    ]
    adjusted = holm([one.p for one in differences])
    return tuple(
        Comparison(one.name, CHANCE, metric, "control alone", difference, p)
        for one, difference, p in zip(control, differences, adjusted, strict=True)
    )
