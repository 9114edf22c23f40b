"""Where the encoders of a shared set, which were named for its columns, lie on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emollama_hf.checkpoints.random_model import RANDOM_MODELS
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.described_encoders import RecordedEncoder
from emollama_hf.feature_set.manifest import FeatureConfig
from emollama_hf.stages.given_encoders import GivenEncoder
from emollama_hf.text.hub_id import is_hub_id

#: Options that say where an encoder lies, and change no value.
_WHERE = ("encoder", "weights", "revision")


def recorded_places(config: FeatureConfig, given: Mapping[str, GivenEncoder]) -> dict[str, dict[str, Any]]:
    """For each stage with a named encoder the options that say where the encoder lies.

    Args:
        config: of the set.
        given: by column, where somebody says that an encoder lies.

    Raises:
        ShareError: an encoder was a directory or a file that nobody says where it lies; or one is given for a column
            that no named encoder computed, or with other options.
    """
    columns = [one.column for one in config.encoders]
    strange = [column for column in given if column not in columns]
    if strange:
        raise ShareError(
            f"--encoder {strange[0]}: no named encoder computed such a column; the set has "
            f"{', '.join(columns) or 'none'}. Leave it out."
        )
    return {one.stage: _given(one, given[one.column]) if one.column in given else _recorded(one)
            for one in config.encoders}  # fmt: skip


def _given(recorded: RecordedEncoder, given: GivenEncoder) -> dict[str, Any]:
    options = dict(given) if isinstance(given, Mapping) else {"encoder": os.fspath(given)}
    if recorded.weights is not None and "weights" not in options and Path(str(options.get("encoder"))).is_file():
        options = {**options, "encoder": recorded.model, "weights": options["encoder"]}
    settings = [name for name in options if name not in _WHERE]
    if settings or not options.get("encoder"):
        raise ShareError(
            f"encoder of {recorded.column}: expected where it lies ({', '.join(_WHERE)}), got "
            f"{', '.join(settings) or 'nothing'}. The settings are recorded: leave them out."
        )
    return {"revision": None, **options}


def _recorded(one: RecordedEncoder) -> dict[str, Any]:
    is_there = one.model in RANDOM_MODELS or Path(one.model).is_dir() or is_hub_id(one.model)
    if one.weights is None and is_there:
        return {"encoder": one.model, "revision": one.revision}
    if one.weights is not None and Path(one.weights).is_file():
        return {"encoder": one.model, "weights": one.weights, "revision": None}
    what = f"a file called {one.weights!r}" if one.weights is not None else f"a directory called {one.model!r}"
    raise ShareError(
        f"{one.column} was computed with an encoder from {what}. Say where it lies here (--encoder {one.column}=PATH); "
        "it is known by its digest."
    )
