"""The options of `push`, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emollama_hf.sharing.review import ReviewOnce


@dataclass(frozen=True)
class PushOptions:
    """Options of `push`."""

    media: bool
    config_name: str | None
    key: str | None
    hash_keys: bool
    names: bool
    secret: bytes | None
    include: Sequence[str]
    drop: Sequence[str]
    review: ReviewOnce | None
    replace: bool
    include_forgotten: bool
    license: str | None
    citation: str | None
    rewrite_card: bool
