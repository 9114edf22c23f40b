"""Figures of a probe: intervals of all views, precision-recall curves, and the best view's confusion matrix.

The same result gives the same bytes with one version of matplotlib.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from emollama_hf.computing.svg_figure import shown_name, svg_figure
from emollama_hf.measures.confusion import confusion_counts
from emollama_hf.probing.conclusion import METRIC_NAMES, interval_text, number_text
from emollama_hf.probing.result import ProbeResult
from emollama_hf.probing.views import CHANCE, CONTROL

#: Colours that are told apart with every kind of colour vision (Okabe and Ito 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#777777"
#: Curves of a figure; more are not told apart.
MOST_CURVES = 6


def forest(result: ProbeResult) -> bytes:
    """The interval of each view in the metric that views are judged by, with chance and the control as lines."""
    metric, names = result.options.metric, [name for name in result.order if name != CHANCE]
    with svg_figure(6.4, 1.0 + 0.32 * len(names)) as (figure, svg):
        axes = figure.subplots()
        positions = np.arange(len(names))[::-1]
        chance = result.scores[CHANCE].intervals[metric].value
        axes.axvline(chance, color=GREY, linestyle="--", linewidth=1)
        axes.annotate("chance", (chance, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3),
                      textcoords="offset points", ha="center", color=GREY)  # fmt: skip
        for position, name in zip(positions, names, strict=True):
            interval = result.scores[name].intervals[metric]
            colour = COLOURS[1] if name == CONTROL else COLOURS[0]
            if name == CONTROL:
                axes.axvspan(interval.low, interval.high, color=colour, alpha=0.10, linewidth=0)
            axes.plot([interval.low, interval.high], [position, position], color=colour, linewidth=2)
            axes.plot([interval.value], [position], "o", color=colour, markersize=5)
            axes.annotate(interval_text(interval), (1.02, position), xycoords=("axes fraction", "data"), va="center")
        axes.set_yticks(positions, [shown_name(name) for name in names])
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"{METRIC_NAMES[metric]} with 95 % interval over groups")
    return svg.getvalue()


def precision_recall(result: ProbeResult) -> bytes:
    """Precision against recall of the positive class, of the best views, the control and chance."""
    from sklearn.metrics import precision_recall_curve

    labels = result.rows.labels
    truth = labels.numbers == labels.positive
    views = [name for name in result.order if name not in (CHANCE, CONTROL)][:MOST_CURVES]
    drawn = [*views, *([CONTROL] if CONTROL in result.outcomes else [])]
    if not truth.any():
        drawn = []  # a single fold without a row of the positive class has no recall
    legend = 1.0 + 0.075 * max((len(shown_name(name)) for name in drawn), default=0)
    with svg_figure(3.9 + legend, 3.5) as (figure, svg):
        axes = figure.subplots()
        for number, name in enumerate(drawn):
            found = precision_recall_curve(truth, result.outcomes[name].probabilities[:, labels.positive])
            precision, recall = found[0], found[1]
            colour = GREY if name == CONTROL else COLOURS[number % len(COLOURS)]
            text = f"{shown_name(name)} ({number_text(result.scores[name].intervals['auc_pr'].value)})"
            # At a threshold above every score nothing is predicted: precision 1 there is a convention.
            axes.step(recall[:-1], precision[:-1], where="post", color=colour, linewidth=1.3, label=text)
        share = float(truth.mean())
        axes.axhline(share, color=GREY, linestyle="--", linewidth=1, label=f"chance ({number_text(share)})")
        positive = shown_name(labels.classes[labels.positive])
        axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel=f"recall of {positive}", ylabel=f"precision of {positive}")
        figure.legend(title="column (AUC-PR)", frameon=False, loc="outside right upper", alignment="left")
    return svg.getvalue()


def confusion(result: ProbeResult) -> bytes:
    """Which class the best view predicts for rows of which class: counts, and shares of each true class."""
    best, order = result.order[0], result.rows.labels.shown_order
    classes = [result.rows.labels.classes[number] for number in order]
    all_counts = confusion_counts(result.outcomes[best].predictions(result.rows))  # the last column: no class named
    counts = all_counts[np.ix_(order, order)]
    shares = counts / np.maximum(all_counts[list(order)].sum(axis=1, keepdims=True), 1)
    side = max(2.4, 0.75 * len(classes))
    with svg_figure(side + 0.6, side) as (figure, svg):
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(*counts.shape):
            colour = "white" if shares[row, column] > 0.55 else "black"
            text = f"{counts[row, column]}\n{shares[row, column]:.0%}"
            axes.text(column, row, text, ha="center", va="center", color=colour)
        names = [shown_name(name) for name in classes]
        turned: dict[str, Any] = {"rotation": 45, "ha": "right"} if max(map(len, names)) * len(names) > 30 else {}
        axes.set_xticks(range(len(classes)), names, **turned)
        axes.set_yticks(range(len(classes)), names)
        axes.set(xlabel="predicted", ylabel=result.options.label)
        axes.set_title(shown_name(best), fontsize=9)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(length=0)
    return svg.getvalue()


#: Figures by the name of their file.
FIGURES: dict[str, Callable[[ProbeResult], bytes]] = {
    "forest.svg": forest,
    "precision_recall.svg": precision_recall,
    "confusion.svg": confusion,
}
