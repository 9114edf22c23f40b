"""Absolute paths of somebody's machine within a text."""

from __future__ import annotations

import re

# A component of a path: letters, digits and what names of files have; a space only between such.
_PART = r"[^\s/\\\x00\"'`<>|:*?]+(?: [^\s/\\\x00\"'`<>|:*?]+)*"
_WORD = r"[^\W\d]"
# Not within a URL, a relative path, a tag, a fraction: what stands before a path is a space, a quote, a bracket, `=`.
_BEFORE = r"(?<![\w./:~<+\\-])"
_PATTERNS = (
    r"file:/+[^\s\"'<>]+",
    rf"{_BEFORE}~(?:[\w.-]+)?/(?={_WORD}|[._-])[^\s\"'<>]+",
    # Two components or more, the first one a name; or one that ends like a file.
    rf"{_BEFORE}/(?=[._]?{_WORD})[^\s/\\\x00\"'`<>|:*?]+(?:/+{_PART})+",
    rf"{_BEFORE}/(?=[._]?{_WORD})[\w.-]+\.(?=\w*{_WORD})\w{{1,5}}\b(?!/)",
    rf"(?<![^\W_])[A-Za-z]:(?:[\\/]+{_PART})+",
    rf"(?<![\\\w])\\\\(?:\\\\)?[\w.-]+(?:\\+{_PART})+",
)
_PATH = re.compile("|".join(_PATTERNS))
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
#: So much of a text is looked at at a time, with an overlap: no expression takes long on a megabyte of anything.
_STEP, _OVERLAP = 4096, 512


def find_local_path(text: str) -> str | None:
    """The first absolute path in a text; None if there is none.

    /home/..., ~/..., file:///..., C:\\..., \\\\server\\...; no URL of another scheme, no relative path, no fraction.

        >>> find_local_path("no such file: '/home/lab/clips/a.mp4'")
        '/home/lab/clips/a.mp4'
    """
    if "\\u" in text:  # letters as JSON writes them
        text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    for start in range(0, max(1, len(text)), _STEP):
        found = _PATH.search(text, max(0, start - _OVERLAP), start + _STEP + _OVERLAP)
        if found is not None:
            return found[0].rstrip(".,;)")
    return None
