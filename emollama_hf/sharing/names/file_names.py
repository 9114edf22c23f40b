"""Which columns repeat the names of the rows' files: in whole, without the ending, or within a longer text."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from datasets import Audio, ClassLabel, Features, Image, Value, Video

from emollama_hf import schema
from emollama_hf.feature_set.row_notes import known_rows
from emollama_hf.privacy.column_values import MEDIA_SUFFIXES, ColumnValues, is_text
from emollama_hf.privacy.personal_values import MOST, only_label_words
from emollama_hf.privacy.spelled_names import LEAST_CHARACTERS, folded, spelling, spellings
from emollama_hf.sharing.source_rows import SourceRows
from emollama_hf.stages.known_columns import is_computed, sensitive_columns
from emollama_hf.text.secrets import public_url
from emollama_hf.work_store.work_store import INSIDE_OUT

#: Characters of a name that is taken for a name of a file only where most rows repeat their own: `ben`, and no `p1`.
SHORT = (2, 3)
#: Within a text; other endings of videos, such as `.ts` and `.265`, are the end of much else.
_VIDEO = re.compile(r"\w\.(?:mp4|mov|webm|avi|mkv|m4v|mpe?g|wmv|flv|3gp|wav|mp3)(?!\w)")


@dataclass(frozen=True)
class FileNames:
    """Names of the files of a source.

    Attributes:
        stems: names without folder and ending, folded (`folded`); of at least `LEAST_CHARACTERS`.
        repeating: columns that repeat names of files, those that hold nothing else (`are_file_names`) left out.
    """

    stems: frozenset[str] = frozenset()
    repeating: frozenset[str] = frozenset()


def file_names(rows: SourceRows, values: Mapping[str, ColumnValues], key: str | None = None) -> FileNames:
    """Look for columns that repeat names of files.

    A column repeats them if one of its texts is the name of a file of the source, with or without folder and ending,
    or if most rows have the name of their own file, or of any video, within their text. Case and Unicode form do not
    count. Names of fewer than `LEAST_CHARACTERS` count where most rows repeat their own and they are letters alone.
    Names that are words of labels alone (`happy.mp4`) count only in a column that could name rows; such a column also
    counts if most of its values are paths. Of texts of one name each other spellings count, too (`Anna Smith` for
    `anna_smith.mp4`). Whole numbers count where most rows have their own.

    Args:
        rows: the source.
        values: facts about its texts (`look_at_values`).
        key: column that names the rows, if somebody said.

    Returns:
        The names, and the columns.
    """
    naming = dict.fromkeys([*schema.ROW_NAMES, *([] if key is None else [key])])
    files = [name for name, kind in rows.features.items() if _names_files(name, kind, values.get(name))]
    looked_at = [
        name for name, kind in rows.features.items() if name not in files and _may_repeat(name, kind, values.get(name))
    ]
    whole = _known_elsewhere(rows.directory)
    for table in _tables(rows, files):
        whole.update(path for column in table.columns for path in _paths(column) if path is not None)
    known = frozenset(stem for path in whole for stem in _forms(path))
    spelled = spellings(known)
    whole_numbers = {name for name in looked_at if _is_whole_number(rows.features[name])}
    found = {name: _Repeats(known, spelled, name in naming, name in whole_numbers) for name in looked_at}
    for name, repeats in found.items():
        repeats.note_classes(getattr(rows.features[name], "names", None) or ())
    for table in _tables(rows, [*files, *looked_at]):
        own = [_own_stems(paths) for paths in zip(*(_paths(table.column(name)) for name in files), strict=True)]
        own = own or [frozenset()] * table.num_rows
        for name, repeats in found.items():
            repeats.note(_texts(table.column(name), rows.features[name]), own)
    return FileNames(_telling(known), frozenset(name for name, repeats in found.items() if repeats.are_repeated))


@dataclass
class _Repeats:
    """How often a column repeats names.

    Attributes:
        known: stems of all files.
        spelled: their spellings.
        names_rows: whether the column could name rows.
        are_numbers: whether it holds whole numbers, of which one may be equal by chance.
    """

    known: frozenset[str]
    spelled: frozenset[str]
    names_rows: bool
    are_numbers: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, texts: list[str | None], own: list[frozenset[str]]) -> None:
        for text, stems in zip(texts, own, strict=True):
            if text is None or not text.strip():
                continue
            said, whole = _forms(text), _folded(text)
            self.counts["rows"] += 1
            self.counts["videos"] += _names_video(text)
            self.counts["any"] += any(self._tells(one) for one in said & self.known) or _spelling(text) in self.spelled
            self.counts["own"] += any(map(self._is_own, said & stems)) or any(
                stem in whole and self._tells(stem) for stem in stems
            )
            self.counts["paths"] += self.names_rows and "/" in text.strip("/\\").replace("\\", "/")

    def note_classes(self, names: Collection[str]) -> None:
        """Names of classes leave with the type of a column, whether a row has them or not."""
        self.counts["any"] += any(map(_names_video, names))
        self.counts["any"] += any(self._tells(one) for name in names for one in _forms(name) & self.known)

    @property
    def are_repeated(self) -> bool:
        most = MOST * self.counts["rows"]
        one_is_enough = self.names_rows or not self.are_numbers
        if one_is_enough and self.counts["any"] > 0:
            return True
        return any(self.counts[what] > most for what in ("own", "paths", "videos"))

    def _tells(self, stem: str) -> bool:
        return len(stem) >= LEAST_CHARACTERS and (self.names_rows or not only_label_words(stem))

    def _is_own(self, stem: str) -> bool:
        return len(stem) in SHORT and stem.isalpha() and (self.names_rows or not only_label_words(stem))


def _names_files(name: str, kind: Any, held: ColumnValues | None) -> bool:
    if isinstance(kind, Video | Audio | Image):
        return not is_computed(name)
    return is_text(kind) and (
        name in (*schema.FILE_NAMES, *sensitive_columns()) or (held is not None and held.are_file_names)
    )


def _may_repeat(name: str, kind: Any, held: ColumnValues | None) -> bool:
    if name in (schema.STATUS, schema.ERROR) or is_computed(name):
        return False
    if isinstance(kind, ClassLabel):
        return True
    if is_text(kind):
        return held is not None and held.are_short
    return _is_whole_number(kind)


def _is_whole_number(kind: Any) -> bool:
    return type(kind) is Value and "int" in kind.dtype


def _known_elsewhere(directory: Path | None) -> set[str]:
    """Paths of clips that the work store of a directory has noted: their names may be in no column."""
    if directory is None:
        return set()
    notes = known_rows(directory / INSIDE_OUT)
    return {note.identity.path for rows in notes.values() for note in rows if note.identity.path is not None}


def _tables(rows: SourceRows, columns: list[str]) -> Iterator[pa.Table]:
    if columns:
        heavy = any(not isinstance(rows.features[name], Value | ClassLabel) for name in columns)
        yield from rows.tables(columns, one_by_one=heavy)


def _paths(column: pa.ChunkedArray) -> list[str | None]:
    """The paths of a column of texts, or of recordings, whose bytes are not read."""
    if pa.types.is_struct(column.type):
        if column.type.get_field_index("path") < 0:
            return [None] * len(column)
        column = pc.struct_field(column, "path")
    return [one if isinstance(one, str) else None for one in column.to_pylist()]


def _texts(column: pa.ChunkedArray, kind: Any) -> list[str | None]:
    found = column.to_pylist()
    if isinstance(kind, ClassLabel):
        return [kind.names[one] if one is not None and 0 <= one < len(kind.names) else None for one in found]
    return [None if one is None else str(one) for one in found]


_folded = lru_cache(maxsize=65_536)(folded)
_spelling = lru_cache(maxsize=65_536)(spelling)


@lru_cache(maxsize=65_536)
def _names_video(text: str) -> bool:
    """Whether a text has the name of a video within: `anna.mp4#t=3`, `see anna schmidt.mov`."""
    return "." in text and _VIDEO.search(text.lower()) is not None


def _own_stems(paths: tuple[str | None, ...]) -> frozenset[str]:
    return frozenset(stem for path in paths if path for stem in _forms(path))


@lru_cache(maxsize=65_536)
def _forms(path: str) -> frozenset[str]:
    """The names of a file, with and without its ending, folded; of each link of a chain of URLs."""
    plain = public_url(path) if "://" in path else path
    links = folded(plain).strip().replace("\\", "/").split("::")
    bases = {os.path.basename(one.rstrip("/")) for link in links for one in (link, folded(unquote(link)))}
    return frozenset(stem for base in bases for stem in _stems(base))


def _stems(base: str) -> set[str]:
    """A name of a file, without its last ending, and without all endings of recordings: `a.nii.gz`, `a.nii`, `a`."""
    found, rest = {base}, base
    stem, dot, ending = base.rpartition(".")
    if dot and stem and " " not in ending:
        found.add(stem)
    while (ending := next((one for one in MEDIA_SUFFIXES if rest.endswith(one)), "")) and rest != ending:
        rest = rest.removesuffix(ending)
        found.add(rest)
    return found


def stems_of(name: str) -> frozenset[str]:
    """The name of a file without its folder, with and without its ending, folded.

    Example:
        >>> sorted(stems_of("Jane_Doe/Take_1.mp4"))
        ['take_1', 'take_1.mp4']
    """
    return _forms(name)


def _telling(stems: frozenset[str]) -> frozenset[str]:
    return frozenset(stem for stem in stems if len(stem) >= LEAST_CHARACTERS)


def unrepeated(features: Features, names: FileNames, published: Features | None) -> frozenset[str]:
    """Columns that repeat names of files and that the published rows do not have already."""
    return frozenset(name for name in names.repeating if name in features and name not in (published or {}))
