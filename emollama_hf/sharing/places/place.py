"""Where a feature data set is shared: a Hub repository, a URL of any fsspec scheme, a directory."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from emollama_hf.console.logs import package_logger
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.manifest import (
    PROVENANCE,
    FeatureConfig,
    Manifest,
    ManifestError,
    check_unchanged,
    parse_manifest,
)

logger = package_logger(__name__)


@dataclass(frozen=True)
class Changes:
    """What becomes of a place at once. write: a file here for each path there, in this order. delete: paths there."""

    write: Mapping[str, Path] = field(default_factory=dict)
    delete: Sequence[str] = ()


class PlaceChangedError(ShareError):
    """Somebody else has published there since the place was looked at."""


class Place(abc.ABC):
    """One place, as it is when it is first read; `publish` moves it on.

    name: what people call it; it has no password and no token. Every method raises ShareError, worded for people, if
    the place cannot be reached or used.
    """

    name: str
    #: The last part of it, which a card has as its title.
    title: str

    @abc.abstractmethod
    def read(self, path: str) -> bytes | None:
        """A small file; None if it is not there."""

    @abc.abstractmethod
    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A file for reading parts of it."""

    @abc.abstractmethod
    def fetch(self, path: str, folder: Path) -> Path:
        """A whole file on this machine, in `folder` or in a cache."""

    def check_apart(self, source: object) -> None:  # noqa: B027  (only directories can lie in each other)
        """Raise ShareError if what is pushed is here, below or above: a directory pushed into itself."""

    @abc.abstractmethod
    def check_writable(self, *, private: bool) -> None:
        """Raise ShareError if publishing there would be refused, before hours of work; changes nothing."""

    @abc.abstractmethod
    def publish(self, changes: Changes, message: str, *, tag: str | None = None) -> None:
        """Make the changes so that readers see the old state or the new one. Raises PlaceChangedError if it has moved.

        What an earlier call has uploaded before it failed is not uploaded again.
        """

    @abc.abstractmethod
    def opening(self, name: str, config: FeatureConfig) -> str:
        """The Python expression that opens a configuration, for the card (`feature_card.Opening`)."""

    @abc.abstractmethod
    def leftovers(self, files: Sequence[str]) -> list[str]:
        """Files left by an interrupted call, half-written ones, too. files: those that a manifest names."""

    @abc.abstractmethod
    def sizes(self, paths: Sequence[str]) -> dict[str, int]:
        """Bytes of each file that is there."""

    @abc.abstractmethod
    def sha256(self, paths: Sequence[str]) -> dict[str, str | None]:
        """sha256 of each file that is there; None for one that the place would have to read for that."""

    def manifest(self, *, changed: bool = False) -> Manifest | None:
        """What is shared there; None if nothing is. Raises ManifestError if it cannot be read, or is damaged.

        changed: accept one that does not say what it said when it was written, with a warning.
        """
        found = self.read(PROVENANCE)
        if found is None:
            return None
        where = f"{self.name}/{PROVENANCE}"
        manifest = parse_manifest(found, where)
        try:
            check_unchanged(found.decode(), where)
        except ManifestError as error:
            if not changed:
                raise
            logger.warning("%s", error)
        return manifest
