"""A repository on the Hub. Readers see commits, so that a state is never seen in half."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar, cast

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    HfFileSystem,
    constants,
    get_token,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.hf_api import RepoFile

from emollama_hf.errors import ShareError
from emollama_hf.feature_set.manifest import DEFAULT_CONFIG, MOST_BYTES, FeatureConfig
from emollama_hf.feature_set.set_paths import OWN_FILE
from emollama_hf.files.small_file import OddFileError, read_small
from emollama_hf.sharing.places.place import Changes, Place, PlaceChangedError
from emollama_hf.text.secrets import without_secrets

T = TypeVar("T")

#: HfHubHTTPError's bases are the errors of whichever HTTP library the client uses, connections that break included;
#: a failed upload is a RuntimeError, a card or a name that the Hub refuses is a ValueError.
CLIENT_ERRORS: tuple[type[BaseException], ...] = (*HfHubHTTPError.__bases__, RuntimeError, ValueError)

REPO_TYPE = "dataset"
MAIN = "main"
ABSENT = 404
STALE = 412
FORBIDDEN = (401, 403)


class HubPlace(Place):
    """repo_id: `owner/name`. revision: a branch to publish to, or any revision to read; by default main.

    repo_type: "dataset", or "model" for weights. token: by default the one that `hf auth login` has stored, or
    HF_TOKEN: huggingface_hub finds it by itself.
    """

    def __init__(
        self, repo_id: str, revision: str | None = None, *, repo_type: str = REPO_TYPE, token: str | None = None
    ) -> None:
        self.repo_id = repo_id
        self._type = repo_type
        self.revision = revision
        self.name = repo_id if revision is None else f"{repo_id}@{revision}"
        self.title = repo_id.split("/")[1]
        self._token = token
        self._api = HfApi(library_name="emollama_hf", token=token)
        self._private = True

    @cached_property
    def commit(self) -> str | None:
        """The commit that is read; None if there is no such repository or branch yet."""
        if constants.HF_HUB_OFFLINE:
            return self.revision or self._cached_commit() or MAIN
        try:
            info = self._ask(lambda: self._api.repo_info(self.repo_id, repo_type=self._type, revision=self.revision))
        except _Absent:
            return None
        return info.sha or self.revision or MAIN

    def read(self, path: str) -> bytes | None:
        if self.commit is None:
            return None
        try:
            return read_small(self._ask(lambda: self._download(path)), at_most=MOST_BYTES)
        except _Absent:
            return None
        except OddFileError as error:
            raise ShareError(f"{self.name}: {path} is {error}. Nothing was read or changed.") from None

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        system = HfFileSystem(skip_instance_cache=True, token=self._token)
        prefix = constants.REPO_TYPES_URL_PREFIXES.get(self._type, "")
        place = f"{prefix}{self.repo_id}@{self.commit}/{path}"
        file = self._ask(lambda: system.open(place, "rb", block_size=2**20))
        with file:
            yield cast(BinaryIO, file)

    def fetch(self, path: str, folder: Path) -> Path:
        return self._ask(lambda: self._download(path))

    def check_writable(self, *, private: bool) -> None:
        self._private = private
        if constants.HF_HUB_OFFLINE:
            raise ShareError(
                f"HF_HUB_OFFLINE is set, so nothing can be sent to {self.repo_id}. Unset it, or push to a directory."
            )
        if self._token is None and get_token() is None:
            raise ShareError("no login to the Hub was found. Run hf auth login, or set HF_TOKEN.")
        info = self._repository()
        if info is not None and private and info.private is False:
            raise ShareError(
                f"{self.repo_id} is public, and what is computed of people is pushed to private repositories unless "
                f"you say otherwise. Make it private on its page, or pass private=False (--public)."
            )

    def publish(self, changes: Changes, message: str, *, tag: str | None = None) -> None:
        if self._repository() is None:
            self._ask(
                lambda: self._api.create_repo(self.repo_id, repo_type=self._type, private=self._private, exist_ok=True)
            )
        if self.commit is None and self.revision is not None:
            self._ask(
                lambda: self._api.create_branch(
                    self.repo_id, repo_type=self._type, branch=cast(str, self.revision), exist_ok=True
                )
            )
        if changes.write or changes.delete:
            self._commit(changes, message)
        if tag is not None:
            self._tag(tag)

    def opening(self, name: str, config: FeatureConfig) -> str:
        given = "" if name == DEFAULT_CONFIG else f', "{name}"'
        revision = "" if self.revision in (None, MAIN) else f', revision="{self.revision}"'
        return f'load_dataset("{self.repo_id}"{given}, split="train"{revision})'

    def leftovers(self, files: Sequence[str]) -> list[str]:
        return []  # a commit is whole

    def sizes(self, paths: Sequence[str]) -> dict[str, int]:
        if self.commit is None:
            return {}
        return {file.path: file.size for file in self._files(paths)}

    def sha256(self, paths: Sequence[str]) -> dict[str, str | None]:
        return {file.path: None if file.lfs is None else file.lfs.sha256 for file in self._files(paths)}

    def _files(self, paths: Sequence[str]) -> list[RepoFile]:
        found = self._ask(
            lambda: self._api.get_paths_info(self.repo_id, list(paths), repo_type=self._type, revision=self.commit)
        )
        return [entry for entry in found if isinstance(entry, RepoFile)]

    # What only the Hub has

    def other_refs(self) -> list[str]:
        """Branches and tags beside the one that is published to: they go on holding what was there."""
        refs = self._ask(lambda: self._api.list_repo_refs(self.repo_id, repo_type=self._type))
        names = [ref.name for ref in (*refs.branches, *refs.tags)]
        return [name for name in names if name != (self.revision or MAIN)]

    def squash(self, message: str) -> None:
        """Make the branch one commit, without the ones before it."""
        self._ask(
            lambda: self._api.super_squash_history(
                self.repo_id, repo_type=self._type, branch=self.revision or MAIN, commit_message=message
            )
        )
        self.__dict__.pop("commit", None)

    def erase_unnamed(self) -> int:
        """Delete for good the contents of feature files that no branch and no tag names any more; how many."""
        refs = self._ask(lambda: self._api.list_repo_refs(self.repo_id, repo_type=self._type))
        named: set[str] = set()
        for ref in (*refs.branches, *refs.tags):
            named |= {sha256 for sha256 in self._tree(ref.target_commit).values() if sha256 is not None}
        stored = self._ask(lambda: list(self._api.list_lfs_files(self.repo_id, repo_type=self._type)))
        gone = [
            file for file in stored if file.oid not in named and OWN_FILE.fullmatch(PurePosixPath(file.filename).name)
        ]
        if gone:
            self._ask(lambda: self._api.permanently_delete_lfs_files(self.repo_id, gone, repo_type=self._type))
        return len(gone)

    def _tree(self, revision: str) -> dict[str, str | None]:
        """sha256 of each file of a revision; None for small ones."""
        found = self._ask(
            lambda: list(
                self._api.list_repo_tree(self.repo_id, repo_type=self._type, revision=revision, recursive=True)
            )
        )
        files = [entry for entry in found if isinstance(entry, RepoFile)]
        return {file.path: None if file.lfs is None else file.lfs.sha256 for file in files}

    def _commit(self, changes: Changes, message: str) -> None:
        if self.commit is None:
            self.__dict__.pop("commit", None)  # the repository is there by now
        operations: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
            *(CommitOperationAdd(path_in_repo=path, path_or_fileobj=file) for path, file in changes.write.items()),
            *(CommitOperationDelete(path_in_repo=path) for path in changes.delete),
        ]
        done = self._ask(
            lambda: self._api.create_commit(
                self.repo_id, operations, commit_message=message, repo_type=self._type, revision=self.revision,
                parent_commit=self.commit if constants.REGEX_COMMIT_OID.fullmatch(self.commit or "") else None,
            )
        )  # fmt: skip
        self.__dict__["commit"] = done.oid

    def _tag(self, tag: str) -> None:
        try:
            self._api.create_tag(self.repo_id, repo_type=self._type, tag=tag, revision=self.commit)
        except HfHubHTTPError as error:
            if error.response is not None and error.response.status_code == 409:
                raise ShareError(
                    f"{self.repo_id} was pushed, but it has a tag {tag!r} already, which stays where it is. Choose "
                    "another name."
                ) from None
            raise self._worded(error) from None

    def _cached_commit(self) -> str | None:
        """The commit that was looked at last, on this machine."""
        folder = (
            Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=self.repo_id, repo_type=self._type) / "snapshots"
        )
        found = sorted(folder.glob("*"), key=lambda path: path.stat().st_mtime)
        return found[-1].name if found else None

    def _repository(self) -> Any:
        try:
            return self._ask(lambda: self._api.repo_info(self.repo_id, repo_type=self._type))
        except _Absent:
            return None

    def _download(self, path: str) -> Path:
        found = self._api.hf_hub_download(self.repo_id, path, repo_type=self._type, revision=self.commit)
        return Path(found)

    def _ask(self, question: Callable[[], T]) -> T:
        """What the Hub answers. Raises _Absent for what is not there, ShareError for every other refusal."""
        try:
            return question()
        except (GatedRepoError, LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
            if _status(error.__cause__) == ABSENT:  # a mirror that does not say what is absent
                raise _Absent(f"{self.name}: not found") from None
            raise self._worded(error) from None
        except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError) as error:
            raise _Absent(f"{self.name}: {without_secrets(_first_line(error))}") from None
        except ShareError:
            raise
        except CLIENT_ERRORS as error:
            raise self._worded(error) from None

    def _worded(self, error: BaseException) -> ShareError:
        if isinstance(error, GatedRepoError):
            return ShareError(f"{self.name} is gated and this account has no access. Ask for it on its page.")
        if isinstance(error, LocalEntryNotFoundError | OfflineModeIsEnabled):
            return ShareError(
                f"{self.name} cannot be reached and is not in the cache. Check the connection and HF_HUB_OFFLINE, or "
                "give a directory."
            )
        status = _status(error)
        said = without_secrets(_first_line(error))
        if status == STALE:
            return PlaceChangedError(f"{self.name} was changed by somebody else meanwhile. Push again.")
        if status in FORBIDDEN:
            return ShareError(
                f"{self.name}: the Hub refused ({said}). Run hf auth login with a token that may write there."
            )
        return ShareError(f"{self.name}: the Hub failed ({said}). Nothing was published there; push again to go on.")


class _Absent(ShareError):
    """The repository, the revision or the file is not there."""


def _status(error: BaseException | None) -> int | None:
    """The HTTP status behind an error, if there is one."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _first_line(error: BaseException) -> str:
    if error.__cause__ is not None and isinstance(error, RuntimeError):  # an upload, and what became of it
        return f"{error} {_first_line(error.__cause__)}"
    if isinstance(error, ValueError):  # a list of what is wrong with a card
        return " ".join(str(error).split())
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
