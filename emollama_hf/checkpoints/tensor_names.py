"""Names and shapes of tensors: which of a file's are used, and whether they are what an architecture needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from emollama_hf.errors import ModelError

Shape = tuple[int, ...]


def split_unused(names: Iterable[str], unused: Iterable[str]) -> tuple[list[str], list[str]]:
    """(used, unused) names of a file; `unused` are regular expressions, searched for in each name."""
    patterns = [re.compile(pattern) for pattern in unused]
    used: list[str] = []
    dropped: list[str] = []
    for name in names:
        (dropped if any(pattern.search(name) for pattern in patterns) else used).append(name)
    return used, dropped


def check_names(expected: Mapping[str, Shape], found: Mapping[str, Shape], *, where: str) -> None:
    """Raise ModelError that lists all missing, unexpected and misshapen tensors, if there are any."""
    missing = [f"{name} {expected[name]}" for name in expected if name not in found]
    unexpected = [f"{name} {found[name]}" for name in found if name not in expected]
    misshapen = [
        f"{name} {found[name]} (expected {expected[name]})"
        for name in expected
        if name in found and found[name] != expected[name]
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    lists = [f"{len(names)} {kind}: {', '.join(names)}" for kind, names in kinds.items() if names]
    if lists:
        raise ModelError(
            f"{where}: the tensors do not fit the architecture. {'; '.join(lists)}. "
            "Check that this is the file for this part, and its sizes in the configuration."
        )
