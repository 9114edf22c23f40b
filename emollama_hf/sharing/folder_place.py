"""A directory, or a folder of any file system that fsspec knows.

Files are written whole and under names that no other content has; the README and before it provenance.json, which say
which files are the data set, are the last.
"""

from __future__ import annotations

import os
import posixpath
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from filelock import FileLock

from emollama_hf.errors import ShareError
from emollama_hf.frames.source import local_path
from emollama_hf.secrets import public_url, without_secrets
from emollama_hf.sharing.place import Changes, Place, PlaceChangedError
from emollama_hf.store.destination import DATA
from emollama_hf.store.feature_set import OWN_FILE, README
from emollama_hf.store.manifest import PROVENANCE, FeatureConfig
from emollama_hf.store.opening import open_directory
from emollama_hf.store.work_store import INSIDE_OUT, is_work_store

#: The card names so many files; more are read from provenance.json.
NAMED_FILES = 8
LOCK = ".push.lock"


class FolderPlace(Place):
    """url: a path, or a URL such as s3://bucket/path. Credentials are those of the file system's own configuration."""

    def __init__(self, url: str) -> None:
        folder = local_path(url)
        self.is_local = folder is not None
        if folder is not None:
            url = os.path.abspath(folder.expanduser())
        elif not urlsplit(url).netloc:
            raise ShareError(f"{without_secrets(url)!r} names no folder: expected a URL such as s3://bucket/path.")
        self.name = url if self.is_local else public_url(url).rstrip("/")
        self.title = posixpath.basename(self.name)
        self._system, root = self._connect(url)
        self._root = root.rstrip("/")
        self._seen: bytes | None = None
        self._looked = False

    def _connect(self, url: str) -> tuple[Any, str]:
        import fsspec

        try:
            if self.is_local:  # a name may hold what parts the links of a chain of URLs: a::b
                return fsspec.filesystem("file"), url
            return fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise ShareError(
                f"{self.name}: this kind of place cannot be opened ({without_secrets(str(error))}). Install what "
                "fsspec needs for it: pip install 'emollama_hf[s3]' for s3://, gcsfs for gs://."
            ) from None

    def read(self, path: str) -> bytes | None:
        with self._worded():
            self._system.invalidate_cache()
            try:
                content = cast(bytes, self._system.cat_file(self._at(path)))
            except FileNotFoundError:
                content = None
        if path == PROVENANCE and not self._looked:
            self._seen, self._looked = content, True
        return content

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        with self._worded(), self._system.open(self._at(path), "rb") as file:
            yield cast(BinaryIO, file)

    def fetch(self, path: str, folder: Path) -> Path:
        if self.is_local:
            return Path(self._at(path))
        target = folder / posixpath.basename(path)
        with self._worded():
            self._system.get_file(self._at(path), str(target))
        return target

    def check_writable(self, *, private: bool) -> None:
        """Who may read is for the file system to say: `private` is not looked at."""
        if not self.is_local:
            with self._worded():
                self._system.exists(self._root)
            return
        root = Path(self._root)
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
        if root.is_dir() and any(path.name != LOCK for path in root.iterdir()) and self.read(PROVENANCE) is None:
            data = root / DATA
            if not (data.is_dir() and all(OWN_FILE.fullmatch(path.name) for path in data.iterdir())):
                raise ShareError(f"{root} is not empty and holds no feature data set. Choose another directory.")

    def publish(self, changes: Changes, message: str, *, tag: str | None = None) -> None:
        if tag is not None:
            raise ShareError(f"tag={tag!r}: {self.name} is no Hub repository and has no tags. Leave it out.")
        with self._locked(), self._worded():
            if self._now() != self._seen:
                raise PlaceChangedError(f"{self.name} was changed by somebody else meanwhile. Push again.")
            for path, file in sorted(changes.write.items(), key=lambda item: _order(item[0])):
                self._put(file, path)
            for path in changes.delete:
                if self._system.exists(self._at(path)):
                    self._system.rm_file(self._at(path))
        if PROVENANCE in changes.write:
            self._seen = changes.write[PROVENANCE].read_bytes()

    def opening(self, name: str, config: FeatureConfig) -> str:
        if self.is_local:
            return open_directory(name, config)
        if len(config.files) <= NAMED_FILES:
            files = ", ".join(f'"{self.name}/{file}"' for file in config.files)
            return f'load_dataset("parquet", data_files=[{files}], split="train")'
        return (
            f'load_dataset("parquet", data_files=[f"{self.name}/{{file}}" for file in __import__("json").load('
            f'__import__("fsspec").open("{self.name}/{PROVENANCE}").open())["configs"]["{name}"]["files"]], '
            'split="train")'
        )

    def leftovers(self, files: Sequence[str]) -> list[str]:
        with self._worded():
            self._system.invalidate_cache()
            folders = {DATA, *(posixpath.dirname(file) for file in files)}
            found = [
                f"{folder}/{posixpath.basename(path)}"
                for folder in sorted(folders)
                if self._system.exists(self._at(folder))
                for path in self._system.ls(self._at(folder), detail=False)
                if OWN_FILE.fullmatch(posixpath.basename(path))
            ]
        return [path for path in found if path not in files]

    def sha256(self, paths: Sequence[str]) -> dict[str, str | None]:
        from emollama_hf.digest import hash_file

        with self._worded():
            there = [path for path in paths if self._system.exists(self._at(path))]
            return {path: hash_file(Path(self._at(path))) if self.is_local else None for path in there}

    def age_s(self, path: str) -> float:
        """Seconds since a file was written."""
        with self._worded():
            modified: datetime = self._system.modified(self._at(path))
        return time.time() - modified.timestamp()

    def _put(self, file: Path, path: str) -> None:
        target = self._at(path)
        named_by_content = OWN_FILE.fullmatch(posixpath.basename(path)) is not None
        if named_by_content and self._system.exists(target) and self._system.size(target) == file.stat().st_size:
            return  # uploaded by a call that was interrupted
        if not self.is_local:
            self._system.put_file(str(file), target)
            return
        import shutil

        Path(target).parent.mkdir(parents=True, exist_ok=True)
        partial = Path(target).with_name(f".{posixpath.basename(path)}.part")
        shutil.copyfile(file, partial)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(target)

    def _now(self) -> bytes | None:
        self._system.invalidate_cache()
        try:
            return cast(bytes, self._system.cat_file(self._at(PROVENANCE)))
        except FileNotFoundError:
            return None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, where the file system has locks."""
        if not self.is_local:
            yield
            return
        Path(self._root).mkdir(parents=True, exist_ok=True)
        with FileLock(Path(self._root) / LOCK):
            yield

    @contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except ShareError:
            raise
        except Exception as error:  # each file system has errors of its own
            said = without_secrets(" ".join(str(error).split())) or type(error).__name__
            raise ShareError(
                f"{self.name}: {said}. What is published there is as it was; do the same again to go on."
            ) from None

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"


def _order(path: str) -> int:
    return {PROVENANCE: 1, README: 2}.get(path, 0)
