"""Names from outside that become part of a path: in a manifest, an index, a command. What is allowed, in one form.

Each function gives a phrase that says what is wrong, to be put into an error, or None. What is not allowed is refused
and never repaired: two names must not become one.

pathvalidate knows the names that Windows refuses, too, but allows blanks, any alphabet, a leading "-" (an option of a
command) and a leading "." (a hidden file), and knows no revisions.
"""

from __future__ import annotations

import re

#: File systems allow 255 bytes, of which some are needed for what a name is extended by while it is written.
MOST_CHARACTERS = 200
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
#: Names that Windows opens as devices, with any ending.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.ASCII | re.IGNORECASE | re.DOTALL)
_REVISION_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*", re.ASCII)


def name_fault(name: object, *, most: int = MOST_CHARACTERS) -> str | None:
    """What keeps a text from being the name of one file or folder on every system; None if nothing does.

    Args:
        name: the name, of any type.
        most: characters that it may have.

    Example:
        >>> name_fault("model-00001-of-00002.safetensors"), name_fault("../x")
        (None, 'it has other characters than ASCII letters, digits, ".", "_" and "-", or begins with "." or "-"')
    """
    if not isinstance(name, str):
        return f"it is no text but of type {type(name).__name__}"
    if not name:
        return "it is empty"
    if len(name) > most:
        return f"it has {len(name)} characters, expected at most {most}"
    if not _NAME.fullmatch(name):
        return 'it has other characters than ASCII letters, digits, ".", "_" and "-", or begins with "." or "-"'
    if name.endswith("."):
        return 'it ends with "."'
    if _DEVICE.fullmatch(name):
        return "it names a device on Windows"
    return None


def path_fault(path: object) -> str | None:
    """What keeps a text from being a relative path with "/" whose parts are plain names; None if nothing does.

    Example:
        >>> path_fault("data/train.parquet"), path_fault("data/")
        (None, 'one of its parts: it is empty')
    """
    if not isinstance(path, str):
        return f"it is no text but of type {type(path).__name__}"
    fault = next((fault for part in path.split("/") if (fault := name_fault(part)) is not None), None)
    return None if fault is None else f"one of its parts: {fault}"


def revision_fault(revision: object) -> str | None:
    """What keeps a text from being a branch, tag or commit; None if nothing does.

    Example:
        >>> revision_fault("refs/pr/1"), revision_fault("../main")
        (None, 'a part of it has other characters than ASCII letters, digits, "._+-", or begins with one of ".+-"')
    """
    if not isinstance(revision, str):
        return f"it is no text but of type {type(revision).__name__}"
    if len(revision) > MOST_CHARACTERS:
        return f"it has {len(revision)} characters, expected at most {MOST_CHARACTERS}"
    for part in revision.split("/"):
        if not _REVISION_PART.fullmatch(part):
            return 'a part of it has other characters than ASCII letters, digits, "._+-", or begins with one of ".+-"'
        if ".." in part or part.endswith((".", ".lock")):
            return 'a part of it has "..", or ends with "." or ".lock"'
    return None
