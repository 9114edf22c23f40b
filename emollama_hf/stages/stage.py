"""A stage of the pipeline: a transform that computes columns of its own, row by row and micro-batch by micro-batch.

To write one, subclass `Stage` (or `stages.model_stage.ModelStage`, if it runs a network) and add it to
`stages.STAGES`. `prepare` reads and checks one row, `compute` turns several prepared rows into columns; errors,
statuses, missing earlier stages, pickling and hashing are handled here.
"""

from __future__ import annotations

import abc
import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from datasets import Features

from emollama_hf import schema
from emollama_hf.computing.process import is_worker
from emollama_hf.console import timing
from emollama_hf.errors import ERROR_KINDS, ClipError, ModelError
from emollama_hf.rows import Row, Rows
from emollama_hf.stages.transform import Transform

OnError = Literal["raise", "null"]
#: Sides of an array; None for one of any length.
Shape = tuple[int | None, ...]


def check_choice(option: str, value: object, valid: tuple[object, ...]) -> None:
    """Raise ValueError, with the valid values, unless `value` is one of them."""
    if value not in valid:
        raise ValueError(f"{option}={value!r} is unknown. Valid: {', '.join(map(repr, valid))}")


@dataclass(frozen=True)
class StageConfig:
    """What decides a stage's results; JSON-able, part of the fingerprint. Stages add their fields."""

    on_error: OnError = "raise"

    def __post_init__(self) -> None:
        check_choice("on_error", self.on_error, ("raise", "null"))


@dataclass(frozen=True)
class Placement:
    """Where and how a stage runs; decides no result beyond rounding and is not part of the fingerprint."""

    model: str | None = None
    revision: str | None = None
    tokenizer: str | None = None
    device: str = "auto"
    batch_size: int | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        size = self.batch_size
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise ValueError(f"batch_size={size!r}: expected a number of clips of at least 1, or None to choose")


