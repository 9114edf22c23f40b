"""A file that says which class a label or a prediction stands for: columns `from` and `to`, or a JSON object."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from emollama_hf.errors import SourceError
from emollama_hf.files.given_path import given_path
from emollama_hf.files.strict_json import read_object
from emollama_hf.files.tables import read_table
from emollama_hf.text.few_of_many import few_and_more
from emollama_hf.text.near_names import near_names

FROM, TO = "from", "to"
_SHOWN = 10


def read_label_map(given: Mapping[str, str] | str | os.PathLike[str]) -> dict[str, str]:
    """The classes that labels stand for.

    Args:
        given: label and class, or the path of a file of them: a CSV with the columns `from` and `to`, or, with the
            ending .json, one object. Labels that are whole numbers are written as such.

    Returns:
        Class by label.

    Raises:
        SourceError: no such file, no table with these columns, an empty cell, two classes of one label.

    Example:
        >>> read_label_map({"hap": "happy"})
        {'hap': 'happy'}
    """
    if isinstance(given, Mapping):
        return _checked({str(name): value for name, value in given.items()}, "label_map")
    path = given_path(given)
    if path.suffix.lower() == ".json":
        return _from_json(path)
    table = read_table(path, filled=(FROM, TO))
    found: dict[str, str] = {}
    for line, cells in table.rows:
        before = found.setdefault(cells[FROM], cells[TO])
        if before != cells[TO]:
            raise table.error(line, f"{cells[FROM]!r} stands for {before!r} and {cells[TO]!r}. Keep one of the two.")
    return found


def mapped(values: Iterable[str | None], classes: Mapping[str, str]) -> tuple[list[str | None], list[str]]:
    """Values as the classes that they stand for.

    Args:
        values: labels or predictions; None stays None.
        classes: as `read_label_map` reads them. A value that is a class of the map and no label of it stays itself.

    Returns:
        The classes, and the values that the map lacks, each once, which stay themselves.
    """
    known = set(classes.values())
    found: list[str | None] = []
    lacking: dict[str, None] = {}
    for value in values:
        if value is not None and value not in classes and value not in known:
            lacking[value] = None
        found.append(None if value is None else classes.get(value, value))
    return found, list(lacking)


def lacking_error(column: str, lacking: list[str], classes: Mapping[str, str]) -> SourceError:
    """The error for values of a column that the map lacks."""
    near = [f"{one!r} (near: {', '.join(map(repr, found))})" if (found := near_names(one, classes)) else repr(one)
            for one in lacking]  # fmt: skip
    return SourceError(
        f"column {column!r}: the map lacks {few_and_more(near, _SHOWN)}; it has "
        f"{few_and_more(list(classes), _SHOWN, show=repr)}. Add a line for each, with itself as its class to keep it."
    )


def _from_json(path: Path) -> dict[str, str]:
    try:
        return _checked(read_object(path), str(path))
    except FileNotFoundError as error:
        raise SourceError(f"{path}: there is no such file. Check the path.") from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); expected a JSON object.") from error
    except SourceError:
        raise
    except ValueError as error:
        raise SourceError(f'{path}: {error}. Expected {{"label": "class", ...}}.') from error


def _checked(found: dict[str, str], where: str) -> dict[str, str]:
    odd = [name for name, value in found.items() if not isinstance(value, str) or not value.strip()]
    if odd or not found:
        what = f"the class of {odd[0]!r} is {found[odd[0]]!r}" if odd else "it is empty"
        raise SourceError(f"{where}: {what}, expected a text for each label.")
    return found
