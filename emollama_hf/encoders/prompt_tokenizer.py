"""What a prompt needs of a tokenizer, whoever wrote it."""

from __future__ import annotations

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
