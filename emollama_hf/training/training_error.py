"""The error of a data set, an option or a folder that cannot be trained with."""

from __future__ import annotations

from emollama_hf.errors import SafeMessage


class TrainingError(SafeMessage, ValueError):
    """A data set, an option or a folder cannot be trained with; the message says what to do next."""
