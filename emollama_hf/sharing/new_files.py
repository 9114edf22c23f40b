"""The files that a push adds to a configuration, and the configuration as it is then."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Features

from emollama_hf.feature_set.manifest import FeatureConfig, FeatureFile
from emollama_hf.feature_set.run_description import merged
from emollama_hf.sharing.left_out_lines import public_lines
from emollama_hf.sharing.places.place import Place
from emollama_hf.sharing.published_rows import PublishedRows
from emollama_hf.sharing.push_plan import PushPlan
from emollama_hf.sharing.rewrite import replaced_entry, rewrite_without
from emollama_hf.sharing.source_rows import SourceRows
from emollama_hf.sharing.staging import file_number, stage_rows
from emollama_hf.sharing.withhold import Publication


def write_new_files(
    place: Place, name: str, there: FeatureConfig | None, source: PublishedRows, plan: PushPlan, key: str, folder: Path
) -> dict[str, FeatureFile]:
    """Write what is new below `folder`.

    Args:
        place: where the configuration is published.
        name: of the configuration.
        there: the configuration as it is published already; None for a new one.
        source: the rows as they are published.
        plan: which of them are new, and which replace others.
        key: the column that names rows.
        folder: of this machine, for staging.

    Returns:
        All files of the configuration as they will be, by path.
    """
    files = dict(there.files) if there is not None else {}

    def is_replaced(table: pa.Table) -> list[bool]:
        return [str(value) in plan.replaced for value in table.column(key).to_pylist()]

    for path, file in list(files.items()):
        if not plan.replaced.isdisjoint(file.rows):
            new = rewrite_without(place, path, file, source.features, is_replaced, folder, config=name, key=key)
            files = replaced_entry(files, path, new.new)
    if plan.digests:
        first = max((file_number(path) for path in files), default=-1) + 1
        files |= stage_rows(
            source.tables("Writing new rows"), source.features, plan, key, folder / "new", config=name, first=first
        )
    return files


def merged_config(
    there: FeatureConfig | None,
    rows: SourceRows,
    publication: Publication,
    features: Features,
    files: dict[str, FeatureFile],
) -> FeatureConfig:
    """The configuration as it is once `files` are published.

    Args:
        there: as it is published already; None for a new one.
        rows: of the source.
        publication: what of them is published.
        features: types of the published columns.
        files: all files of the configuration, by path.
    """
    withheld = [*(() if there is None else there.withheld), *rows.withheld, *publication.withheld]
    forgotten = () if there is None else there.forgotten
    made = rows.made
    if there is not None and there.made:
        made = {**there.made, **merged([_versions(there.made), _versions(rows.made)])}
    return FeatureConfig(made, features, files, publication.names.key, public_lines(withheld, features), forgotten)


def _versions(made: Mapping[str, Any]) -> dict[str, Any]:
    """The versions that took part; of several pushes they stand in one text already."""
    return {name: made[name] for name in ("emollama_hf", "python", "libraries")}
