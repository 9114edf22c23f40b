"""The libraries of the extra `probe`."""

from __future__ import annotations

from importlib.util import find_spec

from emollama_hf.probing.probe_error import ProbeError

LIBRARIES = {"sklearn": "scikit-learn", "pandas": "pandas", "matplotlib": "matplotlib"}


def check_installed() -> None:
    """Raise ProbeError, with what to install, if a library of the extra is missing."""
    missing = [name for module, name in LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise ProbeError(f"{', '.join(missing)} not installed, which a probe needs: pip install 'emollama_hf[probe]'")
