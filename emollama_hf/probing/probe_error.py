"""What keeps a probe from starting, or from meaning something."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from emollama_hf.errors import SafeMessage
from emollama_hf.text.few_of_many import few_and_more


class ProbeError(SafeMessage, ValueError):
    """A data set, one of its columns or an option cannot be probed; the message says what to do next."""


def check_column(name: str, known: Sequence[str], *, option: str) -> None:
    """Raise ProbeError unless a data set has a column; the message lists the names that are spelled like it.

    Args:
        name: The column that was asked for.
        known: The columns of the data set.
        option: The argument that named the column.
    """
    if name not in known:
        raise ProbeError(f"{option}={name!r}: there is no such column.{near_names(name, known)}")


def near_names(name: str, known: Iterable[str]) -> str:
    """A sentence with the names that are spelled like a name, or with all of them where none is.

    Args:
        name: A name that is not known.
        known: The names that are.

    Example:
        >>> near_names("facmae", ["facemae", "emollama"])
        ' Did you mean facemae?'
    """
    names = list(known)
    lowered = {one.lower(): one for one in names}
    close = [lowered[one] for one in difflib.get_close_matches(name.lower(), lowered, n=3, cutoff=0.6)]
    if close:
        return f" Did you mean {' or '.join(close)}?"
    return f" Choose one of: {few_and_more(names, 20) or 'none'}."
