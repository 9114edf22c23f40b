"""What rows are run through: the part of a stage that whoever runs it knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from datasets import Features

from emollama_hf.errors import ClipError
from emollama_hf.rows import Row
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import StageConfig


class Step(Protocol):
    """One step of a transform. `Stage` says what each member means; a transform and `running` need no more of it."""

    name: ClassVar[str]

    @property
    def config(self) -> StageConfig: ...

    @property
    def makes(self) -> tuple[str, ...]: ...

    def ready(self) -> None: ...

    def prepare(self, row: Row) -> Any: ...

    def compute(self, items: list[Any]) -> list[Any]: ...

    def outputs(self) -> dict[str, Column]: ...

    def own_features(self) -> Features: ...

    def input_shapes(self) -> Mapping[str, tuple[int, ...]]: ...

    @property
    def has_weights(self) -> bool: ...

    def rejection(self, values: Mapping[str, Any]) -> ClipError | None: ...
