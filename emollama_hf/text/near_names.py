"""Names that somebody may have meant: like the given name but for case, blanks or a letter or two."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable


def same_but_for_case(name: str) -> str:
    """What names have in common that differ in case, blanks or the form of their Unicode alone.

    Example:
        >>> same_but_for_case("  Happy \\n") == same_but_for_case("happy")
        True
    """
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def near_names(name: str, names: Iterable[str], most: int = 3) -> list[str]:
    """The names most like one that is unknown, the most similar first.

    Args:
        name: as it was given.
        names: those that are known.
        most: how many are returned at most.

    Returns:
        Names of `names`, none if nothing resembles `name`.

    Example:
        >>> near_names("emotion_lable", ["emotion", "emotion_label", "video"])
        ['emotion_label', 'emotion']
    """
    folded: dict[str, list[str]] = {}
    for one in dict.fromkeys(names):
        folded.setdefault(same_but_for_case(one), []).append(one)
    found = difflib.get_close_matches(same_but_for_case(name), list(folded), n=most, cutoff=0.7)
    return [one for key in found for one in folded[key]][:most]
