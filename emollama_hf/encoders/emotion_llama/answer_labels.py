"""Labels that an answer may name, which one it names, and how probable each is. No torch."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from emollama_hf.encoders.emotion_llama.prompt import SYMBOLS, is_unicode

#: The labels that the default instruction offers, in its order.
EMOTION_LABELS = ("happy", "sad", "neutral", "angry", "worried", "surprise", "fear", "contempt", "doubt")


def checked_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Labels that answers can be told apart by, without blanks around them.

    Raises:
        ValueError: fewer than two labels, one that is no text or empty, or two that differ in case or blanks alone.
    """
    if not isinstance(labels, list | tuple) or not all(isinstance(one, str) for one in labels):
        raise ValueError(f"labels={labels!r}: expected several texts in a list, such as ['mw', 'nonmw'].")
    found = tuple(" ".join(unicodedata.normalize("NFC", one).split()) for one in labels)
    if "" in found:
        raise ValueError(f"labels={list(labels)!r}: expected texts that are not empty.")
    odd = [one for one in found if any(symbol in one for symbol in SYMBOLS) or not is_unicode(one)]
    if odd:
        raise ValueError(f"labels: {odd[0]!r} is no text of a label: it holds a symbol of prompts, or half a letter.")
    if len(found) < 2:
        raise ValueError(f"labels={list(labels)!r}: expected two or more, since the choice between them is computed.")
    doubled = sorted({one for one in found if [other.lower() for other in found].count(one.lower()) > 1})
    if doubled:
        raise ValueError(f"labels: {', '.join(map(repr, doubled))} are the same but for case. Name each label once.")
    return found


def named_label(answer: str, labels: Sequence[str]) -> str | None:
    """The label that an answer ends with, as whole words and whatever the case; None if it ends with none.

    Of labels that end alike, as "wandering" and "mind wandering", the longest counts.

    Source: Emotion-LLaMA, where the last word of the answer in lower case is the emotion if it is a label.

    Example:
        >>> named_label("The person in the video looks Worried", ["worried", "sad"])
        'worried'
        >>> named_label("I think he is sad.", ["worried", "sad"])
    """
    words = answer.lower().split()
    ending = [label for label in labels if words[-len(label.split()) :] == label.lower().split()]
    return max(ending, key=lambda label: len(label.split()), default=None)


def ends_with(ids: Sequence[int], label_ids: Sequence[int]) -> bool:
    """Whether generated ids, without end symbols, end with a label's own."""
    return len(ids) >= len(label_ids) > 0 and list(ids[len(ids) - len(label_ids) :]) == list(label_ids)


def label_probabilities(
    log_probabilities: np.ndarray, columns: Mapping[int, int], labels: Sequence[Sequence[int]]
) -> np.ndarray:
    """How probable each label was in place of the answer's last pieces.

    A label's score is the sum of the log-probabilities of its ids at the last steps, as many steps as it has ids; one
    with more ids than there are steps has probability 0.

    Args:
        log_probabilities: (steps, watched ids) float, of the steps before the end symbol.
        columns: the column of each watched id.
        labels: the ids of each label.

    Returns:
        (labels,) float64, a softmax over the scores; NaN where every label has more ids than there are steps.

    Source: Emotion-LLaMA, probabilities of the nine emotions.
    """
    steps = len(log_probabilities)
    scores = np.full(len(labels), -np.inf)
    for index, ids in enumerate(labels):
        if len(ids) <= steps:
            rows = np.arange(steps - len(ids), steps)
            scores[index] = log_probabilities[rows, [columns[one] for one in ids]].astype(np.float64).sum()
    return softmax(scores)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities of scores along the last axis, in float64; NaN where no score is finite."""
    with np.errstate(invalid="ignore"):
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))
