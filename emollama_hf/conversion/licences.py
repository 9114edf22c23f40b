"""The sources' licence texts, which go where their weights go."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from emollama_hf.files.links import leads_out

LICENCE_FILES = (
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
    "LICENCE",
    "LICENCE.txt",
    "NOTICE",
    "NOTICE.txt",
    "USE_POLICY.md",
)
FOLDER = "licenses"
_PROJECT = (".git", "pyproject.toml", "setup.py")


def copy_licences(sources: Mapping[str, Path], root: Path) -> list[str]:
    """Copy what lies beside each source's files to root/licenses/SOURCE/; returns the copies' names below root.

    sources: by the name of the source, the local folder of its files.
    """
    copied = []
    for source, folder in sources.items():
        if any((folder / name).exists() for name in _PROJECT):
            continue  # checkpoints that lie in somebody's project: its licence is not theirs
        for name in LICENCE_FILES:
            if (folder / name).is_file() and not leads_out(folder, folder / name):
                target = root / FOLDER / source / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, target)
                copied.append(target.relative_to(root).as_posix())
    return copied
