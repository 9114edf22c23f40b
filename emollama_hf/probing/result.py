"""The result of a probe: a table, out-of-fold predictions, and all that they came from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emollama_hf.measures.predictions import NO_CLASS
from emollama_hf.probing.conclusion import conclude, ranked_views
from emollama_hf.probing.folds import Folds
from emollama_hf.probing.options import METRICS, ProbeOptions
from emollama_hf.probing.outcome import Outcome
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.probing.scoring import Comparison, ViewScores
from emollama_hf.probing.views import CHANCE, CONTROL

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class ProbeResult:
    """Which columns carry a label.

    Attributes:
        options: What the probe was told.
        rows: The rows that were probed, their labels and groups, and how many were left out, by reason.
        folds: Of these rows.
        outcomes: Out-of-fold predictions by view, "control" and "chance" among them.
        scores: Numbers by view.
        comparisons: Paired differences between views, in every metric.
        control: The columns of the control, and how each was read: "numbers", or "4 categories".
        control_alone: Each column of the control less chance; empty unless columns were named for the control and it is
            above chance.
        random: Probed columns of random weights, which mean nothing.
        origin: JSON-able: the data set's place and fingerprint, and the versions of the libraries.
        notes: Sentences that the conclusion begins with, such as known faults of how a model was trained.
    """

    options: ProbeOptions
    rows: ProbeRows
    folds: Folds
    outcomes: Mapping[str, Outcome]
    scores: Mapping[str, ViewScores]
    comparisons: tuple[Comparison, ...]
    control: Mapping[str, str]
    control_alone: tuple[Comparison, ...]
    random: tuple[str, ...]
    origin: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        from emollama_hf.probing.table_text import table_text

        return table_text(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"

    @property
    def order(self) -> list[str]:
        """Names of the views: the best first, those without a value behind them, then the control and chance."""
        ranked = ranked_views(self.scores, self.options.metric)
        last = [name for name in (CONTROL, CHANCE) if name in self.scores]
        return [*ranked, *(name for name in self.scores if name not in (*ranked, *last)), *last]

    @property
    def conclusion(self) -> str:
        """What the numbers allow to say, in a few sentences."""
        said = conclude(
            self.scores, self.comparisons, metric=self.options.metric, label=self.options.label,
            groups=len(self.rows.group_names), named=self.options.control, alone=self.control_alone,
        )  # fmt: skip
        random = f" {', '.join(self.random)}: of random weights, which mean nothing." if self.random else ""
        return " ".join([*self.notes, said]) + random

    @property
    def table(self) -> pd.DataFrame:
        """A row for each view, the best first: for each metric its value, the ends of its interval (`_low`, `_high`),
        the mean and spread of permuted labels (`_permuted`, `_permuted_sd`), and the corrected p of the difference from
        chance and from the control (`_p_chance`, `_p_control`).
        """
        import pandas as pd

        records = []
        for name in self.order:
            found, outcome = self.scores[name], self.outcomes[name]
            record: dict[str, Any] = {"column": name, "model": outcome.model, "shape": outcome.shape}
            for metric in METRICS:
                interval = found.intervals[metric]
                mean, spread = found.permuted.get(metric, (float("nan"), float("nan")))
                record |= {
                    metric: interval.value,
                    f"{metric}_low": interval.low,
                    f"{metric}_high": interval.high,
                    f"{metric}_permuted": mean,
                    f"{metric}_permuted_sd": spread,
                    f"{metric}_p_chance": self.p_value(name, CHANCE, metric),
                    f"{metric}_p_control": self.p_value(name, CONTROL, metric),
                }
            records.append(record)
        return pd.DataFrame.from_records(records)

    @property
    def predictions(self) -> pd.DataFrame:
        """A row for each view and probed row: `row` (position in the data set), `name`, `column`, `fold`, `group`,
        `truth`, `predicted` (null for an answer that names no class), and a probability for each class, `p_CLASS`,
        that of the positive class first.
        """
        import pandas as pd

        rows, classes = self.rows, self.rows.labels.classes
        frames = []
        for name in self.order:
            outcome = self.outcomes[name]
            frame = {
                "row": rows.indices,
                "name": list(rows.names),
                "column": [name] * len(rows),
                "fold": [self.folds.names[fold] for fold in self.folds.numbers],
                "group": [rows.group_names[group] for group in rows.groups],
                "truth": [classes[number] for number in rows.labels.numbers],
                "predicted": [None if number == NO_CLASS else classes[number] for number in outcome.predicted],
                **{f"p_{classes[number]}": outcome.probabilities[:, number] for number in rows.labels.shown_order},
            }
            frames.append(pd.DataFrame(frame))
        return pd.concat(frames, ignore_index=True)

    def p_value(self, view: str, other: str, metric: str) -> float:
        """The corrected p of the difference between a view and another; NaN where they were not compared."""
        return next(
            (one.p_holm for one in self.comparisons if (one.first, one.second, one.metric) == (view, other, metric)),
            float("nan"),
        )

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write table.csv, table.txt, probe.json, predictions.parquet and the figures as SVG, each whole or absent.

        Args:
            directory: A folder; files of an earlier probe in it are replaced.

        Returns:
            Its path. predictions.parquet names rows and groups, and is as private as the labels.

        Raises:
            ProbeError: The folder cannot be written to.
        """
        from emollama_hf.probing.saving import save_result

        return save_result(self, directory)
