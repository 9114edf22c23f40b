"""A result as text: what a terminal shows and table.txt holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emollama_hf.probing.conclusion import METRIC_NAMES, difference_text, interval_text, number_text
from emollama_hf.probing.options import METRICS
from emollama_hf.probing.result import ProbeResult
from emollama_hf.probing.views import CHANCE, CONTROL
from emollama_hf.text.few_of_many import few_and_more

#: Differences between views that are listed.
MOST_DIFFERENCES = 15


def heading(result: ProbeResult) -> str:
    """What was probed: rows, labels, groups and folds, which class is the positive one, and what was left out."""
    rows, options = result.rows, result.options
    counts = ", ".join(f"{count} {name}" for name, count in rows.labels.counts().items())
    folds = _folds_text(result)
    left = ", ".join(f"{count} {reason}" for reason, count in rows.left_out.items())
    return (
        f"{options.label} of {len(rows)} rows ({counts}), {len(rows.group_names)} groups by {options.group}, {folds}. "
        + _positive_text(result)
        + (f" Left out: {left}." if left else "")
    )


def _folds_text(result: ProbeResult) -> str:
    """ "4 folds by test_fold_num", "fold 0 of test_fold_num" where one was tested, or how folds were made."""
    options, names = result.options, result.folds.names
    if not result.folds.given:
        return f"{len(names)} folds made by {options.group} (seed {options.seed})"
    return f"{len(names)} folds by {options.fold}" if len(names) > 1 else f"fold {names[0]} of {options.fold}"


def _positive_text(result: ProbeResult) -> str:
    """Which class F1 and AUC-PR are of, and why: "F1 and AUC-PR of MW, the rarer class."."""
    labels = result.rows.labels
    counts, positive = labels.counts(), labels.classes[labels.positive]
    metrics = "F1 and AUC-PR" if len(counts) == 2 else "F1, AUC-PR and AUC-ROC"
    if result.options.positive is not None:
        return f"{metrics} of {positive}, as told."
    tied = [name for name, count in counts.items() if count == counts[positive] and name != positive]
    if tied:
        others = few_and_more(tied)
        return f"{metrics} of {positive}: as many rows as {others}, and the last in order (--positive names another)."
    return f"{metrics} of {positive}, the {'rarer' if len(counts) == 2 else 'rarest'} class."


def table_cells(result: ProbeResult) -> list[list[str]]:
    """The table: a heading row, and a row for each view with its metrics and intervals.

    The last columns have the metric that views are judged by: with permuted labels, and the corrected p of the
    difference from chance and from the control.
    """
    metric = result.options.metric
    lines = [["column", "model", "shape", *(METRIC_NAMES[name] for name in METRICS), "permuted", "p chance",
              "p control"]]  # fmt: skip
    for name in result.order:
        found, outcome = result.scores[name], result.outcomes[name]
        permuted = found.permuted.get(metric)
        lines.append(
            [
                name,
                outcome.model,
                outcome.shape or "-",
                *(interval_text(found.intervals[one]) for one in METRICS),
                "-" if permuted is None else f"{number_text(permuted[0])} ± {number_text(permuted[1])}",
                p_text(result.p_value(name, CHANCE, metric)),
                p_text(result.p_value(name, CONTROL, metric)),
            ]
        )
    return lines


def difference_cells(result: ProbeResult) -> list[list[str]]:
    """Paired differences between views in the metric that they are judged by, the largest first."""
    metric = result.options.metric
    found = [one for one in result.comparisons if one.metric == metric and one.family == "views"]
    found.sort(key=lambda one: -abs(one.difference.value))
    lines = [["difference", METRIC_NAMES[metric], "p"]]
    for one in found[:MOST_DIFFERENCES]:
        text, first, second = difference_text(one.difference), one.first, one.second
        lines.append([f"{first} - {second}", text, p_text(one.p_holm)])
    return lines if found else []


def details(result: ProbeResult) -> list[str]:
    """Sentences below the table: the control's columns, the best view by fold and by level, its hardest groups."""
    metric, best = result.options.metric, result.order[0]
    name, found = METRIC_NAMES[metric], result.scores[best]
    said = []
    if result.control:
        said.append(f"control: {_control_text(result.control)}.")
    values = ", ".join(f"{fold} {number_text(one[metric])}" for fold, one in found.folds.items())
    said.append(f"{best}, {name} by fold: {values}.")
    if found.seeds:
        said.append(f"{best}, {name} by seed: {', '.join(map(number_text, found.seeds[metric]))}.")
    hardest = few_and_more([f"{group} ({share:.0%} of {rows})" for group, share, rows in found.hardest])
    said.append(f"{best}, hardest groups (right answers): {hardest}.")
    if found.levels:
        levels = ", ".join(
            f"{level} {interval_text(intervals[metric])} ({rows} rows)"
            for level, (rows, intervals) in found.levels.items()
        )
        said.append(f"{best}, {name} by {result.options.by}: {levels}.")
    if metric in found.gap:
        high, low, difference = found.gap[metric]
        said.append(f"{best}, gap {high} - {low}: {difference_text(difference)}.")
    return said


def _control_text(control: Mapping[str, str]) -> str:
    """How the columns of the control were read: "clip_duration_s, lamp (numbers); room (4 categories)"."""
    names: dict[str, list[str]] = {}
    for name, read_as in control.items():
        names.setdefault(read_as, []).append(name)
    return "; ".join(f"{', '.join(some)} ({read_as})" for read_as, some in names.items())


def table_text(result: ProbeResult) -> str:
    """All of it as text, with a line break at the end."""
    parts = [heading(result), aligned(table_cells(result))]
    differences = difference_cells(result)
    if differences:
        parts.append(aligned(differences))
    parts += ["\n".join(details(result)), result.conclusion]
    return "\n\n".join(parts) + "\n"


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Cells in columns, with two blanks between them."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def p_text(p: float) -> str:
    """ ".012", "<.001", or "-" for what was not compared."""
    if p != p:
        return "-"
    return "<.001" if p < 0.001 else f"{p:.3f}".replace("0.", ".", 1)
