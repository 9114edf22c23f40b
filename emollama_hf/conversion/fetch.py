"""Where a source lies: a local path, a URL of any fsspec scheme or hf://, brought to this machine file by file.

huggingface_hub reads hf:// and fsspec the other URLs. For a folder of weights, `get` of fsspec lacks: files
that may be missing, a name that a file has only when it is whole, errors without the signature of a URL.
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emollama_hf.checkpoints.hub import snapshot
from emollama_hf.conversion.licences import LICENCE_FILES
from emollama_hf.errors import ModelError
from emollama_hf.files.atomic_write import atomic_path
from emollama_hf.files.given_path import given_path
from emollama_hf.frames.source import is_url, local_path
from emollama_hf.text.hub_id import is_hub_id
from emollama_hf.text.plain_names import revision_fault
from emollama_hf.text.secrets import without_secrets


class Folder(ABC):
    """A folder somewhere, from which files are brought here by their names."""

    def __init__(self, name: str) -> None:
        #: The last component: what provenance calls the folder.
        self.name = name

    @property
    def origin(self) -> str | None:
        """The Hub repository and commit, for provenance; no paths or URLs, which may be private."""
        return None

    @abstractmethod
    def fetch(self, names: Iterable[str]) -> Path:
        """A local folder that has those of the files that exist. Raises ModelError if the place cannot be read."""


class LocalFolder(Folder):
    """Files that are here already: read where they are."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.resolve().name)
        self._path = path

    def fetch(self, names: Iterable[str]) -> Path:
        return self._path


class HubFolder(Folder):
    """A folder of a model repository, by way of huggingface_hub's cache: an interrupted download goes on."""

    def __init__(self, repo_id: str, revision: str | None, inner: str) -> None:
        super().__init__((inner or repo_id).rpartition("/")[2])
        self._repo_id, self._revision, self._inner = repo_id, revision, inner

    @property
    def origin(self) -> str:
        where = f"{self._repo_id}@{self._revision}" if self._revision else self._repo_id
        return f"hf://{where}" + (f"/{self._inner}" if self._inner else "")

    def fetch(self, names: Iterable[str]) -> Path:
        prefix = f"{self._inner}/" if self._inner else ""
        root = snapshot(self._repo_id, self._revision, [prefix + name for name in names])
        self._revision = root.name  # the commit: later files come from the same one
        return root / self._inner


class UrlFolder(Folder):
    """A folder of an fsspec file system, copied into `staging`."""

    def __init__(self, fs: Any, path: str, url: str, staging: Path, query: str = "") -> None:
        super().__init__(path.rstrip("/").rpartition("/")[2])
        self._fs, self._path, self._staging = fs, path.rstrip("/"), staging
        # A query may be a signature: it is sent, and never shown or recorded.
        self._url, self._query = url.partition("?")[0], query

    def fetch(self, names: Iterable[str]) -> Path:
        self._staging.mkdir(parents=True, exist_ok=True)
        for name in names:
            target = self._staging / name
            licence = name in LICENCE_FILES
            if target.exists() or (licence and self._url.startswith("http")):
                continue  # a web server may answer anything with a page
            try:
                with atomic_path(target) as partial:  # fsspec opens the file itself
                    self._fs.get_file(f"{self._path}/{name}{self._query}", str(partial))
            except FileNotFoundError:
                continue
            except Exception as error:  # every scheme has its own
                if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise  # of the disk here, which the conversion speaks of
                if licence:
                    continue  # stores that may not be listed forbid what they do not have
                raise ModelError(_unreachable(self._url_of(name), error, self._url + self._query)) from error
        return self._staging

    def _url_of(self, name: str) -> str:
        return self._url if self._url.endswith(f"/{name}") else f"{self._url}/{name}"


def open_folder(location: str, staging: Path) -> Folder:
    """The folder at a location.

    Args:
        location: a path, a URL or hf://.
        staging: where files from elsewhere are copied to.

    Raises:
        ModelError: nothing is found.
        NotADirectoryError: it is a file on this machine.
    """
    if location.startswith("hf://"):
        return HubFolder(*_hub_parts(location))
    if _is_remote(location):
        fs, path = _file_system(location)
        return UrlFolder(fs, path, location, staging)
    local = _local(location)
    if not local.is_dir():
        raise NotADirectoryError(str(local))
    return LocalFolder(local)


def open_file(location: str, staging: Path) -> tuple[Folder, str]:
    """The file at a location.

    Args:
        location, staging: as in `open_folder`.

    Returns:
        The folder, and the file's name in it.

    Raises:
        ModelError: nothing is found.
        IsADirectoryError: it is a directory on this machine.
    """
    if location.startswith("hf://"):
        repo_id, revision, inner = _hub_parts(location)
        if not inner:
            raise ModelError(f"{location} is a repository, expected a file in it: hf://{repo_id}/FILE.")
        folder, _, name = inner.rpartition("/")
        return HubFolder(repo_id, revision, folder), name
    if _is_remote(location):
        fs, path = _file_system(location)
        path, mark, query = path.partition("?")
        parent, _, name = path.rpartition("/")
        _check_name(name, location)
        return UrlFolder(fs, parent, location, staging, mark + query), name
    local = _local(location)
    if local.is_dir():
        raise IsADirectoryError(str(local))
    return LocalFolder(local.parent), local.name


def _is_remote(location: str) -> bool:
    return is_url(location)


def _local(location: str) -> Path:
    """A path of this machine at which there is something."""
    path = given_path(local_path(location) or location, error=ModelError)
    if not path.exists():
        advice = f"For a Hub repository write hf://{location}." if is_hub_id(location) else "Check the path."
        raise ModelError(f"{location}: there is nothing of that name. {advice}")
    return path


def _hub_parts(location: str) -> tuple[str, str | None, str]:
    """(repository, revision, path in it) of a location that begins with hf://."""
    from huggingface_hub import parse_hf_uri
    from huggingface_hub.errors import HfUriError

    try:
        parts = parse_hf_uri(location)
    except HfUriError:
        parts = None
    if parts is None or parts.type != "model":
        raise ModelError(f"{location}: expected hf://OWNER/NAME of a model repository, @REVISION, and a path below it.")
    for name in parts.path_in_repo.split("/") if parts.path_in_repo else ():
        _check_name(name, location)
    if parts.revision is not None and (fault := revision_fault(parts.revision)) is not None:
        raise ModelError(f"{location}: {parts.revision!r:.120} is no revision: {fault}. Give one such as main.")
    return parts.id, parts.revision, parts.path_in_repo


def _check_name(name: str, location: str) -> None:
    """Raise ModelError for the name of a file elsewhere that cannot be that of a copy here."""
    if name in ("", ".", "..") or "\\" in name or "\0" in name or "/" in name:
        raise ModelError(f"{location}: {name!r:.120} is no name of a file or folder. Check the location.")


def _file_system(location: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    try:
        fs, path = url_to_fs(location)
    except ImportError as error:
        raise ModelError(f"{location}: {error}.") from error  # fsspec says what to install
    except Exception as error:
        raise ModelError(_unreachable(location, error)) from error
    return fs, path


def _unreachable(url: str, error: Exception, whole: str | None = None) -> str:
    """What is wrong with a URL. whole: with the query that `url` lacks, of which a server may quote a part."""
    reason = without_secrets(" ".join(str(error).split()), url=whole or url) or type(error).__name__
    return f"{url}: cannot be read ({reason}). Check the URL, the connection and the credentials."
