"""Whether a directory may become, or is, a feature data set."""

from __future__ import annotations

import os
from pathlib import Path

from emollama_hf.feature_set.manifest import PROVENANCE, ManifestError, NewerManifest, UnsafeManifest, read_manifest
from emollama_hf.feature_set.set_paths import DATA
from emollama_hf.files.given_path import given_path
from emollama_hf.files.links import leads_out
from emollama_hf.frames.source import shown_name
from emollama_hf.work_store.work_store import INSIDE_OUT, is_work_store


def check_destination(out: Path, *, existing: str) -> Path:
    """`out` as an absolute path, if a feature data set can be written or continued there.

    existing: "error", "add" or "replace", what becomes of rows that are there.
    Raises FileExistsError if it holds something else, or features whose work store is not there; NotADirectoryError
    or PermissionError if nothing can be made there; ValueError if a newer version wrote it, if it names or leads to
    files outside of it, or if its name is not UTF-8.
    """
    out = Path(os.path.abspath(given_path(out)))
    name = shown_name(str(out))
    if name != str(out):
        raise ValueError(
            f"{name}: this name is not UTF-8 (% and two digits stand for a byte), so that Parquet cannot be written "
            "there. Choose another directory."
        )
    file = next((path for path in (out, *out.parents) if path.exists() and not path.is_dir()), None)
    if file is not None:
        raise NotADirectoryError(f"{file} is a file. Choose a directory.")
    if out.is_dir() and any(out.iterdir()):
        if leads_out(out, out / DATA):
            raise ValueError(f"{out / DATA} is a link to something outside of {out}. Put the folder itself there.")
        continued = is_work_store(out / INSIDE_OUT)
        if not is_feature_set(out):
            if not continued:
                raise FileExistsError(f"{out} is not empty and holds no feature data set. Choose another directory.")
        else:
            _check_version(out)
            if not continued and existing == "error":
                raise FileExistsError(
                    f"{out} already holds a feature data set, and not the work that it was made from, so that it "
                    'cannot be continued. Choose another directory, add to it (--add, existing="add"), or replace it '
                    "(--overwrite, overwrite=True)."
                )
    parent = next(path for path in (out, *out.parents) if path.exists())
    if not os.access(parent, os.W_OK):
        raise PermissionError(f"{parent} cannot be written to. Choose another directory.")
    return out


def is_feature_set(directory: Path) -> bool:
    """Whether this package wrote the directory."""
    return (directory / PROVENANCE).is_file() and (
        (directory / DATA).is_dir() or next(directory.glob("*/train-*.parquet"), None) is not None
    )


def _check_version(directory: Path) -> None:
    try:
        read_manifest(directory)
    except (NewerManifest, UnsafeManifest):
        raise
    except ManifestError:
        return  # damaged: it is written anew
