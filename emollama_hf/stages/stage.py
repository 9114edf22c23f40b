"""A stage of the pipeline: a transform that computes columns of its own, row by row and micro-batch by micro-batch.

To write one, subclass `Stage` (or `ModelStage`, if it runs a network). Say its `name` and `version`, the columns that
it reads (`inputs`), its options (`Config`) and the columns that it computes (`outputs`); `prepare` reads and checks one
row, `compute` turns several prepared rows into columns. Errors, statuses, missing earlier stages, the constructor,
pickling and hashing are handled here. `register`, or an entry point, makes it known by name (`known_stages`).
"""

from __future__ import annotations

import abc
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from functools import cached_property
from inspect import Signature, signature
from pathlib import Path
from typing import Any, ClassVar, Literal

from datasets import Features

from emollama_hf import schema
from emollama_hf.computing.process import is_worker
from emollama_hf.encoders.credit import Credit
from emollama_hf.errors import ClipError, ModelError
from emollama_hf.rows import Row
from emollama_hf.stages.column import Column
from emollama_hf.stages.config import Placement, StageConfig
from emollama_hf.stages.dependencies import behind_missing
from emollama_hf.stages.known_stages import maker_of
from emollama_hf.stages.options import restored, signature_of, split_options
from emollama_hf.stages.reduction import Reduction
from emollama_hf.stages.transform import Transform


