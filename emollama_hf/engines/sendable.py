"""Errors on their way from a worker to the process that waits for it."""

from __future__ import annotations

import pickle
import traceback


def sendable(error: BaseException) -> BaseException:
    """The error if it survives the way, else its text."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError("".join(traceback.format_exception_only(error)).strip())
