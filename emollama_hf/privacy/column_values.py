"""What the values of a column are, as far as a rule asks: lengths of texts and lists, names of files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from datasets import Features, LargeList, List, Value

from emollama_hf.files.video_files import VIDEO_SUFFIXES
from emollama_hf.privacy.media import sides_of

#: Characters of a short text.
SHORT_TEXT = 200
MEDIA_SUFFIXES = (
    *VIDEO_SUFFIXES, ".wav", ".mp3", ".m4a", ".npy", ".jpg", ".jpeg", ".png", ".bmp",
    ".flac", ".ogg", ".opus", ".aac", ".amr", ".wma", ".aiff", ".heic", ".gif", ".tif", ".tiff", ".webp", ".avif",
    ".dcm", ".jp2", ".nii", ".nii.gz", ".npz", ".pt", ".pth", ".pkl", ".h5", ".mat", ".csv", ".tsv", ".txt", ".json",
    ".eaf", ".textgrid", ".srt", ".vtt", ".zip", ".tar", ".gz", ".docx", ".xlsx", ".pdf", ".part",
)  # fmt: skip
#: Control characters, and what separates lines and paragraphs.
_LINE_ENDS = r"[\p{Cc}\x{2028}\x{2029}]"
_FILE_NAME = r"\.(" + "|".join(re.escape(suffix[1:]) for suffix in MEDIA_SUFFIXES) + r")$"
#: `0.265` is a number, although `.265` and `.264` are endings of videos.
_NUMBER = r"^[-+]?\d*\.\d+$"


@dataclass(frozen=True)
class ColumnValues:
    """Facts about all values of one column.

    Attributes:
        count: texts that are not blank.
        names: those of them that end like a file of a recording or picture.
        words: those of `names` without a space.
        longest: characters of the longest text.
        one_line: whether no text has a control character or a line separator.
        sides: of nested lists the largest number of values at each depth.
        is_signal: whether a row looks like a picture, a film or a sound, if somebody has looked (`look_for_signals`).
    """

    count: int = 0
    names: int = 0
    words: int = 0
    longest: int = 0
    one_line: bool = True
    sides: tuple[int, ...] = ()
    is_signal: bool = False

    @property
    def are_file_names(self) -> bool:
        """All texts end like files, or some cannot be anything else."""
        return self.words > 0 or 0 < self.count == self.names

    @property
    def are_short(self) -> bool:
        """Every text is one line of at most `SHORT_TEXT` characters."""
        return self.one_line and self.longest <= SHORT_TEXT

    def __add__(self, other: ColumnValues) -> ColumnValues:
        depth = max(len(self.sides), len(other.sides))
        sides = [(*one.sides, *[0] * (depth - len(one.sides))) for one in (self, other)]
        return ColumnValues(
            self.count + other.count,
            self.names + other.names,
            self.words + other.words,
            max(self.longest, other.longest),
            self.one_line and other.one_line,
            tuple(map(max, *sides)),
            self.is_signal or other.is_signal,
        )


def is_text(feature: Any) -> bool:
    """Whether a feature is text, and nothing that is made of texts."""
    return type(feature) is Value and _is_text_type(feature.pa_type)


def is_open_list(feature: Any) -> bool:
    """Whether a feature is nested lists of numbers of which some may have any length."""
    return isinstance(feature, List | LargeList) and -1 in sides_of(feature)


def columns_to_look_at(features: Features, lists: Collection[str] = ()) -> list[str]:
    """Columns whose values say more than their types: texts, and lists of any length among `lists`."""
    return [name for name, kind in features.items() if is_text(kind) or (name in lists and is_open_list(kind))]


def look_at_values(tables: Iterable[pa.Table]) -> dict[str, ColumnValues]:
    """Facts about each column of some tables, each value being looked at once.

    Args:
        tables: columns of texts and of nested lists, as `columns_to_look_at` names them.

    Returns:
        The facts by column name; empty where there is no table.

    Example:
        >>> look_at_values([pa.table({"label": ["MW", "NonMW"]})])["label"].longest
        5
    """
    found: dict[str, ColumnValues] = {}
    for table in tables:
        for name in table.column_names:
            before = found.setdefault(name, ColumnValues())
            for chunk in table.column(name).chunks:
                before += _facts(chunk, more=before.are_short)
            found[name] = before
    return found


def look_at_names(texts: Collection[str]) -> ColumnValues:
    """Facts about some texts, such as the names of a `ClassLabel`."""
    return _facts(pa.array(list(texts), pa.string()), more=True)


def _facts(array: pa.Array, *, more: bool) -> ColumnValues:
    """Facts about an array. more: whether a text of the column can still be the first that is not short."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not _is_text_type(array.type):
        # What was declared as text and is none is not short, whatever it is.
        return ColumnValues(one_line=array.null_count == len(array), sides=_sides(array))
    if pa.types.is_string_view(array.type):
        array = array.cast(pa.large_string())
    longest = pc.max(pc.utf8_length(array)).as_py() or 0
    if not more or longest > SHORT_TEXT:
        # The column is held back, or was asked for by its name: what its texts are like decides nothing more.
        return ColumnValues(count=len(array) - array.null_count, longest=longest)
    trimmed = pc.utf8_lower(pc.utf8_trim_whitespace(array))
    named = pc.and_(
        pc.match_substring_regex(trimmed, _FILE_NAME), pc.invert(pc.match_substring_regex(trimmed, _NUMBER))
    )
    words = pc.and_(named, pc.invert(pc.match_substring(trimmed, " ")))
    lines = pc.any(pc.match_substring_regex(array, _LINE_ENDS)).as_py()
    return ColumnValues(
        count=_number(pc.not_equal(trimmed, "")), names=_number(named), words=_number(words), longest=longest,
        one_line=not lines,
    )  # fmt: skip


def _number(mask: pa.Array) -> int:
    return pc.sum(mask).as_py() or 0


def _sides(array: pa.Array) -> tuple[int, ...]:
    kind = array.type
    if isinstance(kind, pa.ExtensionType):
        return _sides(array.storage)
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return ()
    return (pc.max(pc.list_value_length(array)).as_py() or 0, *_sides(array.values))


def _is_text_type(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
