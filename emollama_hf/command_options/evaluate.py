"""Options of `emollama-hf evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emollama_hf.command_options.shared_options import Split


def evaluate(
    dataset: Annotated[str, typer.Argument(help="Data set: directory, Hub id or URL.", show_default=False)],
    prediction: Annotated[str, typer.Option(help="Column of predicted classes, such as emotion.", show_default=False)],
    label: Annotated[str, typer.Option(help="Column of true classes.", show_default=False)],
    group: Annotated[
        str | None,
        typer.Option(help="Column of groups for the intervals, such as participant_id. Default: rows."),
    ] = None,
    label_map: Annotated[
        Path | None, typer.Option("--map", help="CSV with the columns from and to, or a JSON object: class by label.")
    ] = None,
    confidence: Annotated[
        str | None,
        typer.Option(help="Column of confidences, or none. Default: PREDICTION_confidence or PREDICTION_probs."),
    ] = None,
    failed: Annotated[str, typer.Option(help="Rows without a prediction: wrong or leave-out.")] = "wrong",
    unnamed: Annotated[str, typer.Option(help="Predictions that no label names: error or wrong.")] = "error",
    split: Split = None,
    resamples: Annotated[int, typer.Option(help="Resamples of the bootstrap.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Directory for evaluation.json, tables (CSV) and figures (SVG).")
    ] = None,
) -> None:
    r"""Compare predictions with labels: accuracy, F1, classes, confusion matrix, calibration, each with its interval.

    Files (--out) need the extra probe: pip install 'emollama_hf\[probe]'.

    Ends with 0, with 1 on an error.
    """
    from emollama_hf.commands.evaluate import run_evaluate

    run_evaluate(
        dataset, out, prediction=prediction, label=label, group=group, label_map=label_map, confidence=confidence,
        failed=failed, unnamed=unnamed, split=split, resamples=resamples, seed=seed,
    )  # fmt: skip
