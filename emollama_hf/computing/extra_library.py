"""Libraries that only some functions need: imported when they are used, and one sentence where they are missing."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from emollama_hf.errors import MissingLibraryError


def extra_library(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import a module of a library that an extra of this package installs.

    Args:
        module: its name, such as "matplotlib.figure".
        extra: of this package, as `pip` takes it.
        purpose: what needs the library, the subject of the error's sentence.

    Returns:
        The module.

    Raises:
        MissingLibraryError: the library is not installed.

    Example:
        >>> extra_library("pandas", extra="probe", purpose="a table").DataFrame({"a": [1, 2]}).shape
        (2, 1)
    """
    library = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library:
            raise  # the library is installed, and something that it needs is not
        raise MissingLibraryError(_missing(library, extra, purpose)) from None


def check_extra_library(library: str, *, extra: str, purpose: str) -> None:
    """Raise MissingLibraryError if a library is not installed, without the seconds that an import of it takes.

    Args:
        library: its name, such as "peft".
        extra, purpose: as for `extra_library`.
    """
    if find_spec(library) is None:
        raise MissingLibraryError(_missing(library, extra, purpose))


def _missing(library: str, extra: str, purpose: str) -> str:
    return f"{purpose} needs {library}, which is not installed. Install it with: pip install 'emollama_hf[{extra}]'"
