"""What a stage says of a column that it computes."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any
from unicodedata import category

from emollama_hf import schema

#: Line breaks that are no control characters.
_LINE_ENDS = "\u2028\u2029"


@dataclass(frozen=True)
class Column:
    """One column of a stage: its type, and what people and programs need to know of it.

    Args:
        feature: type of the column, a `datasets` feature such as `Value("float32")` or
            `List(Value("float32"), length=1024)`.
        meaning: what one row holds, for the card: "mean brightness of the crops, 0..1".
        tolerance: how far a value that is computed again may be from the stored value, relative to the column's spread
            (of one number a row: to the number, or to 1 if that is larger); None for values that must be equal.
        sensitive: whether the column shows or sounds like a person. Such a column is returned, written and pushed only
            if somebody asks for it (`keep=`, `media=True`).
        optional: whether a row that was computed may have None, which is stored as null.

    Raises:
        TypeError: `feature` is no `datasets` feature, or `meaning` no text.
        ValueError: `meaning` is empty or more than a line, or `tolerance` is not above 0.

    Example:
        >>> Column(Value("float32"), "mean brightness of the crops, 0..1", tolerance=1e-6).shape
        ()
    """

    feature: Any
    meaning: str
    _: KW_ONLY
    tolerance: float | None = None
    sensitive: bool = False
    optional: bool = False

    def __post_init__(self) -> None:
        if not hasattr(self.feature, "_type"):
            raise TypeError(
                f"Column: feature is {type(self.feature).__name__}, expected a datasets feature: Value('float32')"
            )
        if not isinstance(self.meaning, str):
            raise TypeError(f"Column: meaning is {type(self.meaning).__name__}, expected a text for the card")
        if any(character in _LINE_ENDS or category(character) in ("Cc", "Cs") for character in self.meaning):
            raise ValueError(
                f"Column: meaning={self.meaning!r:.80} has line breaks or control characters; the card shows it in a "
                "cell of a table. Say it in one line."
            )
        if not self.meaning.strip():
            raise ValueError("Column: meaning is empty; the card shows it: what does one row hold?")
        if self.tolerance is not None and not self.tolerance > 0:
            raise ValueError(
                f"Column: tolerance={self.tolerance!r}, expected a number above 0, or None for equal values"
            )

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of one row: () for a number, -1 for a side of any length; None for texts and pictures."""
        return schema.shape_of(self.feature)
