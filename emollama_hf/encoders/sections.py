"""Sections of `convert(architecture=)`: sizes in the words of the original's training programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emollama_hf.errors import ModelError

Values = Mapping[str, Any]

#: Sizes that every vision transformer has.
VISION_SIZES = ("image_size", "patch_size", "embed_dim", "depth", "num_heads")
#: Sizes of which the second divides the first.
_DIVIDED = (("embed_dim", "num_heads"), ("image_size", "patch_size"))


@dataclass(frozen=True)
class Section:
    """One section.

    Attributes:
        name: its key.
        sizes: whole numbers from 1 that it must have.
        numbers: positive numbers that it may have beside these.
        by_name: whether the name of a published model may stand for the whole section, and means its sizes.
        other_faults: what else is wrong with its values.
    """

    name: str
    sizes: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    by_name: bool = False
    other_faults: Callable[[Values], list[str]] = lambda values: []

    def check(self, values: Values) -> None:
        """Raise ModelError for values that would fail only when the model is used."""
        wrong = [
            f"{name}={values[name]!r}" for name in self.numbers if name in values and not _is_positive(values[name])
        ]
        wrong += self.other_faults(values)
        for whole, part in _DIVIDED:
            size, share = values.get(whole), values.get(part)
            if whole in self.sizes and isinstance(size, int) and isinstance(share, int) and share > 0 and size % share:
                wrong.append(f"{whole}={size}, which {part}={share} does not divide")
        if wrong:
            raise ModelError(
                f"architecture: section {self.name} has {'; '.join(wrong)}. Expected sizes that fit each other."
            )

    def sizes_of(self, values: Values) -> dict[str, int]:
        """Its `sizes`. Raises ModelError for those that it lacks, or that are no whole numbers from 1."""
        missing = [name for name in self.sizes if name not in values]
        if missing:
            raise ModelError(lacks(self.name, *missing))
        wrong = [
            f"{name}={values[name]!r}"
            for name in self.sizes
            if not isinstance(values[name], int) or isinstance(values[name], bool) or values[name] < 1
        ]
        if wrong:
            found = ", ".join(wrong)
            raise ModelError(f"architecture: section {self.name} has {found}, expected whole numbers from 1.")
        return {name: values[name] for name in self.sizes}


def lacks(section: str, *names: str) -> str:
    """The error of a section without these sizes."""
    return f"architecture: section {section} lacks {', '.join(names)}. Add it, or leave the section out for real sizes."


def chosen(values: Values, *names: str) -> dict[str, Any]:
    """Of these, what a section has."""
    return {name: values[name] for name in names if name in values}


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")
