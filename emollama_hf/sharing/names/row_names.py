"""Which column names a published row, and names that say nothing of a person."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace

from datasets import Features, Value

from emollama_hf import schema
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.manifest import FORGOTTEN_DIGITS, RowKey

HASH_DIGITS = 32


@dataclass(frozen=True)
class RowNames:
    """How rows are named where they are published.

    key: the column, and how its published values are computed from its values. secret: what they are hashed with, if
    anything. ready: whether the values are published names already.
    """

    key: RowKey
    secret: bytes | None = None
    ready: bool = False

    def published(self, name: str) -> str:
        """The name under which a row is published."""
        return hash_name(name, self.secret) if self.key.hashed and not self.ready else name

    def hashed(self) -> RowNames:
        """The same names, published as hashes."""
        how = "sha256" if self.secret is None else "hmac-sha256"
        return self if self.key.hashed else replace(self, key=RowKey(self.key.column, how))


def hash_name(name: str, secret: bytes | None = None) -> str:
    """32 hexadecimal digits for a name.

    Without a secret, who guesses a name can check the guess; with one, only who has the secret can.
    """
    name = unicodedata.normalize("NFC", name)  # a Mac's file systems take letters and their marks apart
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
    in_clear: bool = False,
    secret: bytes | None = None,
    source: RowKey | None = None,
    published: RowKey | None = None,
    file_names: Collection[str] = (),
    repeating: Collection[str] = (),
    of_set: Collection[RowKey] = (),
) -> RowNames:
    """Choose the column that names rows, and whether its values are published as hashes.

    Names of files, and names that repeat them, are hashed by default, other names are published as they are.

    Args:
        features: columns of the rows.
        key: the column; by default the one that names the rows already, else the first of `schema.ROW_NAMES`.
        hash_keys: publish hashes, whatever the column.
        in_clear: publish names of files in clear.
        secret: hash with this secret.
        source: how the source's rows are named, if they were published before.
        published: how the published rows that these join are named.
        file_names: columns whose values are names of files, beside `schema.FILE_NAMES`.
        repeating: columns that repeat names of files in part. A set that has their values in clear already goes on so,
            for its rows would be published once more under other names.
        of_set: how the rows of all configurations of the set are named.

    Returns:
        The names of the rows.

    Raises:
        ShareError: no such column, a column that cannot name rows, or names that do not fit the published ones.
    """
    texts = [name for name, kind in features.items() if isinstance(kind, Value) and kind.dtype in schema.ROW_NAME_TYPES]
    known = published or source
    column = key or (known.column if known else next((name for name in schema.ROW_NAMES if name in texts), None))
    if column is None or column not in texts:
        missing = (
            f"column {column!r} cannot name rows" if column else f"there is no column {', '.join(schema.ROW_NAMES)}"
        )
        raise ShareError(
            f"{missing}; columns of text or whole numbers are {', '.join(texts) or 'none'}. Name one whose "
            "values differ in all rows (--key, key=)."
        )
    if source is not None and source.column == column and source.hashed is not None:
        names = RowNames(RowKey(column, source.hashed), secret, ready=True)
    else:
        wished = hash_keys or secret is not None
        by_default = not in_clear and (column in schema.FILE_NAMES or column in file_names)
        # A set whose rows are hashed without a secret goes on so.
        hashed_there = RowKey(column, "sha256") in ([*of_set] if published is None else [published])
        joined = not in_clear and hashed_there
        repeats = not in_clear and column in repeating and RowKey(column) not in (published, *of_set)
        is_hashed = wished or by_default or joined or repeats
        hashed = ("sha256" if secret is None else "hmac-sha256") if is_hashed else None
        names = RowNames(RowKey(column, hashed), secret)
        if by_default and not wished and published == RowKey(column):
            raise ShareError(
                f"rows there are named in clear by {column}, and names of files are hashed by default: --names "
                "(names=True) goes on in clear, or push to another configuration (--config, config_name=)."
            )
    if names.key.hashed and in_clear:
        raise ShareError(
            f"names: the source has only hashes of the names in {column}. Leave it out (--names, names=), or push the "
            "directory that extract wrote."
        )
    if published is not None and published != names.key:
        raise ShareError(
            f"rows that are published are named by {_words(published)}, these would be by {_words(names.key)}. "
            f"{_advice(published, in_clear)}, or push to another configuration (--config, config_name=)."
        )
    return names


def unique(names: Collection[str | None], column: str, hint: str) -> None:
    """Raise ShareError unless every row has a name of its own."""
    rows: dict[str, int] = {}
    for number, name in enumerate(names):
        if not name:
            raise ShareError(f"row {number}: {column} is empty, and names the row. {hint}")
        if name in rows:
            raise ShareError(f"the rows {rows[name]} and {number} are both named {name!r} by {column}. {hint}")
        rows[name] = number


def _advice(published: RowKey, in_clear: bool) -> str:
    if published.hashed is not None and in_clear:
        return "Leave --names (names=True) out"
    return "Pass the same key, and the secret that it was hashed with (--key-secret, key_secret=)"


def _words(key: RowKey) -> str:
    return key.column + (f", hashed with {key.hashed}" if key.hashed else "")
