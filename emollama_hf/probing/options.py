"""What a probe is told, checked before anything is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from emollama_hf.probing.probe_error import ProbeError

#: Metrics of the table, in its order; their names are those of `measures`.
METRICS = ("f1", "auc_pr", "auc_roc", "balanced_accuracy", "kappa")
#: The level of every interval.
LEVEL = 0.95
#: Resamples for each pair of columns. A p of n resamples is 2 / (n + 1) at least, and Holm's correction multiplies it
#: by the number of pairs: with 2,000 resamples and 12 columns, nothing could fall below .05.
RESAMPLES_OF_A_PAIR = 60


@dataclass(frozen=True)
class ProbeOptions:
    """Options of `emollama_hf.probe`, under the names of its arguments; each is described there."""

    label: str
    group: str
    fold: str | None = None
    columns: tuple[str, ...] | None = None
    combine: tuple[str, ...] = ()
    by: str | None = None
    control: tuple[str, ...] = ()
    positive: str | None = None
    metric: str = "auc_roc"
    folds: int = 5
    resamples: int = 2000
    seeds: int = 3
    permutations: int = 3
    max_epochs: int = 30
    seed: int = 0
    device: str = "auto"
    allow_random: bool = False

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ProbeError(f"metric={self.metric!r} is unknown. Valid: {', '.join(METRICS)}.")
        lowest = {"folds": 2, "resamples": 100, "seeds": 1, "permutations": 0, "max_epochs": 1, "seed": 0}
        for name, least in lowest.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**31:
                raise ProbeError(f"{name}={value!r}: expected a whole number of at least {least}.")
        if self.label == self.group:
            raise ProbeError(
                f"label and group are both {self.label!r}: a group would have one label throughout. Name the column of "
                "the participants as the group."
            )
        if self.fold is not None and self.fold in (self.label, self.group):
            raise ProbeError(f"fold={self.fold!r} is the label or the group. Name a column of fold numbers, or none.")
        if self.by is not None and self.by == self.label:
            raise ProbeError(f"by={self.by!r} is the label: each level would have one class. Name another column.")
        if self.columns is not None and not self.columns and not self.combine:
            raise ProbeError("no column was named. Name some (columns=), or leave it out for every feature column.")

    def for_views(self, count: int) -> ProbeOptions:
        """The same with enough resamples for the differences between a number of views."""
        return replace(self, resamples=max(self.resamples, RESAMPLES_OF_A_PAIR * math.comb(count, 2)))


def names_tuple(value: str | Sequence[str] | None, option: str) -> tuple[str, ...] | None:
    """Names as a tuple without repetitions; a single text is one name.

    Raises:
        ProbeError: A name is no text, or is empty.
    """
    if value is None:
        return None
    names = (value,) if isinstance(value, str) else tuple(value)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise ProbeError(f"{option}={name!r}: expected the name of a column.")
    return tuple(dict.fromkeys(names))
