"""Names of people and files within other text: `rating_AnnaSmith` spells "Anna Smith" and `anna_smith.mp4`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator

from emollama_hf.privacy.personal_values import only_label_words

#: Characters of a name that says something; shorter names (`1`, `p2`) stand in too much else.
LEAST_CHARACTERS = 4
#: A word of letters in a text or in a name such as `participantID`.
LETTERS = r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+"
_WORD = re.compile(rf"{LETTERS}|\d+")


def folded(text: str) -> str:
    """A text in the form in which equal looks are equal text: Unicode NFC, without case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def spelling(name: str) -> str:
    """The letters and digits of a name, without case: "Anna Smith" and "anna-smith" are spelled alike."""
    return "".join(letter for letter in folded(unicodedata.normalize("NFKC", name)) if letter.isalnum())


def spellings(names: Iterable[str], *, least: int = LEAST_CHARACTERS) -> frozenset[str]:
    """The spellings of names that say something: of enough characters, and not of words of labels alone.

    Args:
        names: of people or files.
        least: characters that a spelling needs.
    """
    return frozenset(
        spelled for name in names if len(spelled := spelling(name)) >= least and not only_label_words(name)
    )


def spelled_in(text: str, spelled: Collection[str]) -> str | None:
    """The first of some spellings that neighbouring words of a text have; None if none does.

    Args:
        text: a name of a column, a configuration, a file, or a sentence.
        spelled: as `spellings` gives them.

    Example:
        >>> spelled_in("anna_smith_valence", spellings(["Anna Smith"])), spelled_in("annas", spellings(["Anna"]))
        ('annasmith', None)
    """
    return next((one for one in _neighbouring(text, max(map(len, spelled), default=0)) if one in spelled), None)


def _neighbouring(text: str, longest: int) -> Iterator[str]:
    """Runs of neighbouring words as one, of at most `longest` characters."""
    words = [folded(word) for word in _WORD.findall(unicodedata.normalize("NFC", text))]
    for start in range(len(words)):
        run = ""
        for word in words[start:]:
            run += word
            if len(run) > longest:
                break
            yield run
