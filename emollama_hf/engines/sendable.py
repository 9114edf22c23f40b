"""Errors on their way from a worker to the process that waits for it."""

from __future__ import annotations

import pickle
import traceback

from emollama_hf.console.safe_errors import without_secrets_in_error
from emollama_hf.text.secrets import without_secrets


def sendable(error: BaseException) -> BaseException:
    """The error without secrets if it survives the way, else its text."""
    error = without_secrets_in_error(error)
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return RuntimeError(without_secrets("".join(traceback.format_exception_only(error)).strip()))
