"""What `extract` writes of a data set's own columns beside those that it computes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from datasets import Dataset, Features

from emollama_hf import schema
from emollama_hf.extraction.assembly import Assembly
from emollama_hf.extraction.held_back import held_back
from emollama_hf.feature_set.existing_set import open_existing
from emollama_hf.feature_set.feature_rows import FeatureRows
from emollama_hf.feature_set.feature_set import rows_a_file, write_feature_set
from emollama_hf.feature_set.row_identity import RowIdentity, row_identities
from emollama_hf.feature_set.run_description import describe_run, made_with
from emollama_hf.feature_set.shrinking import (
    check_adding,
    check_shrinking,
    tell_replaced,
    warn_of_other_settings,
)
from emollama_hf.privacy.allowed_columns import left_out
from emollama_hf.privacy.media import SHOWS_PEOPLE, without_media
from emollama_hf.stages.pipeline import Pipeline


class Output:
    """The columns of one call of `extract` that came with the data set, and how they and the new ones are written."""

    def __init__(
        self,
        ds: Dataset,
        pipeline: Pipeline,
        contents: Mapping[str, list[str | None]],
        *,
        include: Collection[str] = (),
        existing: str = "error",
    ) -> None:
        """Nothing is read yet.

        Args:
            ds: the rows.
            pipeline: what is computed of them.
            contents: hashes of the rows' clips, by column, which say which rows are the same.
            include: columns of `ds` to write that are left out otherwise.
            existing: what becomes of rows and columns that are written already.
        """
        self.ds = ds
        self.pipeline = pipeline
        self._contents = contents
        self._include = include
        self._existing = existing

    def check_existing(self, out: Path, store: Path) -> None:
        """Check, before anything is computed, that `out` loses no rows or columns unasked.

        Args:
            out: where the feature data set is written.
            store: the root of its work store.

        Raises:
            ExistingRowsError: it would.
        """
        before = open_existing(out, store)
        if before is None:
            return
        made, computed = describe_run(self.pipeline, made_with=made_with(self.pipeline.stages)), self.pipeline.features
        features = Features({**self._labels.features, **computed})
        if self._existing == "error":
            check_shrinking(before, features, self._identities, made, list(computed), self._held_back)
        if self._existing == "replace":
            tell_replaced(before, features, self._identities, made, list(computed))
        if self._existing == "add":
            check_adding(before, features, made, list(computed))
        else:
            warn_of_other_settings(before, made)

    def write(self, assembly: Assembly, made: Mapping[str, Any], out: Path, shard_rows: int | None) -> None:
        """Write the feature data set.

        Args:
            assembly: the computed rows.
            made: how they were computed, for provenance.
            out: where it is written.
            shard_rows: rows a Parquet file; None for about 256 MB.
        """
        rows = self.rows(assembly)
        write_feature_set(
            rows,
            out,
            assembly.computation.store.root,
            made,
            shard_rows or rows_a_file(rows.all_features),
            existing=self._existing,
        )

    def rows(self, assembly: Assembly) -> FeatureRows:
        """What is written of the computed rows, with the columns that the data set came with."""
        labels = self._labels
        errors = assembly.errors(folders=False)
        return FeatureRows(
            labels=labels if labels.column_names else None,
            features=self.pipeline.features,
            row_ids=[f"{one} {error}" for one, error in zip(assembly.row_ids, errors, strict=True)],
            keys=[list(keys) for keys in zip(*assembly.computation.keys.values(), strict=True)],
            withheld=tuple(dict.fromkeys(left_out(name, reason) for name, reason in self._left_out().items())),
            tables=lambda ranges: assembly.tables(ranges, errors),
            identities=self._identities,
            failed=[status != schema.OK for status in assembly.statuses],
        )

    def select(self, ds: Dataset, rows: Sequence[int]) -> Output:
        """The same of some rows. ds: these rows, whose positions in the whole data set are `rows`."""
        contents = {name: [found[row] for row in rows] for name, found in self._contents.items()}
        return Output(ds, self.pipeline, contents, include=self._include, existing=self._existing)

    @cached_property
    def kept(self) -> Dataset:
        """The data set without the columns that are computed."""
        return self.ds.remove_columns([name for name in self.pipeline.features if name in self.ds.column_names])

    @cached_property
    def _labels(self) -> Dataset:
        labels = without_media(self.kept)
        return labels.remove_columns([name for name in self._held_back if name in labels.features])

    @cached_property
    def _identities(self) -> list[RowIdentity]:
        return row_identities(self.ds, self._contents)

    def _left_out(self) -> dict[str, str]:
        """Columns that are not written, and why."""
        return {**self._held_back, **dict.fromkeys(self.pipeline.sensitive, SHOWS_PEOPLE)}

    @cached_property
    def _held_back(self) -> dict[str, str]:
        """Columns that came with the data set and are not written, and why."""
        return held_back(self.kept, self._include)
