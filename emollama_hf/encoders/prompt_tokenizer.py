"""What a prompt needs of a tokenizer, whoever wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class PromptTokenizer(Protocol):
    """What a prompt needs of a tokenizer; `digest` identifies everything that its ids depend on."""

    @property
    def bos_id(self) -> int: ...
    @property
    def eos_id(self) -> int: ...
    @property
    def pad_id(self) -> int: ...
    @property
    def digest(self) -> str: ...
    def encode(self, text: str) -> list[int]:
        """Ids of a text, without BOS and without end symbol."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids that a decoder answered; bytes that are no UTF-8 become U+FFFD."""
        ...
