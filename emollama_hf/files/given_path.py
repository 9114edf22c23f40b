"""A path that a person gave, where it comes in: what no file can be called is said in a sentence, not by a library."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from emollama_hf.errors import SafeMessage, SourceError

#: Characters of a path that an error shows.
_SHOWN = 120
#: Most bytes of a name, on every common file system.
_NAME_BYTES = 255


def given_path(path: str | os.PathLike[str], *, error: type[SafeMessage] = SourceError) -> Path:
    """The path that a text names, with `~` as the home directory.

    Args:
        path: as it was given; nothing needs to exist there.
        error: the kind of error to raise.

    Returns:
        The path, as the file system can take it.

    Raises:
        SafeMessage: of the kind of `error`: a NUL, a character that no file name has, a home directory of nobody, a
            name that is too long, or links that go round in a circle.

    Example:
        >>> given_path("~/clips")
        PosixPath('/home/anna/clips')
    """
    text = os.fspath(path)
    shown = repr(text[:_SHOWN]) + (f" and {len(text) - _SHOWN:,} characters more" if len(text) > _SHOWN else "")
    try:
        expanded = Path(text).expanduser()
        fault = "File name too long" if any(len(os.fsencode(part)) > _NAME_BYTES for part in expanded.parts) else None
        os.lstat(expanded)
    except RuntimeError:
        user = Path(text).parts[0]
        advice = f"Write the whole path, or ./{user} for a folder of that name."
        raise error(f"{shown}: {user} has no home directory here. {advice}") from None
    except ValueError as found:  # a NUL, or what the file system's encoding has not
        fault = str(found)[:_SHOWN]
    except OSError as found:  # what is absent, or may not be looked at, is said by whoever opens it
        fault = fault or (found.strerror if found.errno in (errno.ENAMETOOLONG, errno.ELOOP) else None)
    if fault is not None:
        raise error(f"{shown}: no file can have this name ({fault}). Check the path.")
    return expanded
