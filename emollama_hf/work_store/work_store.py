"""What was computed, by row and stage: shards that are whole or absent, found by the keys of `row_keys`.

    root/
      shards/{time}-{random}/   see `shard`; appears by one rename
      unfinished/{name}/        a shard that a running process writes; {name}.lock is held by it
      claims/{unit}.lock        rows that a running process computes

Any number of processes may use a store at once: what one publishes the others find, what one has claimed the others
leave alone, and what a killed one held is free again, because the system lets go of its locks.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Features
from filelock import FileLock, Timeout

from emollama_hf.console.logs import package_logger
from emollama_hf.errors import ClipError, StoreError
from emollama_hf.work_store.shard import DamagedShard, Failure, Shard, ShardWriter
from emollama_hf.work_store.shard_copy import copy_without

logger = package_logger(__name__)

#: `huggingface_hub` never uploads what lies under this name, so that face crops do not leave with the folder.
INSIDE_OUT = Path(".cache") / "huggingface" / "emollama_hf"
MARK = "CACHEDIR.TAG"
CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Written by emollama_hf: may be deleted, see its README.\n"


def make_root(root: Path) -> None:
    """Make the directory of a work store, with the mark by which it is known."""
    root.mkdir(parents=True, exist_ok=True)
    (root / MARK).write_text(CACHE_TAG)


def is_work_store(root: Path) -> bool:
    """Whether a directory is one: in the home directory the hashes of files lie under the same name.

    An empty one is, too: somebody else is about to mark it, or was killed right before that.
    """
    try:
        return (root / MARK).is_file() or not any(root.iterdir())
    except OSError:
        return False


@dataclass(frozen=True)
class Stored:
    """Where a row's values of one stage are."""

    shard: Shard
    at: int


class WorkStore:
    """The store in a directory, which need not exist yet.

    retry: shards whose failures count as never computed. Raises StoreError if a newer version wrote to it.
    """

    def __init__(self, root: Path, *, retry: Iterable[str] = ()) -> None:
        self.root = root
        self._retry = frozenset(retry)
        self._known: dict[str, Shard | None] = {}
        self._found: dict[tuple[str, str], Stored | Failure] = {}
        self._scanned_ns = -1
        self._earlier: set[str] = set()
        self._opening = True
        self.refresh()
        self._opening = False

    # Reading

    def find(self, stage: str, key: str) -> Stored | Failure | None:
        """What a stage made of the row `key`; None if that is not known.

        The bytes of its values are checked when the first row of them is found: shards of other settings cost nothing.
        """
        found = self._found.get((stage, key))
        if isinstance(found, Stored) and not self._is_intact(found.shard, stage):
            return self.find(stage, key)  # in another shard
        return found

    def _is_intact(self, shard: Shard, stage: str) -> bool:
        try:
            shard.check(stage)
        except DamagedShard as error:
            _say_damaged(shard.folder, error)
            self._known[shard.folder.name] = None
            self._learn_again()
            return False
        return True

    def refresh(self) -> bool:
        """Learn of the shards that were published since; whether there were any."""
        folder = self.root / "shards"
        try:
            changed_ns = folder.stat().st_mtime_ns
            if changed_ns == self._scanned_ns:
                return False
            names = sorted(entry.name for entry in os.scandir(folder))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreError(f"{folder} cannot be read ({error.strerror}).") from error
        new = [name for name in names if name not in self._known]
        for name in new:
            self._known[name] = shard = self._open(folder / name)
            if self._opening:
                self._earlier.add(name)
            if shard is not None:
                self._learn(shard)
        # A folder that changed within the last second may change again without its time showing it.
        self._scanned_ns = changed_ns if time.time_ns() - changed_ns > 10**9 else -1
        return bool(new)

    @property
    def shard_names(self) -> list[str]:
        return [shard.folder.name for shard in self.shards]

    @property
    def shards(self) -> list[Shard]:
        """Shards whose numbers are those that were written; all of them are read, as far as they were not."""
        for shard in self._readable():
            all(self._is_intact(shard, stage) for stage in shard.stages)
        return self._readable()

    def _readable(self) -> list[Shard]:
        return [shard for shard in self._known.values() if shard is not None]

    def _open(self, folder: Path) -> Shard | None:
        try:
            return Shard.open(folder)
        except DamagedShard as error:
            _say_damaged(folder, error)
            return None

    def _learn_again(self) -> None:
        self._found.clear()
        for shard in self._readable():
            self._learn(shard)

    def _learn(self, shard: Shard) -> None:
        name = shard.folder.name
        for stage in shard.stages:
            for at, key in enumerate(shard.computed(stage)):
                self._found[stage, key] = Stored(shard, at)
            for key, failure in shard.failures(stage) if name not in self._retry else ():
                if name in self._earlier and failure.kind == "missing_file":
                    continue  # of an earlier run: a server or a disk may be there again
                if not isinstance(self._found.get((stage, key)), Stored):
                    self._found[stage, key] = failure

    # Writing

    def try_claim(self, unit: str) -> FileLock | None:
        """The lock on a unit of rows; None if another process has it."""
        with words_for_people(self.root):
            lock = FileLock(self._folder("claims") / f"{unit}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                return None
        return lock

    def release(self, lock: FileLock) -> None:
        # Removed while it is held: who has opened it meanwhile computes rows again at worst, which does no harm.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()

    @contextmanager
    def writing(self, made_with: dict[str, Any]) -> Iterator[Publisher]:
        """A writer of shards for the time of the block."""
        with words_for_people(self.root):
            folder = self._folder("unfinished")
            name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
            with self._tidying():
                lock = FileLock(folder / f"{name}.lock")
                lock.acquire()
                (folder / name).mkdir()
        publisher = Publisher(self, folder / name, made_with)
        try:
            yield publisher
        finally:
            publisher.abandon()
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / f"{name}.lock").unlink(missing_ok=True)
            lock.release()

    def tidy(self) -> None:
        """Remove what killed processes left, and shards that cannot be read: their rows are computed again."""
        if not self.root.is_dir():
            return
        with words_for_people(self.root), self._tidying():
            for name in ("unfinished", "claims"):
                for lock_file in (self.root / name).glob("*.lock"):
                    _remove_abandoned(lock_file)
            for name in [name for name, shard in self._known.items() if shard is None]:
                shutil.rmtree(self.root / "shards" / name, ignore_errors=True)
                del self._known[name]

    def _tidying(self) -> FileLock:
        """Held by whoever makes or removes folders with locks, so that no new one is taken for a dead process's."""
        return FileLock(self.root / "lock")

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        if not folder.is_dir():
            make_root(self.root)
            folder.mkdir(exist_ok=True)
        return folder


