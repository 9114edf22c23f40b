"""Links that lead out of a directory: a published set or a model must not point at other files of this machine.

`Path.resolve` and `is_relative_to` alone refuse every snapshot in the cache of huggingface_hub, which consists of links
to `../../blobs`; huggingface_hub itself has no function that says whether a link is one of its own.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from emollama_hf.errors import ModelError

#: The folder of a repository in the cache of huggingface_hub.
_REPOSITORY = re.compile(r"(?:models|datasets|spaces)--.+", re.DOTALL)


def leads_out(root: str | os.PathLike[str], path: str | os.PathLike[str]) -> bool:
    """Whether a path below a directory, followed through links, lies elsewhere.

    Files in the cache of huggingface_hub are links to the contents that the same repository has there: these do not
    lead out. A link that leads nowhere is judged by where it points.

    Args:
        root: the directory; it may be a link itself, which is whoever named it's choice.
        path: a file or folder in it, which need not exist.

    Returns:
        True for a path outside of `root`, also by way of `..`.
    """
    inside, target = Path(os.path.realpath(root)), Path(os.path.realpath(path))
    return not target.is_relative_to(inside) and target.parent != _blobs(inside)


def links_out(root: str | os.PathLike[str]) -> list[Path]:
    """The links in a directory, at any depth, that lead out of it.

    Args:
        root: the directory.
    """
    found: list[Path] = []
    for folder, names, files in os.walk(root):
        paths = [Path(folder) / name for name in (*names, *files)]
        found += [path for path in paths if path.is_symlink() and leads_out(root, path)]
    return found


def check_links(root: Path, *folders: str) -> None:
    """Check that no file of a model is a link that leads out of its directory, or nowhere.

    Args:
        root: the model's directory.
        folders: those below it whose files are looked at, beside its own.

    Raises:
        ModelError: for the first such link. Links within the cache of huggingface_hub are none.
    """
    for folder in (root, *(root / name for name in folders)):
        paths = [Path(entry) for entry in os.scandir(folder) if entry.is_symlink()] if folder.is_dir() else []
        for path in ([folder] if folder != root and folder.is_symlink() else []) + paths:
            if not path.exists():
                raise ModelError(
                    f"{path} is a link that leads nowhere ({os.readlink(path)}). Fetch the model again, or convert it "
                    "again."
                )
            if leads_out(root, path):
                raise ModelError(
                    f"{path} is a link to something outside of {root}, which is not read as a part of this model. Put "
                    "the file itself there."
                )


def _blobs(snapshot: Path) -> Path | None:
    """Where the cache of huggingface_hub keeps the contents of a snapshot, or of a folder in one."""
    for folder in (snapshot, *snapshot.parents):
        if folder.parent.name == "snapshots" and _REPOSITORY.fullmatch(folder.parent.parent.name):
            return folder.parent.parent / "blobs"
    return None
