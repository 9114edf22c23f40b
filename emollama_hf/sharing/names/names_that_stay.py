"""Where a set still says the name of somebody whose rows are gone: names of its parts, and its small texts."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from emollama_hf.feature_set.manifest import Manifest
from emollama_hf.privacy.spelled_names import folded, spelled_in, spellings

#: Letters and digits of a name that is looked for within longer names; shorter ones are compared as a whole.
LEAST_WITHIN = 3


def names_that_stay(after: Manifest, title: str, names: Collection[str]) -> tuple[str, ...]:
    """Say where a set is named after somebody, or says their name, and what to do about it.

    Args:
        after: the set without their rows.
        title: the set's own name.
        names: of the rows that are gone and their files, what they were looked for by, and names of classes that
            went with them.

    Returns:
        A sentence for each place. Values of the rows that stay are theirs, and not looked at.
    """
    found = spellings(names, least=LEAST_WITHIN)
    within = frozenset(one for one in found if len(one) > LEAST_WITHIN or not one.isdigit())
    whole = {folded(name) for name in names}

    def is_said(text: str) -> bool:
        return folded(text) in whole or spelled_in(text, within) is not None

    return tuple(dict.fromkeys(sentence for text, sentence in _texts(after, title) if is_said(text)))


def _texts(after: Manifest, title: str) -> Iterator[tuple[str, str]]:
    """Each text that is not a value of a row, and what to say if it has a name."""
    yield title, f"The set itself is called {title!r}: move it to another name."
    for name, config in after.configs.items():
        yield (
            name,
            (
                f"Configuration {name!r}, whose folder has its name, stays: push its rows to a set with a "
                "configuration of another name (--config, config_name=), and delete this set."
            ),
        )
        for column, kind in config.features.items():
            advice = f"push the rows to another set without it (--drop, drop=({column!r},)), and delete this set."
            yield column, f"Column {column!r} of configuration {name!r} stays: {advice}"
            for text in _names_within(kind):
                yield text, f"The type of column {column!r} of configuration {name!r} says {text!r}: {advice}"
        for line in config.withheld:
            yield line, f"README.md and provenance.json say {line!r} of configuration {name!r}: mend them."
        for text in _json_texts({**config.made}):
            yield text, f"provenance.json says {text[:80]!r} of how configuration {name!r} was computed: mend it."
    for what, said in (("licence", after.license), ("citation", after.citation)):
        if said is not None:
            option = "--license, license=" if what == "licence" else "--citation, citation="
            yield said, f"The {what} says {said[:80]!r}: push with another one ({option})."


def _names_within(kind: Any) -> Iterator[str]:
    """Names of classes, and of the fields of structures, at any depth."""
    yield from getattr(kind, "names", None) or ()
    if isinstance(kind, Mapping):
        for name, inner in kind.items():
            yield str(name)
            yield from _names_within(inner)
    inner = getattr(kind, "feature", None)
    if inner is not None:
        yield from _names_within(inner)


def _json_texts(value: Any) -> Iterator[str]:
    """All texts of a JSON-able value, names included."""
    pending = [json.loads(json.dumps(value, default=str))]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            pending += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            pending += one
