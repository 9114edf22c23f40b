"""Whom a card names for a method or a family of weights."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Credit:
    """What the card of a feature set says of those whose method or model computed its columns.

    Args:
        name: of the method, as the card's title says it: "Emotion-LLaMA".
        licence: of the model or the method: "MIT", "CC BY-NC 4.0, for research". Empty: the card says nothing of it.
        citation: how to cite it, in a line. Empty: nothing to cite.
        tags: of the card, beside those that every feature set has.

    Raises:
        ValueError: the name is empty.

    Example:
        >>> Credit("Face motion", licence="MIT").name
        'Face motion'
    """

    name: str
    licence: str = ""
    citation: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("Credit: name is empty; the title of the card says it: what is the method called?")
