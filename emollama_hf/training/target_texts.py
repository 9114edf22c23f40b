"""The answer that is trained for each class, and scored: a text that no other class's text begins."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from emollama_hf.encoders.emotion_llama.prompt import SYMBOLS, is_unicode
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer
from emollama_hf.text.few_of_many import few_and_more
from emollama_hf.training.class_weights import by_class
from emollama_hf.training.recipe import RecipeName, TargetTexts
from emollama_hf.training.training_error import TrainingError


@dataclass(frozen=True)
class Targets:
    """texts: of each class, in the order of the classes. ids: their pieces, without BOS and end symbol."""

    texts: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]


def target_texts(
    given: TargetTexts, classes: Sequence[str], tokenizer: PromptTokenizer, *, recipe: RecipeName = "corrected"
) -> Targets:
    """The answers that are trained, in the order of the classes.

    Args:
        given: a text by the name of each class, or one for each class in their order. None: the classes' names, as they
            are by the recipe "corrected", in lower case by "as_published".
        classes: names of the labels.
        tokenizer: of the model.
        recipe: "corrected" or "as_published".

    Returns:
        Texts and their pieces.

    Raises:
        TrainingError: a class without a text, a text without a class; a text that is empty, holds a symbol of prompts,
            is that of another class, or whose pieces begin those of another.

    Example:
        >>> target_texts(None, ("MW", "NonMW"), tokenizer, recipe="as_published").texts
        ('mw', 'nonmw')

    Source: the mind-wandering fork of Emotion-LLaMA, whose caption processor writes labels in lower case.
    """
    expected = f"a text for each of the classes {few_and_more(list(classes), show=repr)}"
    if given is None:
        chosen: list[object] = [name.lower() if recipe == "as_published" else name for name in classes]
    else:
        chosen = by_class(given, classes, "target_texts", expected)
    texts = tuple(_checked(text, name) for text, name in zip(chosen, classes, strict=True))
    doubled = sorted({text for text in texts if texts.count(text) > 1})
    if doubled:
        of = [name for name, text in zip(classes, texts, strict=True) if text == doubled[0]]
        raise TrainingError(
            f"target_texts: {doubled[0]!r} is the text of {' and '.join(map(repr, of))}, which no answer could tell "
            "apart. Give each class a text of its own (target_texts=)."
        )
    ids = tuple(tuple(tokenizer.encode(text)) for text in texts)
    paired = list(zip(ids, texts, strict=True))
    for one, text in paired:
        longer = [other for pieces, other in paired if pieces[: len(one)] == one and other != text]
        if longer:
            raise TrainingError(
                f"target_texts: the pieces of {text!r} begin those of {longer[0]!r}, which could then never be "
                "likelier. Word one of them otherwise (target_texts=)."
            )
    return Targets(texts, ids)


def _checked(text: object, name: str) -> str:
    if not isinstance(text, str):
        raise TrainingError(f"target_texts: {text!r} of class {name!r} is no text.")
    found = " ".join(unicodedata.normalize("NFC", text).split())
    if not found:
        raise TrainingError(f"target_texts: the text of class {name!r} is empty. Give it one (target_texts=).")
    symbol = next((one for one in SYMBOLS if one in found), None)
    if symbol is not None or not is_unicode(found):
        held = f"the symbol {symbol!r} of prompts" if symbol is not None else "half a letter"
        raise TrainingError(
            f"target_texts: {text!r} of class {name!r} holds {held}. Give it other words (target_texts=)."
        )
    return found
