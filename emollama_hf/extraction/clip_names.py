"""Clips by the names that a table has for them: a path in the folder, a file's name, or that without its ending."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

#: From a name in a table to the positions of the clips that it may mean.
Finder = Callable[[str], list[int]]


def as_read(name: str) -> str:
    """A name in the form in which equal looks are equal text (Unicode NFC): files from a Mac have the other form."""
    return unicodedata.normalize("NFC", name)


def by_value(values: Sequence[Any]) -> Finder:
    """Find rows by the values of a column.

    Args:
        values: of every row; blanks around them do not count.

    Example:
        >>> by_value(["a", "b", "a"])("a ")
        [0, 2]
    """
    positions = _positions([as_read(str(value)).strip() for value in values])
    return lambda value: positions.get(as_read(value).strip(), [])


class ClipNames:
    """Finds clips by what a table calls them.

    Args:
        names: paths of the clips relative to their folder, with `/`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        paths = [PurePosixPath(as_read(name)) for name in names]
        self._by_path = _positions([str(path) for path in paths])
        self._by_name = _positions([path.name for path in paths])
        self._by_stem = _positions([path.stem for path in paths])
        self._by_path_without_ending = _positions([str(path.parent / path.stem) for path in paths])

    def named(self, file_name: str) -> list[int]:
        """Find clips by a file's name or path.

        Args:
            file_name: with its ending. A path within the folder means one clip, a bare name every clip of that name.

        Returns:
            Positions of the clips; [] if there is none.
        """
        for path in _spellings(file_name):
            found = self._by_path.get(str(path)) or ([] if len(path.parts) > 1 else self._by_name.get(path.name, []))
            if found:
                return self._exact(found, file_name)
        return []

    def with_stem(self, stem: str) -> list[int]:
        """Find clips by their name without its ending.

        Args:
            stem: the name, with or without the clip's folder.

        Returns:
            Positions of the clips; [] if there is none.
        """
        for path in _spellings(stem):
            found = (self._by_path_without_ending if len(path.parts) > 1 else self._by_stem).get(str(path))
            if found:
                return found
        return []

    def _exact(self, found: list[int], name: str) -> list[int]:
        """Of two spellings of one name in one folder, the one that was written."""
        same = [index for index in found if self._names[index] == name]
        return same if len(found) > 1 and len(same) == 1 else found


def _spellings(name: str) -> Iterator[PurePosixPath]:
    """A name as it stands, without blanks around it, and with the separators of Windows turned."""
    yield PurePosixPath(as_read(name))
    yield PurePosixPath(as_read(name.strip()))
    yield PurePosixPath(as_read(name.strip()).replace("\\", "/"))


def _positions(names: list[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for position, name in enumerate(names):
        found[name].append(position)
    return dict(found)
