"""A run takes no row and no column out of a directory unasked; what it may do to those that are there.

rows and columns there ─┐
                        ├─► all of them would be there still ─► written
rows and columns here  ─┘   some would be gone ─► an error, `existing="add"` or `existing="replace"`
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from datasets import Features

from emollama_hf import schema
from emollama_hf.console.logs import package_logger
from emollama_hf.errors import SafeMessage
from emollama_hf.feature_set.existing_set import ExistingSet
from emollama_hf.feature_set.row_identity import RowIdentity
from emollama_hf.feature_set.run_description import setting_differences
from emollama_hf.privacy.numbered_columns import pattern_of
from emollama_hf.schema import describe_column
from emollama_hf.stages.known_columns import columns_of_stage_named
from emollama_hf.text.few_of_many import FEW, few_and_more

logger = package_logger(__name__)

#: What becomes of rows and columns that a directory holds and a run would not write.
CHOICES = ("error", "add", "replace")
#: Settings that make another column of the same type and name.
FORM_SETTINGS = ("pooling",)


class ExistingRowsError(SafeMessage, FileExistsError):
    """A run would take rows or columns out of a feature data set; the message says which, and how to keep them."""


def check_shrinking(
    before: ExistingSet,
    features: Features,
    identities: Sequence[RowIdentity],
    made: Mapping[str, Any],
    computed: Sequence[str],
    held_back: Collection[str] = (),
) -> None:
    """Raise ExistingRowsError if a run would take rows or columns out of a set.

    features, identities: columns and rows that it writes. made: how. computed: columns that it computes. held_back:
    columns that it has and does not write, because nobody named them.
    """
    if before.published:
        raise ExistingRowsError(
            f"{before.out} holds rows that were pushed there, and a run would take them out. Choose another directory "
            'and push that one to it (emollama-hf push), or replace it (--replace, existing="replace").'
        )
    columns = _gone_columns(before, features, made, computed)
    gone = _gone(before, identities, columns)
    if not gone:
        return
    kept = [name for name, how in columns.items() if how]
    but = f"; that cannot keep {', '.join(kept)}, which the run writes in another form" if kept else ""
    raise ExistingRowsError(
        f"{before.out} holds a feature data set, and this run would take out of it {gone}. Add to what "
        f'is there (--add, existing="add"{but}), replace it (--replace, existing="replace"), or choose another '
        f"directory.{_includable([name for name in columns if name in held_back])}"
    )


def tell_replaced(
    before: ExistingSet,
    features: Features,
    identities: Sequence[RowIdentity],
    made: Mapping[str, Any],
    computed: Sequence[str],
) -> None:
    """Say which rows and columns a run takes out that was told to. Arguments as `check_shrinking`."""
    gone = _gone(before, identities, _gone_columns(before, features, made, computed))
    if gone:
        logger.warning("%s: this run takes out of it %s", before.out, gone)


def _gone(before: ExistingSet, identities: Sequence[RowIdentity], columns: Mapping[str, str]) -> str:
    """Rows and columns that a run would take out of a set, in words; "" if there are none."""
    rows, parts = before.gone_rows(identities), []
    if rows:
        parts.append(f"{len(rows)} of its {len(before)} rows: {few_and_more([before.label(row) for row in rows])}")
    if columns:
        words = [f"{name} ({how})" if how else name for name, how in columns.items()]
        parts.append(f"{len(columns)} of its {len(before.features)} columns: {few_and_more(words)}")
    return " and ".join(parts)


def _includable(columns: Sequence[str]) -> str:
    """What to do about columns that a run leaves out only because nobody named them."""
    several = columns if len(columns) <= FEW else list(dict.fromkeys(map(pattern_of, columns)))
    names = " ".join(f"--include {shlex.quote(name)}" for name in several[:FEW])
    return f" Columns that are left out by themselves stay if they are named ({names}; include=)." if names else ""


def check_adding(before: ExistingSet, features: Features, made: Mapping[str, Any], computed: Sequence[str]) -> None:
    """Raise ExistingRowsError unless rows of a run can stand beside those of a set. Arguments as `check_shrinking`."""
    otherwise = 'Choose another directory, or replace what is there (--replace, existing="replace").'
    if before.published:
        raise ExistingRowsError(
            f"{before.out} holds rows that were pushed there: extract into another directory, and push that one to it "
            "(emollama-hf push)."
        )
    differences = setting_differences(before.config.made, made)
    if differences:
        raise ExistingRowsError(
            f"rows that were made in different ways cannot stand in one set. {before.out} and this run differ in "
            f"{few_and_more(differences)}. {otherwise}"
        )
    unlike = [
        f"{name}: {describe_column(before.features[name])} there, {describe_column(kind)} here"
        for name, kind in features.items()
        if name in before.features and before.features[name] != kind and together(before.features[name], kind) is None
    ]
    if unlike:
        cast = "" if any(line.split(":")[0] in computed for line in unlike) else "Cast it (ds.cast_column). "
        raise ExistingRowsError(f"{before.out} has columns of other types: {few_and_more(unlike)}. {cast}{otherwise}")
    unknown = [row for row, note in enumerate(before.notes) if not note.identity.is_known]
    if unknown:
        raise ExistingRowsError(
            f"{len(unknown)} rows of {before.out} have no name ({', '.join(schema.ROW_NAMES)}), so that nobody can "
            f"tell whether the run has them, too. {otherwise}"
        )
    before.check_files()


def warn_of_other_settings(before: ExistingSet, made: Mapping[str, Any]) -> None:
    """Say that values are replaced that were made in another way."""
    differences = setting_differences(before.config.made, made)
    if differences:
        logger.warning("%s: values that were made otherwise are replaced: %s", before.out, few_and_more(differences))


def together(there: Any, here: Any) -> Any:
    """The type of a column that holds values of two types; None if there is no such type."""
    if there == here:
        return there
    kinds = [getattr(one, "dtype", None) if type(one).__name__ == "Value" else None for one in (there, here)]
    if "null" in kinds:
        return here if kinds[0] == "null" else there
    if set(kinds) == {"string", "large_string"}:
        return there if kinds[0] == "large_string" else here
    return None


def _gone_columns(
    before: ExistingSet, features: Features, made: Mapping[str, Any], computed: Sequence[str]
) -> dict[str, str]:
    """Columns that other columns lack, or have in another form, and what becomes of each.

    features: types of the other columns. made: how they are made. computed: those of them that stages compute.
    """
    gone = {name: "" for name in before.features if name not in features}
    forms, earlier = _forms(made), _forms(before.config.made)
    for name in computed:
        if name in before.features and before.features[name] != features[name]:
            there, here = (describe_column(one[name]) for one in (before.features, features))
            differs = there != here
            gone[name] = f"{there} there, {here} here" if differs else "of another type"
        elif name in before.features and earlier.get(name, forms.get(name)) != forms.get(name):
            gone[name] = f"{earlier[name]} there, {forms[name]} here"
    return gone


def _forms(made: Mapping[str, Any]) -> dict[str, str]:
    """For each column that a stage of such settings computes: "pooling mean"."""
    return {
        column: f"{setting} {stage['config'][setting]}"
        for stage in made.get("stages", ())
        for setting in FORM_SETTINGS if setting in stage["config"]
        for column in columns_of_stage_named(stage["stage"])
    }  # fmt: skip
