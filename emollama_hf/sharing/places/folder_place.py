"""A directory, or a folder of any file system that fsspec knows.

Files are written whole and under names that no other content has; the README and before it provenance.json, which say
which files are the data set, are the last.
"""

from __future__ import annotations

import filecmp
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
from emollama_hf.feature_set.manifest import MOST_BYTES, PROVENANCE, FeatureConfig
from emollama_hf.feature_set.opening import open_directory
from emollama_hf.feature_set.set_paths import DATA, OWN_FILE, README, config_fault, is_partial
from emollama_hf.files.atomic_write import atomic_file
from emollama_hf.files.given_path import given_path
from emollama_hf.files.links import leads_out
from emollama_hf.files.small_file import open_regular, read_small
from emollama_hf.frames.source import local_path
from emollama_hf.sharing.places.place import Changes, Place, PlaceChangedError
from emollama_hf.sharing.places.target_directory import LOCK, check_apart, check_directory
from emollama_hf.text.secrets import public_url, without_secrets

#: The card names so many files; more are read from provenance.json.
NAMED_FILES = 8


class FolderPlace(Place):
    """url: a path, or a URL such as s3://bucket/path. Credentials are those of the file system's own configuration."""

    def __init__(self, url: str) -> None:
        self._url = url
        folder = local_path(url)
        self.is_local = folder is not None
        if folder is not None:
            url = os.path.abspath(given_path(folder, error=ShareError))
        elif not urlsplit(url).netloc:
            raise ShareError(f"{without_secrets(url)!r} names no folder: expected a URL such as s3://bucket/path.")
        self.name = url if self.is_local else public_url(url).rstrip("/")
        self.title = posixpath.basename(self.name)
        self._system, root = self._connect(url)
        if not self.is_local and "file" in _protocols(self._system):  # local://folder
            self.is_local, self.name, self.title = True, root, posixpath.basename(root)
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
            said = without_secrets(str(error), url=url)
            raise ShareError(
                f"{self.name}: this kind of place cannot be opened ({said}). Install what fsspec "
                "needs for it: pip install 'emollama_hf[s3]' for s3://, gcsfs for gs://."
            ) from None

    def read(self, path: str) -> bytes | None:
        with self._worded():
            self._system.invalidate_cache()
            try:
                content = self._small(path)
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
            found = Path(self._at(path))
            if not found.is_file():
                raise ShareError(f"{self.name}: {path} is missing. Push its rows once more, and do the same again.")
            return found
        target = folder / "fetched" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._worded():
            self._system.get_file(self._at(path), str(target))
        return target

    def check_apart(self, source: object) -> None:
        if self.is_local:
            check_apart(source, self._root)

    def check_writable(self, *, private: bool) -> None:
        """Who may read is for the file system to say: `private` is not looked at."""
        if not self.is_local:
            with self._worded():
                self._system.exists(self._root)
            return
        check_directory(Path(self._root))

    def publish(self, changes: Changes, message: str, *, tag: str | None = None) -> None:
        if tag is not None:
            raise ShareError(f"tag={tag!r}: {self.name} is no Hub repository and has no tags. Leave it out.")
        with self._worded(), self._locked():
            if self._now() != self._seen:
                raise PlaceChangedError(f"{self.name} was changed by somebody else meanwhile. Push again.")
            for path in self._partials():  # of a call that was killed: nobody writes them who has not the lock
                self._system.rm_file(self._at(path))
            for path, file in sorted(changes.write.items(), key=lambda item: _order(item[0])):
                self._put(file, path)
            for path in changes.delete:
                if self._system.exists(self._at(path)):
                    self._system.rm_file(self._at(path))
        if PROVENANCE in changes.write:
            self._seen = read_small(changes.write[PROVENANCE], at_most=MOST_BYTES)

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
            found = [path for path in self._listing() if OWN_FILE.fullmatch(posixpath.basename(path))]
            return [path for path in [*found, *self._partials()] if path not in files]

    def sizes(self, paths: Sequence[str]) -> dict[str, int]:
        with self._worded():
            found = self._listing()
            return {path: found[path] for path in paths if path in found}

    def sha256(self, paths: Sequence[str]) -> dict[str, str | None]:
        from emollama_hf.files.digest import hash_file

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
        there = named_by_content and self._system.exists(target) and self._system.size(target) == file.stat().st_size
        if there and (not self.is_local or filecmp.cmp(file, target, shallow=False)):
            return  # uploaded by a call that was interrupted
        if not self.is_local:
            self._system.put_file(str(file), target)
            return
        import shutil

        Path(target).parent.mkdir(parents=True, exist_ok=True)
        # Under the name that `_partials` finds again: publications hold a lock.
        with open_regular(file) as source, atomic_file(Path(target), durable=True) as written:
            shutil.copyfileobj(source, written, 2**20)

    def _now(self) -> bytes | None:
        self._system.invalidate_cache()
        try:
            return self._small(PROVENANCE)
        except FileNotFoundError:
            return None

    def _small(self, path: str) -> bytes:
        """A file that is read whole. Raises FileNotFoundError."""
        size = self._system.info(self._at(path)).get("size")
        if size is not None and size > MOST_BYTES:
            raise ShareError(f"{self.name}: {path} has {size:,} bytes, expected at most {MOST_BYTES:,}.")
        return cast(bytes, self._system.cat_file(self._at(path)))

    def _listing(self) -> dict[str, int]:
        """Bytes of the files of the set by their paths: those of its folder and of the folders of configurations."""
        self._system.invalidate_cache()
        files: dict[str, int] = {}
        try:
            entries = self._system.ls(self._root, detail=True)
        except FileNotFoundError:
            return files
        for entry in entries:
            name = posixpath.basename(entry["name"].rstrip("/"))
            if entry["type"] == "file":
                files[name] = entry["size"]
            elif entry["type"] == "directory" and (name == DATA or config_fault(name) is None):
                inner = self._system.ls(self._at(name), detail=True)
                files |= {f"{name}/{posixpath.basename(one['name'])}": one["size"] for one in inner}
        return files

    def _partials(self) -> list[str]:
        """What calls that were killed have left half-written."""
        return [path for path in self._listing() if is_partial(posixpath.basename(path))] if self.is_local else []

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
            said = without_secrets(" ".join(str(error).split()), url=self._url) or type(error).__name__
            raise ShareError(
                f"{self.name}: {said}. What is published there is as it was; do the same again to go on."
            ) from None

    def _at(self, path: str) -> str:
        """Where a file of the set is. Raises ShareError for one that is elsewhere, by way of a link."""
        target = f"{self._root}/{path}"
        if self.is_local and leads_out(self._root, target):
            raise ShareError(
                f"{target} is, or lies in, a link to something outside of {self._root}, which is not read or changed "
                "as a part of this set. Put the files themselves there, or choose another directory."
            )
        if self.is_local and os.path.exists(target) and not (os.path.isfile(target) or os.path.isdir(target)):
            raise ShareError(
                f"{target} is a pipe or a device, expected a file. Remove it, or choose another directory."
            )
        return target


def _protocols(system: Any) -> tuple[str, ...]:
    protocol = system.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _order(path: str) -> int:
    return {PROVENANCE: 1, README: 2}.get(path, 0)
