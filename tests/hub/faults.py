"""What a test tells the Hub to do wrong."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Fault:
    """For requests of `method` whose path matches: let `after` of them through, then spoil `times` of them.

    status: answer with it. drop: close the connection in the middle of what is sent. call: first do this.
    """

    method: str
    path: str
    status: int | None = None
    drop: bool = False
    call: Callable[[], None] | None = None
    after: int = 0
    times: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def applies(self, method: str, path: str) -> bool:
        if method != self.method or not re.search(self.path, path):
            return False
        with self._lock:
            if self.after > 0:
                self.after -= 1
                return False
            if self.times <= 0:
                return False
            self.times -= 1
            return True
