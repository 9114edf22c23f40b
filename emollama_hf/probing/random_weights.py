"""Features of random weights mean nothing: which columns have them, and the refusal to probe them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from datasets import Dataset

from emollama_hf.errors import ShareError
from emollama_hf.extraction.carried import carried_making
from emollama_hf.feature_set.destination import is_feature_set
from emollama_hf.feature_set.manifest import FeatureConfig, ManifestError, read_manifest
from emollama_hf.feature_set.random_columns import random_columns
from emollama_hf.probing.probe_error import ProbeError
from emollama_hf.sharing.places.open_place import open_place
from emollama_hf.text.few_of_many import few_and_more
from emollama_hf.work_store.work_store import INSIDE_OUT

#: Folders above a shard's file, up to that of the feature data set.
_LEVELS = len(INSIDE_OUT.parts) + 3


def check_not_random(columns: Sequence[str], random: Iterable[str], *, allowed: bool) -> tuple[str, ...]:
    """The probed columns that were computed with random weights.

    Args:
        columns: Columns that are probed.
        random: Columns of random weights.
        allowed: Whether these may be probed all the same.

    Raises:
        ProbeError: Some were, and it is not allowed.
    """
    known = set(random)
    found = tuple(column for column in columns if column in known)
    if found and not allowed:
        raise ProbeError(
            f"{few_and_more(found)} {'was' if len(found) == 1 else 'were'} computed with random weights: a probe of "
            "them says nothing of what they are named for. Extract with a real model, or try the probe out with "
            "allow_random=True (--allow-random)."
        )
    return found


def random_columns_of_place(place: str, config_name: str | None, revision: str | None) -> frozenset[str]:
    """Columns of random weights of a directory, a data set on the Hub or a URL, by its provenance.json.

    Returns:
        None of a place without a provenance.json: nobody knows how its columns were computed.
    """
    folder = Path(place).expanduser()
    if folder.is_dir():
        return random_columns_of_folder(folder, config_name) if is_feature_set(folder) else frozenset()
    try:
        manifest = open_place(place.removeprefix("hf://datasets/"), revision=revision).manifest()
    except (ShareError, ManifestError, OSError):
        return frozenset()  # opened by its cache, without a connection: what cannot be asked is not known
    if manifest is None:
        return frozenset()
    return _random_of(manifest.configs[name] for name in _chosen(manifest.configs, config_name))


def random_columns_of_dataset(ds: Dataset) -> frozenset[str]:
    """Columns of random weights of a data set in memory, by the provenance.json beside or above its Arrow files.

    That is so of what `extract` returned with `out`, whose shards lie below it. What `extract` and `load` return says
    it in its description, too, also after `map` or `save_to_disk`. What plain `load_dataset` opened was copied into the
    cache of `datasets`, and says nothing of where it came from.
    """
    files = [Path(os.path.abspath(file["filename"])) for file in ds.cache_files]
    folders = {parent for file in files for parent in file.parents[:_LEVELS]}
    found = (random_columns_of_folder(folder, None) for folder in sorted(folders) if is_feature_set(folder))
    try:
        made = carried_making(ds)
    except ValueError:  # put together from rows of different models: `push` refuses these
        made = {}
    return random_columns(made).union(*found)


def random_columns_of_folder(folder: Path, config_name: str | None) -> frozenset[str]:
    """As `random_columns_of_place`, of a feature data set on disk."""
    try:
        configs = read_manifest(folder).configs
    except ManifestError:
        return frozenset()  # who opens its rows says so
    return _random_of(configs[name] for name in _chosen(configs, config_name))


def _chosen(configs: Iterable[str], config_name: str | None) -> list[str]:
    return [name for name in configs if config_name in (None, name)]


def _random_of(configs: Iterable[FeatureConfig]) -> frozenset[str]:
    return frozenset().union(*(random_columns(config.made) for config in configs))
