"""Code blocks of a Markdown page, and the commands of a shell block."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

_FENCED = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_ENDS = {"&&", ";"}


@dataclass(frozen=True)
class Block:
    """language: as the page names it; "" for diagrams.  line: of the page."""

    language: str
    code: str
    line: int


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, indented ones included."""
    found = _FENCED.finditer(page)
    return [Block(one["language"], textwrap.dedent(one["code"]), page.count("\n", 0, one.start()) + 1) for one in found]


def commands(code: str) -> Iterator[tuple[str, ...]]:
    """The words of each command, comments left out, continued lines joined, `&&` and `;` taken apart.

    >>> list(commands("pip install . && demo  # all"))
    [('pip', 'install', '.'), ('demo',)]
    """
    for line in code.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word not in _ENDS:
                words.append(word)
            elif words:
                yield tuple(words)
                words = []
        if words:
            yield tuple(words)
