"""Whether a directory of this machine can be pushed to: one of its own, that nothing else is in."""

from __future__ import annotations

import os
from pathlib import Path

from emollama_hf.errors import ShareError
from emollama_hf.feature_set.destination import is_feature_set
from emollama_hf.feature_set.set_paths import DATA, OWN_FILE, PROVENANCE, config_fault, is_partial, picture_fault
from emollama_hf.files.given_path import given_path
from emollama_hf.work_store.work_store import INSIDE_OUT, is_work_store

#: Held by whoever writes to a directory.
LOCK = ".push.lock"


def check_directory(root: Path) -> None:
    """Raise ShareError if nothing can be pushed to a directory, which need not exist. What killed pushes left is fine.

    Args:
        root: its absolute path.
    """
    dead = next((path for path in (root, *root.parents) if path.is_symlink() and not path.exists()), None)
    if dead is not None:
        raise ShareError(
            f"{dead} is a link that leads nowhere ({os.readlink(dead)}). Remove it, or choose another directory."
        )
    if is_work_store(root / INSIDE_OUT):
        raise ShareError(
            f"{root} is a directory that extract writes, with its face crops. Push to another one: what is "
            "published must be apart."
        )
    existing = next(path for path in (root, *root.parents) if path.exists())
    if not existing.is_dir():
        raise ShareError(f"{existing} is a file. Choose a directory.")
    if not os.access(existing, os.W_OK):
        raise ShareError(f"{existing} cannot be written to. Choose another directory.")
    if root.is_dir() and not (root / PROVENANCE).exists():
        others = [path.name for path in root.iterdir() if not _is_ours(path)]
        if others:
            raise ShareError(
                f"{root} is not empty and holds no feature data set, but {min(others)!r:.120}. Choose another "
                "directory."
            )


def check_apart(source: object, target: str) -> None:
    """Raise ShareError if a directory would be pushed into itself, into one below it, or into one above it.

    Args:
        source: what is pushed; only a directory can be in the way of a target.
        target: absolute path of the directory that is pushed to.
    """
    real = Path(os.path.realpath(target))
    if isinstance(source, str | os.PathLike):
        pushed = Path(os.path.realpath(given_path(source, error=ShareError)))
        if pushed == real:
            raise ShareError(f"{target} is what would be pushed. Choose another directory: what is published is apart.")
        if pushed.is_dir() and (real.is_relative_to(pushed) or pushed.is_relative_to(real)):
            where = "inside of" if real.is_relative_to(pushed) else "around"
            raise ShareError(f"{target} lies {where} {pushed}, which would be pushed. Choose a directory beside it.")
    outer = next((folder for folder in real.parents if is_feature_set(folder)), None)
    if outer is not None:
        raise ShareError(f"{target} lies inside of the feature data set {outer}. Choose a directory beside it.")


def _is_ours(path: Path) -> bool:
    """Whether something in a directory without provenance.json is what a push left that was killed in the middle."""
    if path.is_symlink():
        return False
    if path.is_dir():
        named = path.name == DATA or config_fault(path.name) is None
        return named and all(OWN_FILE.fullmatch(one.name) or is_partial(one.name) for one in path.iterdir())
    return path.name == LOCK or is_partial(path.name) or picture_fault(path.name) is None
