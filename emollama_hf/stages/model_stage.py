"""A stage with a neural network: where its model is found, its identity, its device, its number type, its batches."""

from __future__ import annotations

import copy
import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.checkpoints.memory import StageMemory, fitting_batch
from emollama_hf.computing import process
from emollama_hf.computing.available_memory import cuda_memory
from emollama_hf.computing.compiled_blocks import compile_blocks
from emollama_hf.computing.exact_float32 import exact_float32
from emollama_hf.computing.fitting_batches import in_fitting_batches
from emollama_hf.computing.model_cache import cached
from emollama_hf.computing.number_types import DTYPES, DtypeName
from emollama_hf.console.logs import package_logger
from emollama_hf.defaults import NO_MODEL, defaults
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.credit import Credit
from emollama_hf.errors import ClipError, MissingPartError, ModelError
from emollama_hf.stages.config import Placement, StageConfig, check_choice
from emollama_hf.stages.stage import Stage

if TYPE_CHECKING:
    from torch import nn


logger = package_logger(__name__)


@dataclass(frozen=True)
class ModelStageConfig(StageConfig):
    """Options of every stage with a network that can change its result.

    Args:
        on_error: "raise" or "null".
        dtype: number type of the computation (`computing.number_types`); "auto" is "float16-mixed" on CUDA and
            "float32" on a CPU.

    Raises:
        ValueError: an option has a value that is not valid.
    """

    dtype: str = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("dtype", self.dtype, DTYPES)


