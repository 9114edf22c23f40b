"""What comes from data, as Markdown that shows it and does nothing else: no HTML, no link, no picture, no heading.

Plain words stay as they are, everything else is put into a code span, in which Markdown means nothing.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from emollama_hf.console.terminal import shown_text
from emollama_hf.text.secrets import without_secrets

#: Letters and digits, joined by "_" or "-"; numbers of versions with their dots. No name of a host, which some
#: renderers make a link of.
_WORD = r"(?:[^\W_]+(?:[_-][^\W_]+)*|\d+(?:\.(?:\d|dev|rc|post)[^\W_]*)+(?:[+-][^\W_]+)*)"
_PLAIN = re.compile(rf"{_WORD}(?: {_WORD})*")
#: A word of a sentence with what stands around it; "1." would begin a list.
_PLAIN_PART = re.compile(rf"(?!\d+[.)])[(\"']*(?:{_WORD}(?:'[a-z]+|/{_WORD})?)?[)\"']*%?[,;:.?]?")
#: A line of letters, digits and punctuation in which Markdown sees nothing but text.
_HARMLESS = re.compile(r"(?!.*(?://|www\.))[^\W_](?:[^\W_]|[ ,.;:()/%+'-])*")
_CODE = re.compile(r"`([^`]+)`")


def code(text: str) -> str:
    """A text as a code span. Line breaks and other characters that are not printable are shown as escapes."""
    text = _clean(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    if not text:
        return '""'
    fence = "`" * (longest + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def inline(text: str) -> str:
    """A name or a value within a line: as it is where it is made of plain words, else as a code span."""
    return text if _PLAIN.fullmatch(text) and _clean(text) == text else code(text)


def sentence(text: str) -> str:
    """A sentence with names in `backticks`, as the package writes them; what else is no plain word becomes code."""
    text = _clean(text)
    if text.count("`") % 2:
        text = text.replace("`", "'")
    parts, end = [], 0
    for found in _CODE.finditer(text):
        parts += [_words(text[end : found.start()].replace("`", "'")), code(found[1])]
        end = found.end()
    whole = ""
    for part in [*parts, _words(text[end:].replace("`", "'"))]:
        # Two code spans in a row would be read as another one.
        whole += f" {part}" if whole.endswith("`") and part.startswith("`") else part
    return whole


def meaning_line(text: str) -> str:
    """What another package says of a column: as it is where it is plain, else as a `sentence`."""
    return text if _HARMLESS.fullmatch(text) and _clean(text) == text else sentence(text)


def cell(text: str) -> str:
    r"""Markdown of one line as a cell of a table.

    A bar after a backslash becomes a broken bar: readers of Markdown disagree on whether `\\|` parts two cells.
    """
    return text.replace("\\|", "\\¦").replace("|", "\\|")


def block(text: str, language: str = "") -> str:
    """A text of several lines as a code block."""
    lines = shown_text(without_secrets(text.replace("\r\n", "\n")), lines=True)
    longest = max((len(run) for run in re.findall("`+", lines)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{lines}\n{fence}"


def literal(text: str) -> str:
    """A text as a literal of Python in double quotes, printable characters as they are."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{shown_text(escaped)}"'


def picture(file: str, meaning: str) -> str:
    """A picture that lies beside the card. meaning: in the words of this package."""
    return f"![{meaning}]({quote(file)})"


def _clean(text: str) -> str:
    return shown_text(without_secrets(text))


def _words(text: str) -> str:
    return " ".join(word if not word or _PLAIN_PART.fullmatch(word) else _named(word) for word in text.split(" "))


def _named(word: str) -> str:
    """A word of a list as a code span, and the comma behind it."""
    name = word.removesuffix(",")
    return f"{code(name)}{word[len(name) :]}" if name else code(word)
