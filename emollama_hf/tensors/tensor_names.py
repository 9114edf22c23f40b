"""Names and shapes of tensors: which of a file's are used, and whether they are what an architecture needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from emollama_hf.errors import ModelError
from emollama_hf.tensors.wrapped_names import prefix_hint

Shape = tuple[int, ...]

#: So many layers in a row whose tensors are all at fault are listed as one range.
_RANGE_FROM = 4
_NUMBER = re.compile(r"\.(\d+)\.")


def split_unused(names: Iterable[str], unused: Iterable[str]) -> tuple[list[str], list[str]]:
    """(used, unused) names of a file; `unused` are regular expressions, searched for in each name."""
    patterns = [re.compile(pattern) for pattern in unused]
    used: list[str] = []
    dropped: list[str] = []
    for name in names:
        (dropped if any(pattern.search(name) for pattern in patterns) else used).append(name)
    return used, dropped


def check_names(expected: Mapping[str, Shape], found: Mapping[str, Shape], *, where: str, hint: str = "") -> None:
    """Raise ModelError that lists all missing, unexpected and misshapen tensors, if there are any.

    hint: what the file is instead, if that can be told.
    """
    missing = [(name, f" {expected[name]}") for name in expected if name not in found]
    unexpected = [(name, f" {found[name]}") for name in found if name not in expected]
    misshapen = [
        (name, f" {found[name]} (expected {expected[name]})")
        for name in expected
        if name in found and found[name] != expected[name]
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    lists = [f"{len(names)} {kind}: {', '.join(compact(names))}" for kind, names in kinds.items() if names]
    if lists:
        remedy = hint or prefix_hint([name for name, _ in missing], found)
        remedy = remedy or "Check that this is the file for this part, and its sizes in the configuration"
        raise ModelError(f"{where}: the tensors do not fit the architecture; {remedy}. {'; '.join(lists)}.")


def compact(names: Iterable[tuple[str, str]]) -> list[str]:
    """Names, each with what is said of it, in which four layers in a row or more stand as one: blocks.{0-23}.norm.bias.

    >>> compact([(f"blocks.{i}.bias", " (8,)") for i in range(6)] + [("head.bias", " (2,)")])
    ['blocks.{0-5}.bias (8,)', 'head.bias (2,)']
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for name, remark in names:
        number = _NUMBER.search(name)
        key = name if number is None else f"{name[: number.start()]}.*.{name[number.end() :]}"
        groups.setdefault((key, remark), []).append(-1 if number is None else int(number[1]))
    listed: list[str] = []
    for (key, remark), numbers in groups.items():
        for first, last in _runs(numbers):
            if first < 0:
                listed.append(key + remark)
            elif last - first + 1 >= _RANGE_FROM:
                listed.append(key.replace("*", f"{{{first}-{last}}}", 1) + remark)
            else:
                listed += [key.replace("*", str(number), 1) + remark for number in range(first, last + 1)]
    return listed


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1 and number > 0:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
