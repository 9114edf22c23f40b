"""Questions to a plug-in: whatever it raises in answer is one error that names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from emollama_hf.errors import PluginError, safe_message


@contextmanager
def asked(
    origin: str, trouble: str = "it cannot be used", *, passing: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Make a `PluginError` of whatever is raised in this block, `sys.exit()` included.

    `KeyboardInterrupt` and `MemoryError` pass, which say nothing of the plug-in.

    Args:
        origin: who is asked, as messages say it: "plug-in 'pupil' of the distribution pupil-size 2.0".
        trouble: what an error means: "its outputs cannot be asked for".
        passing: errors that stay what they are as well.

    Raises:
        PluginError: the message begins with `origin`.

    Example:
        >>> with asked("plug-in 'pupil'"):
        ...     raise SystemExit(3)
        Traceback (most recent call last):
        emollama_hf.errors.PluginError: plug-in 'pupil': it cannot be used (SystemExit: 3).
    """
    try:
        yield
    except (KeyboardInterrupt, MemoryError):
        raise
    except passing:
        raise
    except BaseException as error:
        if isinstance(error, PluginError) and str(error).startswith(safe_message(origin)):
            raise
        raise PluginError(f"{origin}: {trouble} ({type(error).__name__}: {_message(error)}).") from error


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # its class is the plug-in's own, too
        return "without a message"
