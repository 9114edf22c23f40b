"""What the stages with a neural network share: finding the model, its identity, its device and its number type."""

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
from emollama_hf.checkpoints.memory import fitting_batch
from emollama_hf.computing import process
from emollama_hf.computing.available_memory import cuda_memory
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
    """dtype: the type that is computed in (number_types.py); "auto" is "float16-mixed" on CUDA, "float32" on a CPU."""

    dtype: str = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("dtype", self.dtype, DTYPES)


class ModelStage(Stage):
    """A stage that runs one part of a model directory."""

    #: The part of the model directory that this stage runs.
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
        """`compute` for as many rows as memory allows."""

    def compute(self, items: list[Any]) -> list[dict[str, Any] | ClipError]:
        """The rows in as few batches as memory allows: one that does not fit is halved, and so are those after it."""
        return in_fitting_batches(self.compute_together, items, f"{self.name} on {self.device()}")

    def _load(self, source: ModelSource, dtype: DtypeName, device: str) -> nn.Module:
        """The part's network in eval mode."""
        network: nn.Module = source.load(self.part, dtype=dtype, device=device)
        return network

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
        """The model this transform uses now. Raises ModelError if none was named or it is not there."""
        if self._source is not None:
            return self._source
        where = self.resolved_placement()
        if where.model is None:
            raise ModelError(f"{self.name}: {NO_MODEL}")
        return open_model(where.model, revision=where.revision, tokenizer=where.tokenizer)

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

    def _fitting_batch(self, device: str) -> int:
        # Earlier parts stay loaded beside a later one, also where rows bring their columns: the same batch either way.
        parts = (*self.parts_beside(), self.part)
        there = [part for part in parts if part == self.part or _converted(self.source, part)]
        return fitting_batch(
            self.source,
            there,
            dtype=self._policy(),
            quantize=getattr(self.config, "quantize", None),
            total_bytes=cuda_memory(device).total,
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
        """The loaded network, for as long as it computes: without gradients, with float32 as it is."""
        import torch

        model = self.model()
        with exact_float32(), torch.inference_mode():
            yield model

    def model(self) -> Any:
        """The loaded network; from this process's cache after the first time."""
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

        return cached(self.part, key, load)

    def resolved_placement(self) -> Placement:
        # Ready instances know no model: what `configure` or the environment says is looked up at each use, so that
        # it may be said after the import, and is put into the pickle, so that workers need not be told.
        preset = defaults()
        where = self.placement
        if where.model is None:
            where = replace(where, model=preset.model, revision=preset.revision)
        if where.device == "auto":
            where = replace(where, device=preset.device)
        return where

    def configured(self) -> ModelStageConfig:
        # As above: a worker that was not forked knows nothing of what `configure` was told.
        return self.config if self.config.dtype != "auto" else replace(self.config, dtype=defaults().dtype)

    def device(self) -> str:
        """The torch device this stage computes on here."""
        return process.resolve_device(self.resolved_placement().device)

    def _dtype(self) -> DtypeName:
        return find_encoder(self.part).computed_type(self._policy())

    def _policy(self) -> DtypeName:
        """What was asked for, for a model as a whole."""
        return process.resolve_dtype(self.configured().dtype, self.resolved_placement().device)


def stages_with_weights(stages: Iterable[Stage]) -> list[ModelStage]:
    """The stages that run a part of a model directory, in their order."""
    return [cast("ModelStage", stage) for stage in stages if stage.has_weights]


def _of_tiny_model(stage: ModelStage) -> ModelStage:
    twin = type(stage)("random-tiny")
    twin.config = stage.config
    return twin


def compile_blocks(network: Any) -> None:
    """Let torch.compile fuse what lies between a network's matrix products, block by block.

    The blocks are alike, so that one is compiled and the others use it: seconds instead of minutes.
    """
    for block in network.blocks():
        block.compile()


@cache
def _say_once(message: str) -> None:
    logger.warning("%s", message)


def _converted(source: ModelSource, part: str) -> bool:
    try:
        source.config(part)
    except ModelError:
        return False
    return True
