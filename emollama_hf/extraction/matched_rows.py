"""Rows of a table matched to clips: the one matcher, and the one place of its errors.

It serves the labels of `extract` (`labels`) and the builders of `dataset_scripts`. How a name finds clips is a `Finder`
of `clip_names`; in all of them capitals count, Unicode spellings of one name do not (NFC, NFD), nor blanks around it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from emollama_hf.errors import SourceError
from emollama_hf.extraction.clip_names import Finder
from emollama_hf.files.tables import Row, Table
from emollama_hf.text.few_of_many import few_and_more

NAME_BY_PATH = "Name each by its path in the folder, in a column file_name."
KEEP_ONE = "Remove all but one."


@dataclass(frozen=True)
class MatchedRows:
    """Which row of a table each clip has.

    Attributes:
        row_of: number of the row (from 0) by the position of its clip.
        without_clip: keys of the rows that have no clip, in the order of the table.
    """

    row_of: dict[int, int]
    without_clip: list[str]


def match_rows(
    table: Table,
    key: str,
    finder: Finder,
    names: Sequence[str],
    *,
    remedy: str,
    recordings: Callable[[list[int]], Collection[str]] | None = None,
    taken: Collection[int] = (),
) -> MatchedRows:
    """Match each row of a table to the clip that it names.

    Args:
        table: of labels.
        key: the column that names clips.
        finder: from a value of `key` to the positions of the clips of that name.
        names: what people call the clips, by position.
        remedy: what to do about a key that several clips have, as a sentence.
        recordings: the names of the different recordings among some clips; by default each clip is one. Clips of one
            recording share its row.
        taken: positions of clips that another table has matched.

    Returns:
        The matches; several clips have one row only if they are one recording.

    Raises:
        SourceError: an empty key, a doubled key, a key of several clips, two rows for one clip; with the line.
    """
    table.check_filled([key])
    table.unique(key)
    owner: dict[int, Row] = {}
    row_of: dict[int, int] = {}
    without_clip: list[str] = []
    for number, row in enumerate(table.rows):
        value = row.cells[key]
        clips = finder(value)
        several = sorted({names[clip] for clip in clips} if recordings is None else recordings(clips))
        if len(several) > 1:
            found = f"{len(several)} clips: {shown(several)}"
            raise table.error(row.line, f"{key} {value!r} is the name of {found}. {remedy}")
        for clip in clips:
            if clip in taken or clip in owner:
                other = f"line {owner[clip].line} ({owner[clip].cells[key]!r})" if clip in owner else "another table"
                raise table.error(row.line, f"{key} {value!r} is the clip {names[clip]!r}, as {other} is. Remove one.")
            owner[clip], row_of[clip] = row, number
        if not clips:
            without_clip.append(value)
    return MatchedRows(row_of, without_clip)


def check_any(matched: MatchedRows, table: Table, key: str, names: Sequence[str]) -> None:
    """Raise SourceError if no row of a table has a clip.

    Args:
        matched, table, key, names: of `match_rows`.
    """
    if not matched.row_of:
        hint = "A file_name has its ending." if key == "file_name" else f"A {key} is a file's name without its ending."
        raise SourceError(
            f"{table.path}: no {key} matches a clip; it has {shown(matched.without_clip)}, the clips are "
            f"{shown(names)}. {hint}"
        )


def shown(values: Sequence[Any]) -> str:
    """Values in quotes, the first five of them."""
    return few_and_more(values, show=repr)