class ModelStage(Stage):
    """A stage that runs one part of a model directory.

    A subclass names its `part`, and implements `outputs`, `prepare` and `compute_together`, which computes within
    `computing`.

    Args:
        model: model directory, Hub id, "random-tiny" or "random-full"; None for the model that `configure` has set.
        **options: fields of `Config`, and of `Placement` those in `placement_options`.

    Raises:
        TypeError: an unknown option; the message lists the options of the stage.
        ValueError: an option has a value that is not valid.

    Example:
        >>> ToneEmbed("random-tiny", batch_size=4)({"facemae_frames": [crops]})["tone"].shape  # docs/extending.md
        (1, 8)
    """

    #: Name of the family of weights whose folder in the model directory this stage loads.
    part: ClassVar[str]
    rounds: ClassVar[Literal["", "once", "after others"]] = "once"
    Config = ModelStageConfig
    placement_options: ClassVar[tuple[str, ...]] = ("model", "revision", "device", "batch_size", "compile")
    config: ModelStageConfig
    _digest: str | None = None
    _source: ModelSource | None = None

    def __init__(self, model: str | os.PathLike[str] | None = None, **options: Any) -> None:
        super().__init__(model=model, **options)

    __init__.is_derived = True  # type: ignore[attr-defined]

    @classmethod
    def variants(cls) -> tuple[Stage, ...]:
        # Sizes come from the model: two models of different sizes show which sides of an array do.
        return cls("random-tiny"), cls("random-full")

    @cached_property
    def makes(self) -> tuple[str, ...]:
        # The part may be missing in a directory whose rows bring its columns: names are asked of a model that has all.
        return tuple(_of_tiny_model(self).outputs())

    @abstractmethod
    def compute_together(self, items: list[Any]) -> list[dict[str, Any] | ClipError]:
        """The columns of some rows in one batch of the network.

        Args:
            items: results of `prepare`, `micro_batch` of them or fewer.

        Returns:
            A dict of the columns `outputs` for each, in order; a ClipError for a row whose result cannot be used.
        """

    def compute(self, items: list[Any]) -> list[dict[str, Any] | ClipError]:
        """`compute_together` in as few batches as memory allows.

        Args:
            items: results of `prepare`.

        Returns:
            As `compute_together`. A batch that does not fit into memory is halved, and later ones grow again.
        """
        return in_fitting_batches(self.compute_together, items, f"{self.name} on {self.device()}")

    def _load(self, source: ModelSource, dtype: DtypeName, device: str) -> nn.Module:
        """The part's network in eval mode, as `model` caches it.

        Args:
            source: of the weights.
            dtype: number type of the computation.
            device: a torch device.
        """
        network: nn.Module = source.load(self.part, dtype=dtype, device=device)
        return network

    @property
    def uses_run_model(self) -> bool:
        """Whether its weights are a part of the run's model; else it was given an encoder of its own."""
        return True

    @property
    def loads_whole_part(self) -> bool:
        """Whether it loads all of its part's network; else `brought_memory` says what it takes."""
        return True

    @property
    def slot(self) -> str:
        """Which loaded network it replaces when it loads its own: that of its part."""
        return self.part

    @property
    def uses_device(self) -> bool:
        return True

    @property
    def limits_batch(self) -> bool:
        return True

    @property
    def has_weights(self) -> bool:
        return True

    @property
    def is_available(self) -> bool:
        try:
            self.source.config(self.part)
        except MissingPartError as error:
            _say_once(f"{self.name} does not run, and its columns are left out: {error}")
            return False
        return True

    @property
    def dtype_follows_device(self) -> bool:
        return self.configured().dtype == "auto"

    def with_fixed_dtype(self) -> ModelStage:
        twin = copy.copy(self)
        twin.config = replace(self.config, dtype=self.resolved_config()["dtype"])
        return twin

    @property
    def source(self) -> ModelSource:
        """The model that this stage uses now. Cheap: no weights are read.

        Raises:
            ModelError: no model was named, or there is none of that name.
        """
        if self._source is not None:
            return self._source
        where = self.resolved_placement()
        if where.model is None:
            raise ModelError(f"{self.name}: {NO_MODEL}")
        return open_model(where.model, revision=where.revision, tokenizer=where.tokenizer, adapter=where.adapter)

    @property
    def micro_batch(self) -> int:
        if self.placement.batch_size is not None:
            return self.placement.batch_size
        # A CPU is as fast with one clip as with many, and one at a time gives the same bits in any batch.
        device = self.device()
        return self._fitting_batch(device) if device.startswith("cuda") else 1

    def parts_beside(self) -> tuple[str, ...]:
        """Parts that stay loaded beside this one, because the same rows go through all of them."""
        return find_encoder(self.part).beside

    def own_memory(self) -> StageMemory:
        """Bytes that this stage takes beside the weights and the activations of its part."""
        return StageMemory()

    def brought_memory(self) -> StageMemory:
        """Bytes of weights and activations that are not those of a whole part of the run's model."""
        return StageMemory()

    def _fitting_batch(self, device: str) -> int:
        # Earlier parts stay loaded beside a later one, also where rows bring their columns: the same batch either way.
        parts = (*self.parts_beside(), *((self.part,) if self.loads_whole_part else ()))
        there = [part for part in parts if part == self.part or _converted(self.source, part)]
        return fitting_batch(
            self.source,
            there,
            dtype=self._policy(),
            quantize=getattr(self.config, "quantize", None),
            total_bytes=cuda_memory(device).total,
            more=self.own_memory() if self.loads_whole_part else self.brought_memory(),
        )

    def model_digest(self) -> str:
        if self._digest is not None:
            return self._digest
        return self.source.digest(self.part)

    def credited(self) -> Credit | None:
        return self.credit or find_encoder(self.part).credit

    def pinned(self) -> ModelStage:
        source, where = self.source, self.resolved_placement()
        digest = source.digest(self.part)
        twin = copy.copy(self)
        # Computed with weights that came later, or with another setting, a row in the store would be a lie.
        twin.config = self.configured()
        twin.placement = replace(where, revision=source.commit or where.revision)
        twin._source, twin._digest, twin.is_pinned = source, digest, True
        return twin

    def resolved_config(self) -> dict[str, Any]:
        return {**asdict(self.config), "dtype": self._dtype()}

    def ready(self) -> None:
        self.model()

    @contextmanager
    def computing(self) -> Iterator[Any]:
        """Context of the computation: without gradients, and float32 products in float32, not in TF32.

        Yields:
            The loaded network.

        Raises:
            ModelError: as `model`.
        """
        import torch

        model = self.model()
        with exact_float32(), torch.inference_mode():
            yield model

    def model(self) -> Any:
        """The loaded network; from the cache of this process after the first call.

        Returns:
            The part's `torch.nn.Module`, in eval mode, on `device()`, without gradients.

        Raises:
            ModelError: the model is missing, does not have the part, or its weights do not fit its configuration.
        """
        import torch

        process.prepare_to_compute()
        device, dtype = self.device(), self._dtype()
        quantize, compiled = str(getattr(self.config, "quantize", None)), self.placement.compile
        key = (self.model_digest(), dtype, device, quantize, f"compiled {compiled}")

        def load() -> Any:
            network = self._load(self.source, dtype, device)
            if compiled:
                compile_blocks(network)
            if device.startswith("cuda"):
                # What it was made with may still run, in this thread's stream, when another thread's begins to use it.
                torch.cuda.synchronize(device)
            return network

        return cached(self.slot, key, load)

    def resolved_placement(self) -> Placement:
        # Ready instances know no model: what `configure` or the environment says is looked up at each use, so that
        # it may be said after the import, and is put into the pickle, so that workers need not be told.
        preset = defaults()
        where = self.placement
        if where.model is None:
            # An adapter belongs to the model that it was configured with; a face encoder has none.
            adapter = where.adapter or (preset.adapter if "adapter" in self.placement_options else None)
            where = replace(where, model=preset.model, revision=preset.revision, adapter=adapter)
        if where.device == "auto":
            where = replace(where, device=preset.device)
        return where

    def configured(self) -> ModelStageConfig:
        # As above: a worker that was not forked knows nothing of what `configure` was told.
        return self.config if self.config.dtype != "auto" else replace(self.config, dtype=defaults().dtype)

    def device(self) -> str:
        """The torch device on which this stage computes on this machine, such as "cuda:0"."""
        return process.resolve_device(self.resolved_placement().device)

    def _dtype(self) -> DtypeName:
        return find_encoder(self.part).computed_type(self._policy())

    def _policy(self) -> DtypeName:
        """The number type of the model as a whole; `_dtype` is the type of this part."""
        return process.resolve_dtype(self.configured().dtype, self.resolved_placement().device)


def stages_with_weights(stages: Iterable[Stage]) -> list[ModelStage]:
    """Of some stages, those that run a part of a model directory, in the same order.

    Args:
        stages: of any kind.

    Returns:
        The stages with `has_weights`.
    """
    return [cast("ModelStage", stage) for stage in stages if stage.has_weights]


def _of_tiny_model(stage: ModelStage) -> ModelStage:
    twin = type(stage)("random-tiny")
    twin.config = stage.config
    return twin


@cache
def _say_once(message: str) -> None:
    logger.warning("%s", message)


def _converted(source: ModelSource, part: str) -> bool:
    try:
        source.config(part)
    except ModelError:
        return False
    return True
