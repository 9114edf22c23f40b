"""Where the adapter of a shared set lies on this machine, and whether it is the stated one."""

from __future__ import annotations

import os
from pathlib import Path

from emollama_hf.checkpoints.adapter import open_adapter
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.manifest import FeatureConfig
from emollama_hf.text.hub_id import is_hub_id


def recorded_adapter(config: FeatureConfig, stage: str, given: str | os.PathLike[str] | None) -> str | None:
    """The adapter with which a stage is computed again.

    Args:
        config: of the set.
        stage: name of the stage.
        given: where somebody says that the adapter lies; by default the Hub id that is recorded.

    Returns:
        A directory or Hub id; None for a stage that was computed without an adapter.

    Raises:
        ShareError: the adapter was a directory that nobody says where it lies, or the given one is another.
        ModelError: there is no such adapter.
    """
    stated = next((one for one in config.adapters if one.stage == stage), None)
    if stated is None:
        return None
    found = stated.name if given is None else os.fspath(given)
    if given is None and not Path(found).is_dir() and not is_hub_id(found):
        raise ShareError(
            f"{stage}: the features were computed with an adapter called {found!r}. Say where it lies here (--adapter, "
            "adapter=); it is known by its digest."
        )
    digest = open_adapter(found).digest
    if digest != stated.digest:
        raise ShareError(
            f"{stage}: the adapter {found} is not the stated one: it has digest {digest}, stated is {stated.digest} "
            f"({stated.name}). Give that one (--adapter, adapter=)."
        )
    return found


def check_adapter_used(config: FeatureConfig, given: str | os.PathLike[str] | None) -> None:
    """Raise ShareError if an adapter is given for a set that was computed without one."""
    if given is not None and not config.adapters:
        raise ShareError(
            f"adapter={os.fspath(given)!r}: no column of the set was computed with an adapter. Leave it out."
        )
