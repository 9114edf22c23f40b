"""Figures of an evaluation as SVG: the confusion matrix, and confidences beside the share of right predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emollama_hf.computing.svg_figure import shown_name, svg_figure
from emollama_hf.measures.calibration import Calibration

if TYPE_CHECKING:
    from emollama_hf.evaluation.evaluation import Evaluation

#: Classes up to which each cell has its number.
_NUMBERED = 20
#: Classes up to which each has its name; of more, the figure shows the shape alone.
_NAMED = 60
_BLUE, _GREY = "#2b6a99", "#777777"


def confusion_figure(evaluation: Evaluation) -> bytes:
    """The confusion matrix, coloured by the share of each true class, with counts in the cells.

    Args:
        evaluation: of any number of classes; the column of failed rows is drawn where there are any.

    Returns:
        An SVG.
    """
    counts = evaluation.counts if evaluation.counts[:, -1].any() else evaluation.counts[:, :-1]
    shares = counts / counts.sum(1, keepdims=True)
    rows = [*map(shown_name, evaluation.classes)]
    columns = [*map(shown_name, evaluation.predicted_names)][: counts.shape[1]]
    named = len(columns) <= _NAMED
    cell = 0.55 if len(columns) <= _NUMBERED else 0.22 if named else 0.22 * _NAMED / len(columns)
    longest = 0.075 * max(map(len, columns))
    with svg_figure(1.8 + longest + cell * len(columns), 1.0 + longest + cell * len(rows)) as (figure, svg):
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
        axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(labelbottom=named, labelleft=named)
        axes.set_xlabel(f"predicted ({shown_name(evaluation.prediction)})")
        axes.set_ylabel(f"true ({shown_name(evaluation.label)})")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        if len(columns) <= _NUMBERED:
            for row, column in np.ndindex(*counts.shape):
                dark = shares[row, column] > 0.5
                axes.text(
                    column, row, f"{counts[row, column]:,}", ha="center", va="center",
                    color="white" if dark else "black", fontsize=8,
                )  # fmt: skip
        bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.03)
        bar.set_label("share of the true class")
        bar.outline.set_visible(False)
    return svg.getvalue()


def reliability_figure(calibration: Calibration, column: str) -> bytes:
    """A reliability diagram: accuracy by confidence, and how many predictions each bin has.

    Args:
        calibration: of at least one prediction.
        column: of the confidences, for the axis.

    Returns:
        An SVG.
    """
    filled = [one for one in calibration.bins if one.count]
    edges = [calibration.bins[0].low, *(one.high for one in calibration.bins)]
    width = edges[1] - edges[0]
    centres = [(one.low + one.high) / 2 for one in calibration.bins]
    with svg_figure(4.2, 4.6) as (figure, svg):
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--", label="confidence = accuracy")
        middles = [(one.low + one.high) / 2 for one in filled]
        upper.bar(middles, [one.accuracy for one in filled], width=width, color=_BLUE, alpha=0.35, edgecolor="white")
        means = [one.confidence for one in filled]
        upper.plot(means, [one.accuracy for one in filled], "o", color=_BLUE, markersize=4, label="bin")
        upper.set_ylabel("accuracy")
        upper.set_ylim(0, 1.02)
        upper.set_title(
            f"calibration error {calibration.expected_error:.3f}, Brier score {calibration.brier:.3f}", fontsize=9
        )
        upper.legend(frameon=False, loc="upper left", fontsize=8)
        lower.bar(centres, [one.count for one in calibration.bins], width=width, color=_GREY, edgecolor="white")
        lower.set_ylabel("predictions")
        lower.set_xlabel(f"confidence ({shown_name(column)})")
        lower.set_xlim(0, 1)
        figure.align_ylabels()
    return svg.getvalue()
