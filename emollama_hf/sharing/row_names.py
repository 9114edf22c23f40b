"""Which column names a published row, and names that say nothing of a person."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass

from datasets import Features, Value

from emollama_hf.errors import ShareError
from emollama_hf.store.manifest import FORGOTTEN_DIGITS, RowKey

#: Columns that name a row, the most private first: a uuid says nothing, a file's name may say who is in it.
CANDIDATES = ("uuid", "id", "clip_id", "name", "file_name")
HASH_DIGITS = 32


@dataclass(frozen=True)
class RowNames:
    """key: the column and how its values are made. secret: what they are hashed with, if anything.

    ready: whether the values are published names already.
    """

    key: RowKey
    secret: bytes | None = None
    ready: bool = False

    def published(self, name: str) -> str:
        """The name under which a row is published."""
        return hash_name(name, self.secret) if self.key.hashed and not self.ready else name


def hash_name(name: str, secret: bytes | None = None) -> str:
    """32 hexadecimal digits for a name.

    Without a secret, who guesses a name can check the guess; with one, only who has the secret can.
    """
    if secret is None:
        return hashlib.sha256(name.encode()).hexdigest()[:HASH_DIGITS]
    return hmac.new(secret, name.encode(), "sha256").hexdigest()[:HASH_DIGITS]


def forgotten_name(published: str) -> str:
    """How a row that was forgotten is remembered: by a digest of its published name."""
    return hash_name(published)[:FORGOTTEN_DIGITS]


def choose_names(
    features: Features,
    *,
    key: str | None = None,
    hash_keys: bool = False,
    secret: bytes | None = None,
    source: RowKey | None = None,
    published: RowKey | None = None,
) -> RowNames:
    """How rows are named.

    source: how they are already, if they were published before. published: how those are that they join.

    Raises ShareError if there is no such column, or it cannot name rows.
    """
    texts = [name for name, kind in features.items() if isinstance(kind, Value) and kind.dtype in _NAMING_TYPES]
    known = published or source
    column = key or (known.column if known else next((name for name in CANDIDATES if name in texts), None))
    if column is None or column not in texts:
        missing = f"column {column!r} cannot name rows" if column else f"there is no column {', '.join(CANDIDATES)}"
        raise ShareError(
            f"{missing}; columns of text or whole numbers are {', '.join(texts) or 'none'}. Name one whose "
            "values differ in all rows (--key, key=)."
        )
    ready = source is not None and source.column == column and source.hashed is not None
    hashed = ("sha256" if secret is None else "hmac-sha256") if hash_keys or secret is not None else None
    if source is not None and ready:
        hashed = source.hashed
    if published is not None:
        if published.hashed == "sha256" and hashed is None:
            hashed = "sha256"  # needs nothing that is not here, and shows less
        if (published.column, published.hashed) != (column, hashed):
            raise ShareError(
                f"rows that are published are named by {_words(published)}, these would be by "
                f"{_words(RowKey(column, hashed))}. Pass the same key, and the secret that it was hashed with "
                "(--key-secret, key_secret=), or another config_name."
            )
    return RowNames(RowKey(column, hashed), secret, ready)


def unique(names: Collection[str | None], column: str, hint: str) -> None:
    """Raise ShareError unless every row has a name of its own."""
    rows: dict[str, int] = {}
    for number, name in enumerate(names):
        if not name:
            raise ShareError(f"row {number}: {column} is empty, and names the row. {hint}")
        if name in rows:
            raise ShareError(f"the rows {rows[name]} and {number} are both named {name!r} by {column}. {hint}")
        rows[name] = number


def _words(key: RowKey) -> str:
    return key.column + (f", hashed with {key.hashed}" if key.hashed else "")


_NAMING_TYPES = ("string", "large_string", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
