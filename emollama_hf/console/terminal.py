"""Texts as a terminal may show them: what comes from data, from files or from strangers moves no cursor and no line.

value ─► shown_text ─► one line of printable characters
text of several lines ─► for_terminal ─► the same, without secrets
"""

from __future__ import annotations

import re
import sys

from emollama_hf.text.secrets import without_secrets

# Backslashes stay single: paths of Windows would be hard to read. Python says what is printable: letters, marks,
# numbers, punctuation, symbols and the blank, and so no control, format, private or surrogate character.
_NOT_ASCII_PRINTABLE = re.compile(r"[^ -~]")


def shown_text(text: str, *, lines: bool = False) -> str:
    r"""A text with every character that is not printable as an escape; also line breaks, unless `lines`.

    >>> shown_text("a\x1b[31m\nb")
    'a\\x1b[31m\\nb'
    """
    return _NOT_ASCII_PRINTABLE.sub(lambda found: _shown(found[0], lines), text)


def for_terminal(text: str, *, lines: bool = False) -> str:
    """`shown_text` without secrets."""
    return shown_text(without_secrets(text), lines=lines)


def write_line(text: str) -> None:
    """Write one line to standard error; line breaks within the text are shown as escapes."""
    line = for_terminal(text)
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def _shown(character: str, lines: bool) -> str:
    if character.isprintable() or (lines and character == "\n"):
        return character
    return character.encode("unicode_escape").decode()