class Stage(Transform):
    """One step of the pipeline."""

    #: Raised whenever the same input gives other values than before.
    version: ClassVar[int]
    #: The columns that this stage computes.
    makes: ClassVar[tuple[str, ...]]
    #: Columns of earlier stages that it returns beside its own, so that one call gives all of a clip's features.
    carries: ClassVar[tuple[str, ...]] = ()
    #: Shapes that columns of `makes` may have, of any model and options; those of one number a row need not be named.
    #: A column that shows nobody is written and shared in these shapes, and in others only if somebody asks for it.
    shapes: ClassVar[Mapping[str, tuple[Shape, ...]]] = {}
    #: The dataclass of its configuration.
    Config: ClassVar[type[StageConfig]] = StageConfig

    #: Options that decide which computed rows are accepted, and no value: a run with other ones computes nothing anew.
    acceptance_options: ClassVar[tuple[str, ...]] = ()

    #: Whether a run has fixed what could become something else while it lasts.
    is_pinned: bool = False
    _makers: ClassVar[dict[str, type[Stage]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for column in cls.__dict__.get("makes", ()):
            Stage._makers[column] = cls

    def __init__(self, config: StageConfig, placement: Placement) -> None:
        self.config = config
        self.placement = placement

    # What a stage defines

    @property
    @abc.abstractmethod
    def reads(self) -> tuple[str, ...]:
        """The columns without which no row can be computed; stages that make them run first if they are missing."""

    @abc.abstractmethod
    def own_features(self) -> Features:
        """The types of `makes`."""

    @abc.abstractmethod
    def prepare(self, row: Row) -> Any:
        """What `compute` needs of one row, checked. Raises ClipError if this row cannot be computed."""

    @abc.abstractmethod
    def compute(self, items: list[Any]) -> list[dict[str, Any] | ClipError]:
        """The columns `makes` of several prepared rows, in order; an error for a row whose result is unusable."""

    def upstream(self, stage: type[Stage]) -> Stage:
        """The earlier stage that runs when its columns are missing, with settings that fit this one."""
        raise TypeError(f"{self.name} reads a column of {stage.name}, but does not say with which settings it runs")

    def carried_feature(self, column: str) -> Any:
        """The type of a column in `carries`."""
        return self.upstream(Stage.maker(column)).own_features()[column]

    def given(self, columns: Collection[str]) -> tuple[str, ...]:
        """Those of a data set's columns that this stage reads; with `beside`, all of a row that decides its result."""
        return tuple(column for column in self.reads if column in columns)

    def beside(self, row: Row) -> Path | None:
        """A file that this stage reads for a row and that no column holds."""
        return None

    def judged(self) -> tuple[str, ...]:
        """Columns of `makes` that `rejection` reads; none where every computed row is accepted."""
        return ()

    def rejection(self, values: Mapping[str, Any]) -> ClipError | None:
        """Why a row with these values of `judged` counts as failed all the same; None if it is accepted."""
        return None

    def resolved_config(self) -> dict[str, Any]:
        """The configuration with every "auto" replaced by what it stands for here."""
        return asdict(self.config)

    def model_digest(self) -> str | None:
        """Identity of the weights behind this stage; None for a stage without a model."""
        return None

    def check_columns(self, columns: Collection[str]) -> None:
        """Raise ValueError if no row of a data set with these columns can be computed; asked once before a long run."""

    def ready(self) -> None:
        """Load what `prepare` and `compute` need; called once a batch, outside the handling of row errors."""

    def resolved_placement(self) -> Placement:
        """The placement with what `configure` and the environment add."""
        return self.placement

    def configured(self) -> StageConfig:
        """The configuration with what `configure` adds."""
        return self.config

    def pinned(self) -> Stage:
        """The stage for one run: with the weights that are there now, and what `configure` has set by now."""
        return self

    # What a stage needs; engines, memory checks and provenance ask these and no class

    @property
    def uses_device(self) -> bool:
        """Whether it computes on a torch device, which a worker process has to itself."""
        return False

    @property
    def limits_batch(self) -> bool:
        """Whether no more than `micro_batch` rows may be computed together; else any number may."""
        return self.placement.batch_size is not None

    @property
    def has_weights(self) -> bool:
        """Whether it runs a part of a model directory: a `ModelStage`, with `source`, `part` and a digest."""
        return False

    @property
    def decodes_media(self) -> bool:
        """Whether it opens recordings or pictures, which pays to do ahead of a device."""
        return False

    @property
    def dtype_follows_device(self) -> bool:
        """Whether its number type is left to the device, so that another machine may compute in another."""
        return False

    def device(self) -> str:
        """The torch device that it computes on here."""
        return "cpu"

    def with_fixed_dtype(self) -> Stage:
        """The stage with the number type that it computes in here, whatever device it is sent to."""
        return self

    # What every stage has

    @property
    def micro_batch(self) -> int:
        return self.placement.batch_size or 1

    @property
    def features(self) -> Features:
        carried = {column: self.carried_feature(column) for column in self.carries}
        return Features({**self.own_features(), **carried, **schema.status_features()})

    def identity(self) -> dict[str, Any]:
        return {**self.own_identity(), "upstream": [_identity_if_there(stage) for stage in self.chain(set())[:-1]]}

    def own_identity(self) -> dict[str, Any]:
        """What decides this stage's results, given its input columns."""
        cls = type(self)
        # A subclass may compute something else without saying so: without a name of its own it is known by its class.
        inherited = "" if "name" in vars(cls) else f" as {cls.__module__}.{cls.__qualname__}"
        return {
            "stage": self.name + inherited,
            "version": self.version,
            "config": self.resolved_config(),
            "model": self.model_digest(),
        }

    @staticmethod
    def maker(column: str) -> type[Stage]:
        """The stage that makes a column. Raises KeyError if none does."""
        return Stage._makers[column]

    def chain(self, present: set[str]) -> list[Stage]:
        """This stage, behind the stages whose columns it reads and which are not among `present`."""
        stages: list[Stage] = []
        for column in self.reads:
            maker = Stage._makers.get(column)
            if column in present or maker is None:
                continue
            for stage in self.upstream(maker).chain(present):
                if type(stage) not in map(type, stages):
                    stages.append(stage)
        return [*stages, self]

    def apply(self, rows: Rows) -> None:
        """Compute this stage's columns for a micro-batch and add them, the statuses and the errors to it."""
        statuses = statuses_of(rows)
        # A row that an earlier stage has failed is passed on as it is.
        pending = [index for index, status in enumerate(statuses) if status == schema.OK]
        errors = [rows.value(schema.ERROR, index) for index in range(rows.length)]
        results: list[dict[str, Any]] = [{} for _ in range(rows.length)]
        started = time.perf_counter()
        outcomes = self.outcomes(rows, pending)
        timing.add(self.name, time.perf_counter() - started, len(pending))
        for index, outcome in zip(pending, outcomes, strict=True):
            error = outcome if isinstance(outcome, ClipError) else self.rejection(outcome)
            if error is None:
                results[index] = cast("dict[str, Any]", outcome)
            elif self.config.on_error == "raise":
                raise named(error, rows.row(index).label)
            else:
                statuses[index], errors[index] = error.kind, f"{rows.row(index).label}: {error}"
        for column in self.makes:
            rows.add(column, [result.get(column) for result in results])
        rows.add(schema.STATUS, statuses)
        rows.add(schema.ERROR, errors)

    def outcomes(self, rows: Rows, indices: Sequence[int]) -> list[dict[str, Any] | ClipError]:
        """The columns `makes` of some rows of a micro-batch, in the given order; for a row that failed, why."""
        outcomes: dict[int, dict[str, Any] | ClipError] = {}
        items: dict[int, Any] = {}
        for index in indices:
            try:
                items[index] = self.prepare(rows.row(index))
            except ClipError as error:
                outcomes[index] = error
            except (ModelError, MemoryError, ImportError):
                raise  # wrong for every row
            except Exception as error:
                # One odd file must not end a run of thousands; the type and message stay with the row.
                kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
                unforeseen = ClipError("unexpected", f"{self.name} met {kind}: {error}")
                unforeseen.__cause__ = error
                outcomes[index] = unforeseen
        computed = self.compute(list(items.values())) if items else []
        outcomes.update(zip(items, computed, strict=True))
        return [outcomes[index] for index in indices]

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            digest = self.model_digest()
        except ModelError:
            digest = None  # no model was named yet; the call will say so
        config = json.dumps(asdict(self.configured()), sort_keys=True)
        return _restore, (type(self), config, tuple(asdict(self.resolved_placement()).items()), digest, self.is_pinned)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config}, {self.placement})"


