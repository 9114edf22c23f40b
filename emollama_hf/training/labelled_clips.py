"""What a training is given: a data set, a feature set, or a folder of clips with a table of labels."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from datasets import Dataset

from emollama_hf.extraction.labels import join_labels
from emollama_hf.extraction.sources import open_source
from emollama_hf.feature_set.destination import is_feature_set
from emollama_hf.files.given_path import given_path
from emollama_hf.files.video_files import find_videos
from emollama_hf.sharing.load import load
from emollama_hf.training.training_error import TrainingError


def open_clips(
    ds: Dataset | str | os.PathLike[str],
    *,
    split: str | None = None,
    labels: str | os.PathLike[str] | None = None,
) -> Dataset:
    """The rows to train on, failed ones included.

    Args:
        ds: a data set; a folder of videos, with the table of labels that lies in it or with `labels`; or what
            `emollama_hf.load` opens: the `out` of `extract`, "org/name", a URL.
        split: of a place with several.
        labels: a table joined by `file_name` or `uuid`, as for `extract`.

    Raises:
        TrainingError: no such thing as a data set, or a split of a data set that is in memory.
        ValueError, FileNotFoundError: as `load` and `emollama-hf extract`.

    Example:
        >>> open_clips("clips", labels="labels.csv").column_names
        ['file_name', 'video', 'mw_label', 'participant_id', 'test_fold_num']
    """
    if isinstance(ds, Dataset):
        if split is not None:
            raise TrainingError(f"split={split!r} is of a place, and a data set was given. Leave split out.")
        opened = ds
    elif not isinstance(ds, str | os.PathLike):
        kind = type(ds).__name__
        hint = " Choose one split of it (ds['train'])." if isinstance(ds, Mapping) else ""
        raise TrainingError(f"ds is of type {kind}, expected a datasets.Dataset, a folder or org/name.{hint}")
    else:
        place = os.fspath(ds)
        if _holds_videos(place):
            return open_source(place, split=split, labels=None if labels is None else given_path(labels))
        opened = load(place, ok_only=False, split=split)
    return opened if labels is None else join_labels(opened, given_path(labels))


def _holds_videos(place: str) -> bool:
    folder = Path(place)
    return folder.is_dir() and not is_feature_set(folder) and bool(find_videos(folder).clips)
