"""Errors on their way to whoever called: no secret in one, in what caused it, or in what was handled meanwhile.

The errors of this package are clean by themselves. Those of libraries, which quote the URL that they could not open,
are cleaned where they leave: at each public function, and where a worker sends its error home.
"""

from __future__ import annotations

import traceback
from contextlib import ContextDecorator
from types import TracebackType
from typing import Literal

from emollama_hf.console.logs import clean_library_logs
from emollama_hf.console.terminal import for_terminal
from emollama_hf.text.secrets import without_secrets

#: What stands for a library's error whose text is made of parts that cannot be changed, the most special first.
_STANDING_IN: tuple[type[Exception], ...] = (
    FileNotFoundError, PermissionError, FileExistsError, TimeoutError, ConnectionError, OSError, KeyError, ValueError,
    TypeError, ImportError, MemoryError,
)  # fmt: skip


class no_secrets(ContextDecorator):
    """Context in which no error leaves with a secret, and libraries log none; also a decorator of functions."""

    def __enter__(self) -> None:
        clean_library_logs()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if error is None:
            return False
        clean = without_secrets_in_error(error)
        if clean is error:
            return False
        context = clean.__context__
        try:
            raise clean.with_traceback(trace)
        finally:
            clean.__context__ = context  # raising has put the error there that is being handled


def without_secrets_in_error(error: BaseException) -> BaseException:
    """The error without secrets, causes included: itself where its parts can be changed, else another of its kind."""
    return _Cleaning().clean(error)


def traceback_text(error: BaseException) -> str:
    """The traceback of an error, causes included, as a terminal may show it."""
    told = "".join(traceback.format_exception(without_secrets_in_error(error)))
    return for_terminal(told, lines=True)


class _Cleaning:
    """One walk through an error and what is chained to it, in which an error may come twice."""

    def __init__(self) -> None:
        self._done: dict[int, BaseException] = {}
        self._kept: list[BaseException] = []  # so that no other object gets the id of one that was seen

    def clean(self, error: BaseException) -> BaseException:
        if id(error) in self._done:
            return self._done[id(error)]
        clean = _without(error)
        self._kept += [error, clean]
        self._done[id(error)] = self._done[id(clean)] = clean
        suppressed = error.__suppress_context__
        cause, context = error.__cause__, error.__context__
        clean.__cause__ = None if cause is None else self.clean(cause)
        clean.__context__ = None if context is None else self.clean(context)
        clean.__suppress_context__ = suppressed
        if isinstance(clean, BaseExceptionGroup):
            parts = [self.clean(part) for part in clean.exceptions]
            if any(part is not whole for part, whole in zip(parts, clean.exceptions, strict=True)):
                group = clean.derive(parts)
                group.__cause__, group.__context__ = clean.__cause__, clean.__context__
                group.__suppress_context__ = suppressed
                self._done[id(error)] = self._done[id(clean)] = clean = group.with_traceback(clean.__traceback__)
        return clean


def _without(error: BaseException) -> BaseException:
    if not _holds_secret(error):
        return error
    try:
        error.args = tuple(without_secrets(one) if isinstance(one, str) else one for one in error.args)
        for name in ("filename", "filename2", "strerror") if isinstance(error, OSError) else ():
            if isinstance(value := getattr(error, name), str):
                setattr(error, name, without_secrets(value))
        for name, value in vars(error).items():
            if isinstance(value, str):
                setattr(error, name, without_secrets(value))
            elif name == "__notes__":
                error.__notes__ = [without_secrets(str(note)) for note in value]
    except (AttributeError, TypeError, ValueError):
        pass  # read-only: the check below decides
    return _stand_in(error) if _holds_secret(error) else error


def _stand_in(error: BaseException) -> BaseException:
    """An error that says in text alone what another one said."""
    kind = next((kind for kind in _STANDING_IN if isinstance(error, kind)), RuntimeError)
    text = without_secrets(" ".join(_texts(error)[:1]))
    return kind(f"{type(error).__name__}: {text}").with_traceback(error.__traceback__)


def _holds_secret(error: BaseException) -> bool:
    return any(without_secrets(text) != text for text in _texts(error))


def _texts(error: BaseException) -> list[str]:
    """All that an error may show: its message, and the parts of which messages and representations are made."""
    texts = []
    for show in (str, repr, lambda one: repr(one.args), lambda one: repr(vars(one))):
        try:
            texts.append(show(error))
        except Exception:  # an error that cannot be shown, and what else a library's __repr__ may raise
            texts.append(type(error).__name__)
    return texts
