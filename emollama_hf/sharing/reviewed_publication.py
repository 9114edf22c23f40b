"""What of a source is published: looked at, named, and shown to whoever reviews it."""

from __future__ import annotations

from collections.abc import Collection

from emollama_hf.console.logs import package_logger
from emollama_hf.console.terminal import shown_text
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.manifest import FeatureConfig, RowKey
from emollama_hf.privacy.allowed_columns import computed_shapes
from emollama_hf.privacy.column_values import columns_to_look_at, look_at_values
from emollama_hf.privacy.included_columns import look_for_signals
from emollama_hf.privacy.numbered_columns import named_columns
from emollama_hf.privacy.spelled_names import spellings
from emollama_hf.sharing.names.file_names import file_names, unrepeated
from emollama_hf.sharing.names.row_names import choose_names
from emollama_hf.sharing.push_options import PushOptions
from emollama_hf.sharing.review import Reviewed, reviewed
from emollama_hf.sharing.source_rows import SourceRows
from emollama_hf.sharing.withhold import Publication, plan_publication

logger = package_logger(__name__)


def reviewed_publication(
    rows: SourceRows, there: FeatureConfig | None, options: PushOptions, of_set: Collection[RowKey]
) -> Reviewed:
    """Decide what is published of a source's rows, and under which names.

    Args:
        rows: of the source.
        there: the configuration as it is published already; None for a new one.
        options: of the push.
        of_set: what names rows in the set's configurations.

    Returns:
        The publication as `options.review` left it, with its columns.

    Raises:
        ShareError: no rows, or columns that are named and cannot be published.
    """
    if not rows.count:
        raise ShareError("the data set has no rows: there is nothing to push.")
    named = named_columns(options.include, rows.features)
    looked_at = columns_to_look_at(rows.features, [*computed_shapes(), *named])
    values = look_at_values(rows.tables(looked_at)) if looked_at else {}
    values = look_for_signals(rows.features, values, named, rows.tables)
    files = file_names(rows, values, options.key)
    columns = None if there is None else there.features

    def plan(held_back: Collection[str]) -> Publication:
        names = choose_names(
            rows.features, key=options.key, hash_keys=options.hash_keys, in_clear=options.names, secret=options.secret,
            source=rows.key, published=None if there is None else there.key,
            file_names=[name for name, held in values.items() if held.are_file_names],
            repeating=files.repeating, of_set=of_set,
        )  # fmt: skip
        if names.key.column in held_back:
            names = names.hashed()
        drop = [*options.drop, *(name for name in held_back if name != names.key.column)]
        include = [name for name in named if name not in held_back]
        repeating = unrepeated(rows.features, files, columns)
        return plan_publication(
            rows.features, values, names, media=options.media, drop=drop, include=include, repeating=repeating
        )

    found = reviewed(rows, plan, columns, options.review, spellings(files.stems))
    key = found.publication.names.key
    if key.hashed is None and key.column in files.repeating and not options.names:
        logger.warning(
            "%s repeats names of files, and the set has such names in clear already: it goes on so. A set of its own "
            "gets hashes.", shown_text(key.column),
        )  # fmt: skip
    return found
