"""What is about to leave, shown before anything is written, so that somebody can hold columns back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from datasets import Features

from emollama_hf.console.logs import package_logger
from emollama_hf.console.terminal import shown_text
from emollama_hf.errors import ShareError
from emollama_hf.privacy.numbered_columns import named_columns
from emollama_hf.sharing.published_columns import PublishedColumn, list_columns
from emollama_hf.sharing.source_rows import SourceRows
from emollama_hf.sharing.withhold import Publication

logger = package_logger(__name__)

#: Sees the columns that are about to leave, and returns the names of those to hold back; hashes stand for a key.
Review = Callable[[Sequence[PublishedColumn]], Collection[str]]


@dataclass(frozen=True)
class Reviewed:
    """What is published after a review. columns: of `publication`. held_back: columns that the review named."""

    publication: Publication
    columns: tuple[PublishedColumn, ...]
    held_back: tuple[str, ...] = ()


class ReviewOnce:
    """A review that sees each column once, however often a push starts again."""

    def __init__(self, review: Review) -> None:
        self._review = review
        self._known: dict[str, bool] = {}

    def __call__(self, columns: Sequence[PublishedColumn]) -> set[str]:
        names = [column.name for column in columns]
        if not self._known.keys() >= set(names):
            held_back = set(self._review(columns))
            unknown = sorted(held_back.difference(names))
            if unknown:
                raise ShareError(f"review: {unknown[0]!r} is no published column; these are {', '.join(names)}.")
            self._known |= {name: name in held_back for name in names}
        return {name for name in names if self._known[name]}


def reviewed(
    rows: SourceRows,
    plan: Callable[[Collection[str]], Publication],
    published: Features | None,
    review: ReviewOnce | None,
    private: Collection[str] = (),
) -> Reviewed:
    """Plan what is published, show it, and plan it again without what is held back.

    Args:
        rows: the source.
        plan: plans the publication without some columns, and with hashes of the key if it is among them.
        published: columns of the published rows that these join, if any.
        review: holds columns back; None for nothing.
        private: spellings of names that the name of no column should have (`spellings`).
    """
    publication = plan(())
    columns = list_columns(rows, publication, published, private)
    held_back = set() if review is None else review(columns)
    if not held_back:
        return Reviewed(publication, columns)
    names = tuple(column.name for column in columns if column.name in held_back)
    publication = plan(names)
    if publication.names.key.column in held_back:  # its values have become hashes
        return Reviewed(publication, list_columns(rows, publication, published, private), names)
    return Reviewed(publication, tuple(column for column in columns if column.name not in held_back), names)


def warn(columns: Sequence[PublishedColumn], include: Collection[str]) -> None:
    """Log which new columns look personal, where nobody was asked. include: columns that somebody named."""
    named = named_columns(include, [one.name for one in columns])
    new = [one for one in columns if one.personal is not None and not one.already_published and one.name not in named]
    if new:
        logger.warning(
            "published, and looks personal: %s. drop= holds a column back, include= silences this.",
            ", ".join(f"{shown_text(column.name)} (like {column.personal})" for column in new),
        )
