"""What is wrong with labels and predictions before anything is counted: each one error that says what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from emollama_hf.errors import SourceError
from emollama_hf.evaluation.class_column import ClassColumn
from emollama_hf.text.few_of_many import few_and_more
from emollama_hf.text.near_names import near_names, same_but_for_case
from emollama_hf.text.plural import counted

_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")
_SHOWN = 10


def check_labels(label: ClassColumn, *, is_mapped: bool) -> None:
    """Check the values of a column of labels, before they are mapped.

    Args:
        label: the column.
        is_mapped: whether a map says what each value stands for, so that numbers and words may be mixed.

    Raises:
        SourceError: blank labels, no label at all, numbers and words in one column of texts.
    """
    blank = [row for row, value in enumerate(label.values) if value is not None and not value.strip()]
    if blank:
        raise SourceError(
            f"column {label.name!r}: blank labels in {counted(len(blank), 'row')}, the first of them row {blank[0]}. "
            "Fill them, or make them null: rows without a label are left out and counted."
        )
    if not label.different:
        raise SourceError(f"column {label.name!r}: none of the {counted(len(label.values), 'row')} has a label.")
    numbers = [value for value in label.different if _NUMBER.fullmatch(value.strip())]
    words = [value for value in label.different if value not in numbers]
    if label.kind == "texts" and numbers and words and not is_mapped:
        raise SourceError(
            f"column {label.name!r} mixes numbers ({few_and_more(numbers, _SHOWN, show=repr)}) and words "
            f"({few_and_more(words, _SHOWN, show=repr)}). Say with a map what each stands for (--map FILE)."
        )


def check_spelling(labels: Sequence[str | None], predictions: Sequence[str | None]) -> None:
    """Check that no two classes differ in case, blanks or the form of their Unicode alone.

    Args:
        labels, predictions: classes of the rows, None for a row without one.

    Raises:
        SourceError: with all spellings of such a class and how often each occurs.
    """
    spellings: dict[str, Counter[tuple[str, str]]] = {}
    for kind, values in (("label", labels), ("prediction", predictions)):
        for value, count in Counter(one for one in values if one is not None).items():
            spellings.setdefault(same_but_for_case(value), Counter())[value, kind] += count
    for found in spellings.values():
        if len({value for value, _ in found}) > 1:
            each = ", ".join(f"{value!r} ({kind}) in {counted(rows, 'row')}" for (value, kind), rows in found.items())
            raise SourceError(
                f"classes differ in case or blanks alone: {each}. Map them to one spelling (--map FILE with lines "
                "from,to), since they would count as different classes."
            )


def check_classes(
    label: ClassColumn, prediction: ClassColumn, labels: Sequence[str], predictions: Sequence[str], unnamed: str
) -> list[str]:
    """Check that labels and predictions speak of the same classes.

    Args:
        label, prediction: the columns, for what they hold.
        labels, predictions: classes of the rows that are compared, without None.
        unnamed: what predictions that no label names are: "error", or "wrong".

    Returns:
        The predicted classes that no label names.

    Raises:
        SourceError: one class alone, no prediction that is a label, or with "error" any such class.
    """
    of_labels, said = Counter(labels), Counter(predictions)
    if len(of_labels) == 1:
        [only] = of_labels
        raise SourceError(
            f"column {label.name!r}: each of the {counted(len(labels), 'row')} has the label {only!r}. Expected two "
            "classes or more, since one class alone tells nothing apart."
        )
    others = [one for one in said if one not in of_labels]
    if said and len(others) == len(said):
        raise SourceError(
            f"no prediction is a label: column {prediction.name!r} holds {prediction.described()}, column "
            f"{label.name!r} {label.described()}. Map one to the other (--map FILE with lines from,to)."
        )
    if others and unnamed == "error":
        each = [
            f"{one!r} in {counted(said[one], 'row')}"
            + (f" (near: {', '.join(map(repr, near))})" if (near := near_names(one, of_labels)) else "")
            for one in others
        ]
        raise SourceError(
            f"column {prediction.name!r}: predictions that no label of {label.name!r} names: "
            f"{few_and_more(each, _SHOWN)}. Map them (--map FILE), or count them as wrong (--unnamed wrong)."
        )
    return others
