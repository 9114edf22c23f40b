"""The processes of one training: one, or those that `accelerate launch` has started, of which the first writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

#: The first process may compute for days what the others wait for.
_PATIENCE = timedelta(days=7)


class Processes:
    """Which process this is.

    Args:
        cpu: whether the cores train.
    """

    def __init__(self, *, cpu: bool) -> None:
        self._state: Any = None
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from accelerate import PartialState

            self._state = PartialState(cpu=cpu, timeout=_PATIENCE)

    @property
    def is_first(self) -> bool:
        """Whether this process writes and reports."""
        return self._state is None or bool(self._state.is_main_process)

    def wait(self) -> None:
        """Wait until every process has come here."""
        if self._state is not None:
            self._state.wait_for_everyone()

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The block runs in the first process, and then in the others, which find what it has stored."""
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()