def _identity_if_there(stage: Stage) -> dict[str, Any]:
    """A stage that was not converted computes nothing: rows that bring its columns do without, others are an error."""
    try:
        return stage.own_identity()
    except ModelError:
        return {"stage": stage.name, "model": None}


def statuses_of(rows: Rows) -> list[str]:
    """What earlier stages made of each row. Raises ValueError for a status that no stage writes."""
    statuses = [rows.value(schema.STATUS, i) or schema.OK for i in range(rows.length)]
    strange = next((status for status in statuses if status not in (schema.OK, *ERROR_KINDS)), None)
    if strange is not None:
        raise ValueError(
            f"column {schema.STATUS!r} holds {strange!r}, which no stage writes. Rename or remove that column: "
            "a row with a status other than ok is passed on uncomputed."
        )
    return statuses


def named(error: ClipError, label: str) -> ClipError:
    """The error with the name of its row, as on_error="raise" raises it."""
    message = f"{label}: {error}"
    hint = "" if "on_error" in message else ' Or pass on_error="null" to keep the row with an error status.'
    raised = ClipError(error.kind, message + hint)
    raised.__cause__ = error.__cause__
    return raised


def _restore(
    cls: type[Stage], config: str, placement: tuple[tuple[str, Any], ...], digest: str | None, pinned: bool = False
) -> Stage:
    """A stage from its pickled state, without checking again what was checked when it was made."""
    stage = object.__new__(cls)
    stage.config = cls.Config(**json.loads(config))
    stage.placement = Placement(**dict(placement))
    stage.is_pinned = pinned
    if digest is not None and (pinned or is_worker()):
        # A worker need not hash the weights again; a pickle that was kept may find other weights in their place.
        stage._digest = digest  # type: ignore[attr-defined]
    return stage
