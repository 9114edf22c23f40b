"""Instructions with a row's own words: "The person in video says: {transcript}. Please ..."."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from string import Formatter
from typing import Any

import numpy as np

from emollama_hf.encoders.emotion_llama.prompt import SYMBOLS, is_unicode
from emollama_hf.errors import ClipError

#: Letters of one row's words; longer ones do not fit into any decoder that is known.
LONGEST = 20_000
_ADVICE = "Write {{ and }} for braces that are text."


def columns_named(instruction: str) -> tuple[str, ...]:
    """The columns that an instruction names in braces, in order, each once. `{{` and `}}` are braces.

    Raises:
        ValueError: a brace without its other one, or something else than a column's name between two.

    Example:
        >>> columns_named("The person in video says: {transcript}. Which emotion is it?")
        ('transcript',)
    """
    return tuple(dict.fromkeys(name for _, name in _parts(instruction) if name is not None))


def worded(instruction: str, values: Mapping[str, Any]) -> str:
    """The instruction with a row's values in place of the columns that it names.

    Args:
        instruction: as `columns_named` takes it.
        values: text, a number or a truth value of each column that it names.

    Raises:
        ClipError: bad_text; a value is absent, empty, too long, or neither text nor number.
    """
    parts = _parts(instruction)
    asked = "".join(text + ("" if name is None else _text(name, values.get(name))) for text, name in parts)
    for symbol in SYMBOLS:  # also one that begins in the instruction and ends in the row
        if asked.count(symbol) > sum(text.count(symbol) for text, _ in parts):
            raise ClipError(
                "bad_text", f"the row's words make {symbol!r}, which is a symbol of prompts. Remove it there."
            )
    return asked


def check_words(stage: str, instruction: str, present: Collection[str]) -> None:
    """Check that a data set has the columns that an instruction names.

    Raises:
        ValueError: it lacks some.
    """
    absent = [name for name in columns_named(instruction) if name not in present]
    if absent:
        raise ValueError(
            f"{stage}: the instruction names {', '.join('{' + name + '}' for name in absent)}, and the data set has "
            f"the columns {', '.join(map(repr, present))}. Name one of these. {_ADVICE}"
        )


def _parts(instruction: str) -> list[tuple[str, str | None]]:
    """(text, name of the column behind it) of an instruction; None behind the last text."""
    try:
        found = list(Formatter().parse(instruction))
    except ValueError as error:
        raise ValueError(f"instruction {instruction!r}: {error}. {_ADVICE}") from None
    for _, name, form, conversion in found:
        if name is not None and (not name.strip() or form or conversion):
            raise ValueError(f"instruction {instruction!r}: expected a column's name between braces. {_ADVICE}")
    return [(text, name) for text, name, _, _ in found]


def _text(name: str, value: Any) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        text = value
    elif isinstance(value, float) and not math.isfinite(value):
        raise ClipError("bad_text", f"column {name!r} holds {value}, and the instruction needs its text.")
    elif isinstance(value, bool | int | float):
        text = str(value)
    else:
        found = "null" if value is None else type(value).__name__
        raise ClipError("bad_text", f"column {name!r} holds {found}, and the instruction needs its text.")
    if not text.strip():
        raise ClipError("bad_text", f"column {name!r} is empty, and the instruction needs its text.")
    if not is_unicode(text):
        raise ClipError("bad_text", f"column {name!r} holds half a letter (a lone surrogate). Mend its encoding.")
    if len(text) > LONGEST:
        raise ClipError("bad_text", f"column {name!r} has {len(text):,} letters, expected at most {LONGEST:,}.")
    return text