class Stage(Transform):
    """One step of the pipeline.

    Example:
        >>> class Brightness(Stage):
        ...     name, version, inputs = "brightness", 1, ("facemae_frames",)
        ...     def outputs(self):
        ...         return {"brightness": Column(Value("float32"), "mean brightness, 0..255", tolerance=1e-6)}
        ...     def prepare(self, row):
        ...         return np.asarray(row["facemae_frames"])
        ...     def compute(self, items):
        ...         return [{"brightness": float(crops.mean())} for crops in items]
        >>> Brightness(batch_size=8)({"video": ["clip.mp4"]})["brightness"].shape
        (1,)
    """

    #: Raised whenever the same input gives other values than before.
    version: ClassVar[int]
    #: The columns without which no row can be computed; stages that compute them run first where a data set lacks them.
    inputs: ClassVar[tuple[str, ...]] = ()
    #: Columns that are read where a data set has them or a stage of the run computes them.
    optional_inputs: ClassVar[tuple[str, ...]] = ()
    #: The dataclass of its configuration: each field is an option.
    Config: ClassVar[type[StageConfig]] = StageConfig
    #: The fields of `Placement` that it takes as options beside those of its configuration.
    placement_options: ClassVar[tuple[str, ...]] = ("batch_size",)
    #: Columns of earlier stages that a call returns, too, so that one call gives all of a clip's features.
    carries: ClassVar[tuple[str, ...]] = ()
    #: Options that decide which computed rows are accepted, and no value: a run with other ones computes nothing anew.
    acceptance_options: ClassVar[tuple[str, ...]] = ()
    #: Options whose values mean something for this stage alone: two stages of one run cannot be given one of them.
    unshared_options: ClassVar[tuple[str, ...]] = ()
    #: Whether its columns are facts of a clip, such as its length, and no features that somebody would train on.
    computes_facts: ClassVar[bool] = False
    #: How its results are rounded, which decides what `verify` allows them: "" as its columns' tolerances say, value by
    #: value; "once" by the number type of its network; "after others" also by those of the networks before it.
    rounds: ClassVar[Literal["", "once", "after others"]] = ""
    #: What its columns are, for the first sentence of a card: "an embedding of the face". Empty: their meanings say it.
    in_short: ClassVar[str] = ""

    #: Whom a card names for its columns: the method, its licence, how to cite it. None: nobody.
    credit: ClassVar[Credit | None] = None

    #: Whether a run has fixed what could become something else while it lasts.
    is_pinned: bool = False
    __signature__: ClassVar[Signature]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # What help() and editors show. A constructor that somebody has written shows its own parameters.
        derived = getattr(cls.__init__, "is_derived", False)
        cls.__signature__ = (
            signature_of(cls.Config, cls.placement_options) if derived else _without_self(signature(cls.__init__))
        )

    def __init__(self, **options: Any) -> None:
        self.config, self.placement = split_options(type(self).__name__, self.Config, self.placement_options, options)

    __init__.is_derived = True  # type: ignore[attr-defined]

    # What a stage defines

    @abc.abstractmethod
    def outputs(self) -> dict[str, Column]:
        """The columns that it computes."""

    @abc.abstractmethod
    def prepare(self, row: Row) -> Any:
        """What `compute` needs of one row, checked. Raises ClipError if this row cannot be computed."""

    @abc.abstractmethod
    def compute(self, items: list[Any]) -> list[Any]:
        """The columns `outputs` of several prepared rows, in order; a ClipError for a row whose result is unusable."""

    # What a stage may define

    @classmethod
    def variants(cls) -> tuple[Stage, ...]:
        """Instances whose outputs together are all that this stage may compute, by column and number of sides.

        Sides of an array that are equal in all of them are of fixed length; others may have any. Makes no network.
        """
        return (cls(),)

    @cached_property
    def makes(self) -> tuple[str, ...]:
        """The names of `outputs`, which a model that is absent does not change."""
        return tuple(self.outputs())

    def runs_first(self) -> tuple[str, ...]:
        """Columns that other stages compute before this one, where a data set lacks them and such a stage is known."""
        return self.inputs

    def input_shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape in which it reads columns that it takes in one shape only; -1 is a side of any length.

        A run in which an earlier stage computes such a column in another shape is an error before any work.
        """
        return {}

    def upstream(self, stage: type[Stage]) -> Stage:
        """The earlier stage that runs when its columns are missing, with the settings of this one that it has, too."""
        shared = {one.name: getattr(self.placement, one.name) for one in fields(Placement)}
        shared |= {name: getattr(self.config, name) for name in ("on_error", "dtype") if hasattr(self.config, name)}
        taken = signature(stage).parameters
        return stage(**{name: value for name, value in shared.items() if name in taken})

    def carried_feature(self, column: str) -> Any:
        """The type of a column in `carries`."""
        return self.upstream(maker_of(column)).own_features()[column]

    def given(self, columns: Collection[str]) -> tuple[str, ...]:
        """Those of a data set's columns that this stage reads; with `beside`, all of a row that decides its result."""
        return tuple(column for column in (*self.inputs, *self.optional_inputs) if column in columns)

    def reductions(self) -> Mapping[str, Reduction]:
        """Columns of which it reads less than they hold, and how a value becomes that (`stages.reduction`).

        `prepare` gives the same of a row with the reduced value. It may then be reduced by the process that computed
        it, so that less of it travels.
        """
        return {}

    def beside(self, row: Row) -> Path | None:
        """A file that this stage reads for a row and that no column holds."""
        return None

    def judged(self) -> tuple[str, ...]:
        """Columns of `outputs` that `rejection` reads; none where every computed row is accepted."""
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

    def credited(self) -> Credit | None:
        """Whom to credit for its columns."""
        return self.credit

    def check_columns(self, columns: Collection[str]) -> None:
        """Raise ValueError if no row of a data set with these columns can be computed; asked once before a long run."""

    def check_features(self, features: Features) -> None:
        """Raise ValueError if columns of these types cannot be read; asked once, as `check_columns`."""

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
        return any(column in schema.CLIPS for column in (*self.inputs, *self.optional_inputs))

    @property
    def searches_faces(self) -> bool:
        """Whether it looks for faces in whole frames, which a GPU may do for it: its option `detector` says where."""
        return False

    @property
    def is_available(self) -> bool:
        """Whether it can compute at all; one that cannot is left out where its columns are optional."""
        return True

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

    def own_features(self) -> Features:
        """The types of `outputs`."""
        return Features({name: column.feature for name, column in self.outputs().items()})

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

    def chain(self, present: set[str]) -> list[Stage]:
        """This stage, behind the stages whose columns it reads and which are not among `present`."""
        return behind_missing([self], present, lambda reader, stage: reader.upstream(stage))

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


def _restore(
    cls: type[Stage], config: str, placement: tuple[tuple[str, Any], ...], digest: str | None, pinned: bool = False
) -> Stage:
    """A stage from its pickled state, without checking again what was checked when it was made."""
    stage = object.__new__(cls)
    stage.config = cls.Config(**restored(json.loads(config)))
    stage.placement = Placement(**dict(placement))
    stage.is_pinned = pinned
    if digest is not None and (pinned or is_worker()):
        # A worker need not hash the weights again; a pickle that was kept may find other weights in their place.
        stage._digest = digest  # type: ignore[attr-defined]
    return stage


def _without_self(constructor: Signature) -> Signature:
    return constructor.replace(parameters=list(constructor.parameters.values())[1:])
