"""The rows of a source as they are published."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
from datasets import Features

from emollama_hf.console.progress import sharing_bar
from emollama_hf.feature_set.manifest import FeatureConfig
from emollama_hf.sharing.names.class_names import joined_names, renumbered
from emollama_hf.sharing.names.row_names import forgotten_name
from emollama_hf.sharing.push_plan import fitted
from emollama_hf.sharing.source_rows import SourceRows
from emollama_hf.sharing.withhold import Publication


@dataclass(frozen=True)
class PublishedRows:
    """The source's rows as they are published.

    Attributes:
        rows: of the source.
        publication: which of its columns, under which names of rows.
        features: types of the published columns, of rows that are there already as well.
        lacking: columns that are published already and that the source does not have.
    """

    rows: SourceRows
    publication: Publication
    features: Features
    lacking: Sequence[str]

    def tables(self, title: str) -> Iterator[pa.Table]:
        """All rows. title: what they are gone through for, for a progress bar."""
        bar = sharing_bar(self.rows.count, title)
        some = self.rows.tables(self.publication.reads, one_by_one=bool(self.publication.media))
        for table in self.publication.tables(some):
            yield fitted(renumbered(table, self.publication.features, self.features), self.features, self.lacking)
            if bar is not None:
                bar.update(table.num_rows)
        if bar is not None:
            bar.close()


def joined_features(there: FeatureConfig, source: PublishedRows, key: str, gone: Collection[str]) -> Features:
    """The types of published rows, with the names of classes that the rows here have, too. gone: of rows, forgotten."""
    forgotten = frozenset(gone)

    def is_sent(table: pa.Table) -> list[bool]:
        return [forgotten_name(str(name)) not in forgotten for name in table.column(key).to_pylist()]

    return joined_names(there.features, source.features, lambda: source.tables("Comparing classes"), is_sent)