class Publisher:
    """Makes one shard after the other in a folder of its own."""

    def __init__(self, store: WorkStore, folder: Path, made_with: dict[str, Any]) -> None:
        self._store, self._folder, self._made_with = store, folder, made_with
        self._writer: ShardWriter | None = None
        self._landed = 0

    def add(self, stage: str, features: Features, key: str, outcome: dict[str, Any] | ClipError) -> None:
        """Put what a stage made of the row `key` into the shard that is being written."""
        with words_for_people(self._store.root):
            if self._writer is None:
                self._writer = ShardWriter(self._new_folder(), self._made_with)
            self._writer.add(stage, features, key, outcome)

    @property
    def nbytes(self) -> int:
        """Size of the shard that is being written."""
        return 0 if self._writer is None else self._writer.nbytes

    def publish(self) -> bool:
        """Let everybody find the shard that was written; from here on it survives any end of this process.

        Returns whether there was anything to publish.
        """
        published = self.finish()
        if published:
            self._landed += 1
            self.refresh()
        return published

    def landed(self, *, wait: bool) -> int:
        """Shards that have become safe since this was last asked. wait: for those that are on their way."""
        landed, self._landed = self._landed, 0
        return landed

    def finish(self) -> bool:
        """As `publish`, but the store of this process need not know it yet: it is told by `refresh`."""
        if self._writer is None:
            return False
        with words_for_people(self._store.root):
            self._writer.close()
            folder = self._writer.folder
        self._writer = None
        self._rename(folder)
        return True

    def refresh(self) -> None:
        """Have the store of this process learn of the shards that were finished."""
        self._store.refresh()

    def copy(self, shard: Shard, gone: frozenset[str]) -> None:
        """Publish what a shard has of all rows but those of the keys `gone`."""
        with words_for_people(self._store.root):
            folder = self._new_folder()
            copy_without(shard, gone, folder)
        self._rename(folder)
        self.refresh()

    def _rename(self, folder: Path) -> None:
        with words_for_people(self._store.root):
            target = self._store._folder("shards") / folder.name
            folder.rename(target)

    def _new_folder(self) -> Path:
        folder = self._folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        folder.mkdir()
        return folder

    def abandon(self) -> None:
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None


def _say_damaged(folder: Path, error: DamagedShard) -> None:
    logger.warning("%s is damaged: %s. Its rows are computed again.", folder, error)


def _remove_abandoned(lock_file: Path) -> None:
    """Remove a lock, and the folder that it stands for, unless a living process holds it."""
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return
    shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
    lock_file.unlink(missing_ok=True)
    lock.release()


@contextmanager
def words_for_people(root: Path) -> Iterator[None]:
    """An error of the disk as a StoreError that says what is kept and what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(
            f"{root} cannot be written to ({reason}). What was computed before is kept: make room or access, and run "
            "the same again."
        ) from error
