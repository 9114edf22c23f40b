"""What the work store notes of the rows of each file of a feature data set, and no reader of the set is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from emollama_hf.feature_set.row_identity import UNKNOWN, RowIdentity
from emollama_hf.files.atomic_write import atomic_file
from emollama_hf.files.small_file import TABLE_BYTES, read_small, read_small_text
from emollama_hf.work_store.work_store import make_root, words_for_people

ROW_NOTES = "row_keys.json"
HEAD, TAIL = '{"xxh3_128": "', "}"


@dataclass(frozen=True)
class RowNote:
    """keys: by which the work store knows a row. identity: what tells it from others.

    id: changes with any value of the row. computed: the id of what the last run that had the row computed of it; None
    if no run has. The two differ where values of an earlier run were kept beside those.
    """

    keys: tuple[str | None, ...] = ()
    identity: RowIdentity = UNKNOWN
    id: str | None = None
    computed: str | None = None

    def without_identity(self) -> RowNote:
        return RowNote(self.keys)


class DamagedNotes(ValueError):
    """The notes of rows are not as they were written; the message says where they lie."""


def note_rows(root: Path, notes: Mapping[str, Sequence[RowNote]]) -> None:
    """Remember the rows of each file, by the file's content."""
    files = json.dumps({content: [_as_json(note) for note in rows] for content, rows in notes.items()})
    text = f"{_head(files)}{files}{TAIL}"
    path = root / ROW_NOTES
    with words_for_people(root):
        if _is_noted(path, text.encode()):
            return
        make_root(root)
        with atomic_file(path, durable=False) as file:  # it has its hash, and a run without notes goes on without
            file.write(text.encode())


def known_rows(root: Path) -> dict[str, list[RowNote]]:
    """What `note_rows` noted; empty if nothing that can be read."""
    try:
        return read_notes(root)
    except DamagedNotes:
        return {}


def read_notes(root: Path) -> dict[str, list[RowNote]]:
    """What `note_rows` noted; empty if nothing. Raises DamagedNotes."""
    path = root / ROW_NOTES
    try:
        text = read_small_text(path, at_most=TABLE_BYTES)
        if text.startswith(HEAD):
            files = text[len(_head("")) : -len(TAIL)]
            if text != f"{_head(files)}{files}{TAIL}":
                raise ValueError("its hash differs")
            text = files
        # Else of an earlier version, without a hash.
        return {content: [_read(note) for note in rows] for content, rows in json.loads(text).items()}
    except OSError:
        return {}
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise DamagedNotes(f"{path} is damaged: it is not as it was written ({error})") from error


def _is_noted(path: Path, content: bytes) -> bool:
    try:
        return read_small(path, at_most=len(content)) == content
    except (FileNotFoundError, ValueError):  # also a pipe or a device, which the notes replace
        return False


def _head(files: str) -> str:
    return f'{HEAD}{xxhash.xxh3_128_hexdigest(files.encode())}", "files": '


def _as_json(note: RowNote) -> dict[str, Any]:
    return {"keys": note.keys, "identity": vars(note.identity), "id": note.id, "computed": note.computed}


def _read(note: Any) -> RowNote:
    if isinstance(note, list):  # of the first versions, which noted the keys alone
        return RowNote(tuple(note))
    return RowNote(tuple(note["keys"]), RowIdentity(**note["identity"]), note["id"], note["computed"])
