"""Sources without features: refused, with what they look like instead and what to do with that."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from datasets import Features

from emollama_hf.encoders import known_encoders
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.destination import is_feature_set
from emollama_hf.files.video_files import find_videos
from emollama_hf.frames.pictures.single_picture import IMAGE_SUFFIXES
from emollama_hf.frames.source import shown_name
from emollama_hf.stages.known_columns import compared_columns
from emollama_hf.text.few_of_many import few_and_dots
from emollama_hf.work_store.work_store import INSIDE_OUT, MARK

TABLE_SUFFIXES = (".csv", ".tsv", ".xlsx")
COLUMNS_SHOWN = 8
_GIVE_OUT = "Give the directory that extract wrote (--out)."


def check_features(features: Features, source: str) -> None:
    """Raise ShareError, with what the rows have instead, unless one of the columns is a stage's.

    Args:
        features: columns of the rows.
        source: what to call the rows, such as the directory that holds them.
    """
    computed = compared_columns()
    if any(name in computed for name in features):
        return
    shown = few_and_dots(list(features), COLUMNS_SHOWN)
    raise ShareError(
        f"{source}: a data set with the columns {shown or '(none)'} and none that a stage computes "
        f"({', '.join(computed)}). Extract features first "
        "(emollama-hf extract, emollama_hf.extract), and push what that wrote."
    )


def refuse_directory(folder: Path) -> None:
    """Raise ShareError if a directory that is no feature data set is none that `datasets` could open either.

    Args:
        folder: a directory that this package did not write as a feature data set.
    """
    name = shown_name(str(folder))
    if not folder.is_dir():
        missing = "is a file" if folder.exists() else "there is no such directory"
        raise ShareError(f"{name}: {missing}. {_GIVE_OUT}")
    found = _not_rows(folder)
    if found is not None:
        raise ShareError(f"{name}: {found}")


def unusable(folder: Path, said: str) -> ShareError:
    """The error for a directory that holds neither videos nor rows. said: what opening it said."""
    name = shown_name(str(folder))
    kinds = Counter(path.suffix.lower() for path in _files(folder))
    pictures = sum(kinds[suffix] for suffix in IMAGE_SUFFIXES)
    tables = sum(kinds[suffix] for suffix in TABLE_SUFFIXES)
    if pictures:
        return ShareError(
            f"{name}: {_count(pictures, 'picture')} and no features: extract them first (README.md: what extract "
            "reads), and push what that wrote."
        )
    if kinds[".npy"]:
        return ShareError(
            f"{name}: {_count(kinds['.npy'], '.npy file')} and no data set. "
            "dataset_scripts/precomputed.py makes a data set of features in the original layout."
        )
    if tables:
        return ShareError(f"{name}: {_count(tables, 'table')} and no features. {_GIVE_OUT}")
    return ShareError(f"{said} {_GIVE_OUT}")


def _not_rows(folder: Path) -> str | None:
    """What a directory is if it can hold no rows of features, and what to do; None if it may hold some."""
    entries = {path.name for path in folder.iterdir()}
    if not entries:
        return f"an empty directory: there is nothing to push. {_GIVE_OUT}"
    inside = next((path for path in sorted(folder.iterdir()) if path.is_dir() and is_feature_set(path)), None)
    if inside is not None:
        return f"no feature data set, but {shown_name(inside.name)} in it is one: push that."
    if (folder / MARK).is_file():
        return f"a cache ({MARK}), as the one that has face crops: it is never published. {_GIVE_OUT}"
    if (folder / INSIDE_OUT).is_dir():
        return "a run of extract that did not finish, without features so far: run the same extract again, then push."
    if any((folder / encoder.name / "config.json").is_file() for encoder in known_encoders()):
        return f"a model directory, not features. {_GIVE_OUT} Weights are not published by push."
    if "config.json" in entries and any(name.endswith((".safetensors", ".bin")) for name in entries):
        return f"a model, not features. {_GIVE_OUT}"
    checkout = "a git checkout with " if ".git" in entries else ""
    clips = find_videos(folder).clips
    if clips:
        name = shlex.quote(shown_name(str(folder)))
        return (
            f"{checkout}{_count(len(clips), 'video')} and no features: extract them first: "
            f"emollama-hf extract {name} --model MODEL --out OUT, then push OUT."
        )
    if checkout and "pyproject.toml" in entries:
        return f"a git checkout of a program, not features. {_GIVE_OUT}"
    return None


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
