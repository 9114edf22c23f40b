"""What a published set says of the columns that were left out: by name only of those that this package knows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from emollama_hf import schema
from emollama_hf.privacy.personal_columns import OWN
from emollama_hf.stages.known_columns import is_computed

_NAMED = re.compile(r"(?:the names in )?`(?P<column>[^`]*)`: ", re.DOTALL)
_OTHERS = re.compile(r"(?P<count>[0-9]{1,9}) other columns? of the source", re.ASCII)


def public_lines(lines: Iterable[str], published: Collection[str]) -> tuple[str, ...]:
    """The sentences about columns that were left out, as they may be published.

    The name of a column may be that of a person (one column per rater). Names of columns that stages compute or read,
    that name rows, or that are published anyway stay; all other columns are counted.

    Args:
        lines: a sentence for each column, or what this function returned for an earlier push.
        published: names of the published columns.

    Returns:
        The sentences about known columns, and one that counts the others.

    Example:
        >>> public_lines(["`video`: recordings or pictures of people", "`anna_smith`: long texts"], ())
        ('`video`: recordings or pictures of people', '1 other column of the source')
    """
    kept: dict[str, None] = {}
    others: set[str] = set()
    counted = 0
    for line in lines:
        named, earlier = _NAMED.match(line), _OTHERS.fullmatch(line)
        if earlier is not None:
            counted = max(counted, int(earlier["count"]))
        elif named is not None and _is_known(named["column"], published):
            kept[line] = None
        else:
            others.add(named["column"] if named is not None else line)
    counted = max(counted, len(others))
    return (*kept, f"{counted} other column{'s' * (counted != 1)} of the source") if counted else tuple(kept)


def _is_known(column: str, published: Collection[str]) -> bool:
    return column in _KNOWN or column in published or is_computed(column)


_KNOWN = frozenset([*OWN, *schema.ROW_NAMES, schema.STATUS, schema.ERROR])
