"""What the work store notes of the rows of each file of a feature data set, and no reader of the set is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emollama_hf.store.row_identity import UNKNOWN, RowIdentity
from emollama_hf.store.work_store import make_root, words_for_people

ROW_NOTES = "row_keys.json"


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


def note_rows(root: Path, notes: Mapping[str, Sequence[RowNote]]) -> None:
    """Remember the rows of each file, by the file's content."""
    described = {content: [asdict(note) for note in rows] for content, rows in notes.items()}
    with words_for_people(root):
        make_root(root)
        partial = root / f"{ROW_NOTES}.part"
        partial.write_text(json.dumps(described), encoding="utf-8")
        partial.replace(root / ROW_NOTES)


def known_rows(root: Path) -> dict[str, list[RowNote]]:
    """What `note_rows` noted; empty if nothing that can be read."""
    try:
        found = json.loads((root / ROW_NOTES).read_text(encoding="utf-8"))
        return {content: [_read(note) for note in rows] for content, rows in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def _read(note: Any) -> RowNote:
    if isinstance(note, list):  # of the first versions, which noted the keys alone
        return RowNote(tuple(note))
    return RowNote(tuple(note["keys"]), RowIdentity(**note["identity"]), note["id"], note["computed"])
