"""What the numbers of a probe allow to say, in one or two sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from emollama_hf.measures.group_bootstrap import Difference, Interval
from emollama_hf.probing.scoring import Comparison, ViewScores
from emollama_hf.probing.views import CHANCE, CONTROL
from emollama_hf.text.few_of_many import few_and_more

#: A corrected p below this counts.
SIGNIFICANT = 0.05
#: With fewer groups, percentile intervals are too narrow (measured: benchmarks/README.md).
FEW_GROUPS = 50
#: Metrics as people write them.
METRIC_NAMES = {
    "f1": "F1", "auc_pr": "AUC-PR", "auc_roc": "AUC-ROC", "balanced_accuracy": "balanced accuracy", "kappa": "kappa",
}  # fmt: skip


def conclude(
    views: Mapping[str, ViewScores],
    comparisons: Sequence[Comparison],
    *,
    metric: str,
    label: str,
    groups: int,
    named: Sequence[str] = (),
    alone: Sequence[Comparison] = (),
) -> str:
    """The best view, and whether its interval excludes chance, the control and the next view.

    Args:
        views: Scores by view, chance and control among them.
        comparisons: Of all metrics.
        metric: By which views are judged.
        label: The column of the labels.
        groups: How many groups there are.
        named: Columns of the control that somebody named.
        alone: Each column of the control less chance, where columns were named.

    Returns:
        A few sentences.
    """
    ranked = ranked_views(views, metric)
    if not ranked:
        return f"{METRIC_NAMES[metric]} is undefined for every column."
    best = ranked[0]
    found = {(one.first, one.second): one for one in comparisons if one.metric == metric}
    found |= {(other, one): _reversed(comparison) for (one, other), comparison in list(found.items())}
    value = f"{METRIC_NAMES[metric]} {interval_text(views[best].intervals[metric])}"
    sentences = []
    if not above(found.get((best, CHANCE))):
        sentences.append(f"No column carries {label} measurably: the best, {best}, reaches {value}, which does not "
                         "exclude chance.")  # fmt: skip
    elif CONTROL not in views:
        sentences.append(f"{best} is best: {value}, above chance. There is no control: whether facts of the clips "
                         "reach the same is not known (name some: control=, --control).")  # fmt: skip
    elif not above(found.get((best, CONTROL))):
        control = interval_text(views[CONTROL].intervals[metric])
        sentences.append(f"{best} is best: {value}, above chance, but not measurably above the control of facts alone "
                         f"({control}): it need not carry more than they do.")  # fmt: skip
    else:
        sentences.append(f"{best} is best: {value}, above chance and above the control.")
    if len(ranked) > 1 and above(found.get((best, CHANCE))):
        second = ranked[1]
        comparison = found[best, second]
        lead = f"Its lead on {second} ({difference_text(comparison.difference)})"
        sentences.append(f"{lead} {'excludes' if above(comparison) else 'does not exclude'} zero.")
    if above(found.get((CONTROL, CHANCE))):
        sentences.append(control_sentence(named, alone))
    if groups < FEW_GROUPS:
        sentences.append(f"With {groups} groups the intervals are somewhat too narrow.")
    return " ".join(sentences)


def control_sentence(named: Sequence[str], alone: Sequence[Comparison]) -> str:
    """What to say of a control above chance: by which columns it is, which is a surprise only where nobody named them.

    Args:
        named: Columns of the control that somebody named.
        alone: Each column of the control less chance, where columns were named.
    """
    if not named:
        return "The control itself is above chance: the label can be told without any feature, look for why."
    found = [one.first for one in alone if above(one)]
    expected, others = [name for name in found if name in named], [name for name in found if name not in named]
    if not found:
        return f"The control with {few_and_more(named)} is above chance, though no column of it alone is."
    said = [f"The control is above chance. Of its columns alone, {few_and_more(found)} {_is(found)}"]
    if expected and others:
        said.append(f"; {few_and_more(others)} {_was(others)} not named for it (--control), look for why")
    elif others:
        said.append(f", which {_was(others)} not named for it (--control): look for why")
    return "".join(said) + "."


def ranked_views(views: Mapping[str, ViewScores], metric: str) -> list[str]:
    """Names of the views of columns, the best first; those without a value are left out."""
    values = {name: one.intervals[metric].value for name, one in views.items() if name not in (CHANCE, CONTROL)}
    known = {name: value for name, value in values.items() if not math.isnan(value)}
    return sorted(known, key=lambda name: -known[name])


def above(comparison: Comparison | None) -> bool:
    """Whether the first of two views is above the second: its interval and its corrected p say so."""
    return comparison is not None and comparison.difference.low > 0 and comparison.p_holm < SIGNIFICANT


def interval_text(interval: Interval) -> str:
    """ ".71 [.66, .75]"."""
    return f"{number_text(interval.value)} [{number_text(interval.low)}, {number_text(interval.high)}]"


def difference_text(difference: Difference) -> str:
    """ "+.04 [-.01, +.09]"."""
    ends = (difference.value, difference.low, difference.high)
    value, low, high = ((("+" if end > 0 else "") + number_text(end)) for end in ends)
    return f"{value} [{low}, {high}]"


def number_text(value: float) -> str:
    """Two digits behind the point, without the zero before it; "-" for what is undefined."""
    if math.isnan(value):
        return "-"
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _was(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _reversed(one: Comparison) -> Comparison:
    turned = Difference(-one.difference.value, -one.difference.high, -one.difference.low, one.difference.p)
    return Comparison(one.second, one.first, one.metric, one.family, turned, one.p_holm)
