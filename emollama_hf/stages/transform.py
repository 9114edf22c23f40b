"""The contract of every callable that goes into `datasets.map`.

A transform *is* its frozen configuration, its version and the identity (digest) of its model: that is what
`fingerprint` covers and what `datasets` hashes. Where and how it runs (device, path of the model, size of
micro-batches) travels with it in the pickle and decides nothing. The model itself is loaded on first use, once per
process, into `model_cache`; calling a transform never changes its pickled bytes.

Data flow of one call:

    batch ─► Rows ─► for each micro-batch of rows: the stages of `chain`, in order ─► checked columns

A stage is a transform that computes columns of its own (`stage.Stage`); a pipeline is several stages. Rows are run in
`running`.
"""

from __future__ import annotations

import abc
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from datasets import Features

from emollama_hf import schema
from emollama_hf.computing import process
from emollama_hf.console.logs import package_logger
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.rows import Rows
from emollama_hf.stages.running import run_chunk
from emollama_hf.stages.shape_check import check_shapes
from emollama_hf.stages.step import Step

logger = package_logger(__name__)

LARGE_OUTPUT_BYTES = 1_000_000_000

_warned_of_size: set[str] = set()


class Transform(abc.ABC):
    """A callable for `ds.map(transform, batched=True)`: a dict of columns in, a dict of new columns out."""

    #: What it is called in messages, timings and the registry.
    name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _hash_by_fingerprint(cls)

    @property
    @abc.abstractmethod
    def features(self) -> Features:
        """The types of the columns that a call returns.

        ds.map(t, batched=True, features=datasets.Features({**ds.features, **t.features})) stores as declared.
        """

    @abc.abstractmethod
    def identity(self) -> dict[str, Any]:
        """All that decides the results, JSON-able: configuration with every "auto" resolved, version, weights."""

    @abc.abstractmethod
    def chain(self, present: set[str]) -> Sequence[Step]:
        """The stages that a call runs, in order, on a data set with the columns `present`."""

    @property
    def micro_batch(self) -> int:
        """Rows that go through the stages together, however many `map` hands over."""
        return 1

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that change exactly when results can."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()[:32]

    @no_secrets()
    def __call__(self, batch: Mapping[str, Any], rank: int | None = None) -> dict[str, np.ndarray | list[Any]]:
        """The new columns of a batch.

        batch: the lazy batch of `ds.map(..., batched=True)` or a dict of columns.
        rank: with `ds.map(..., num_proc=N, with_rank=True)` the number of the worker, which takes the GPU of that
            number.
        Returns the columns of `features`: numpy arrays (rows, *shape); lists where rows are null, text or pictures.
        Raises ClipError, which names the row, with on_error="raise"; with "null" such a row gets nulls and its
        status. ModelError if the model cannot be had, StageError if a stage ends with an error of its own.
        """
        if rank is not None:
            process.take_gpu(rank)
        rows = Rows.from_batch(batch)
        features = self.features
        self._warn_of_large_output(features, rows.length)
        stages = self.chain(set(rows.names))
        for stage in stages if rows.length else ():
            stage.ready()
        check_shapes(stages if rows.length else ())
        values: dict[str, list[Any]] = {name: [] for name in features}
        for chunk in rows.chunks(self.micro_batch):
            run_chunk(stages, chunk)
            for name, collected in values.items():
                collected.extend(_storable(chunk, name, features[name]))
        return {name: schema.column(name, values[name], feature) for name, feature in features.items()}

    def _warn_of_large_output(self, features: Features, rows: int) -> None:
        size = rows * schema.row_bytes(features)
        if size <= LARGE_OUTPUT_BYTES or self.name in _warned_of_size:
            return
        _warned_of_size.add(self.name)
        logger.warning(
            "%s returns %.1f GB for this batch of %d rows, all in memory at once: pass map a smaller batch_size, "
            "such as batch_size=16 (its default is 1000), or use emollama_hf.extract, whose memory stays flat.",
            self.name,
            size / 1e9,
            rows,
        )


def _storable(rows: Rows, name: str, feature: Any) -> list[Any]:
    """One column of a finished micro-batch. A failed row may carry the very feature that was wrong: null then."""
    shape = schema.shape_of(feature)
    values = [rows.value(name, i) for i in range(rows.length)]
    if shape is None:
        return values
    return [
        None
        if value is not None and not schema.fits(np.shape(value), shape) and rows.value(schema.STATUS, i) != schema.OK
        else value
        for i, value in enumerate(values)
    ]


def _identity(name: str, fingerprint: str) -> str:
    return f"{name}:{fingerprint}"


def _hash_by_fingerprint(cls: type[Transform]) -> None:
    """Let `datasets` hash a transform by its fingerprint alone.

    Pickled bytes must name the device and the model's path, because workers need them; a cache must not depend on
    either. The hook is private to `datasets`: without it only cache hits after a move or on another device are lost.
    """
    try:
        from datasets.utils._dill import pklregister
    except ImportError:
        return

    def save(pickler: Any, transform: Transform) -> None:
        pickler.save_reduce(_identity, (transform.name, transform.fingerprint), obj=transform)

    pklregister(cls)(save)
