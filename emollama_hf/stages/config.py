"""What a stage is told: what decides its results, and where it runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

OnError = Literal["raise", "null"]


def check_choice(option: str, value: object, valid: tuple[object, ...]) -> None:
    """Raise ValueError, with the valid values, unless `value` is one of them."""
    if value not in valid:
        raise ValueError(f"{option}={value!r} is unknown. Valid: {', '.join(map(repr, valid))}")


@dataclass(frozen=True)
class StageConfig:
    """What decides a stage's results; JSON-able, part of the fingerprint. Stages add their fields, each with a default.

    A field is an option of the stage's constructor, of `extract` and of the command line.
    """

    on_error: OnError = "raise"

    def __post_init__(self) -> None:
        check_choice("on_error", self.on_error, ("raise", "null"))


@dataclass(frozen=True)
class Placement:
    """Where and how a stage runs; decides no result beyond rounding and is not part of the fingerprint."""

    model: str | os.PathLike[str] | None = None
    revision: str | None = None
    tokenizer: str | os.PathLike[str] | None = None
    adapter: str | os.PathLike[str] | None = None
    weights: str | os.PathLike[str] | None = None
    device: str = "auto"
    batch_size: int | None = None
    compile: bool = False
    detector: Literal["cpu", "gpu"] | None = None

    def __post_init__(self) -> None:
        for name in ("model", "tokenizer", "adapter", "weights"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else os.fspath(value))
        check_choice("detector", self.detector, (None, "cpu", "gpu"))
        size = self.batch_size
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise ValueError(f"batch_size={size!r}: expected a number of clips of at least 1, or None to choose")
