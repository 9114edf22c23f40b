"""What a push did."""

from __future__ import annotations

from dataclasses import dataclass

from emollama_hf.feature_set.manifest import RowKey
from emollama_hf.sharing.published_columns import PublishedColumn


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        place: the name of where the rows are published.
        config: the configuration that the rows are in.
        key: what names the rows.
        rows: number of the configuration's rows now.
        added, replaced, unchanged: numbers of the source's rows.
        forgotten: number of rows that were forgotten there, and stay so.
        files: paths that were written, README.md and provenance.json among them.
        withheld: what was left out, a sentence each.
        opening: the Python expression that opens the rows.
        card_kept: whether somebody had edited README.md, so that its text stayed.
        published: the columns of the rows.
        names_table: the file on this machine that says which published row is whose, where a directory was pushed and
            its rows are named by hashes.
        held_back: columns that `review` held back; of the key, hashes are published.
    """

    place: str
    config: str
    key: RowKey
    rows: int
    added: int
    replaced: int
    unchanged: int
    forgotten: int
    files: tuple[str, ...]
    withheld: tuple[str, ...]
    opening: str
    card_kept: bool
    published: tuple[PublishedColumn, ...] = ()
    names_table: str | None = None
    held_back: tuple[str, ...] = ()
