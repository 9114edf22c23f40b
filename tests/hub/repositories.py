"""What a Hub remembers: repositories with commits, branches and tags, and the contents of large files."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

MAIN = "main"
GITATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"


@dataclass(frozen=True)
class File:
    """A file of a commit; a large one is known by the sha256 of its content."""

    content: bytes
    is_large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def oid(self) -> str:
        """As git names it."""
        text = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + self.sha256.encode()
        blob = text if self.is_large else self.content
        return hashlib.sha1(b"blob %d\0" % len(blob) + blob).hexdigest()

    def described(self, path: str) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(self.content), "oid": self.oid}
        entry["lastCommit"] = {"id": self.oid, "title": "one of them", "date": "2026-01-01T00:00:00.000Z"}
        if self.is_large:
            entry["lfs"] = {"oid": self.sha256, "size": len(self.content), "pointerSize": 130}
        return entry


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    files: dict[str, File]
    parent: str | None


class Refused(Exception):
    """An answer that is an error: its status, its code for the client, and what it says."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Repository:
    """branches, tags: commits by name.

    large: contents of large files by sha256, also those of no commit. names: their last names.
    """

    name: str
    private: bool
    commits_by_oid: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._add(MAIN, "initial commit", {".gitattributes": File(GITATTRIBUTES, False)}, None)

    def files(self, revision: str = MAIN) -> dict[str, bytes]:
        """Contents by path."""
        return {path: file.content for path, file in self.commit(revision).files.items()}

    def commits(self, branch: str = MAIN) -> list[Commit]:
        """Those of a branch, the newest first."""
        found = [self.commit(branch)]
        while found[-1].parent is not None:
            found.append(self.commits_by_oid[found[-1].parent])
        return found

    def commit(self, revision: str) -> Commit:
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        if oid not in self.commits_by_oid:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return self.commits_by_oid[oid]

    def add_commit(self, branch: str, lines: Iterable[Mapping[str, Any]]) -> Commit:
        """A commit from the lines that the client sends; all of it or nothing."""
        if branch not in self.branches:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {branch}")
        head = self.commit(branch)
        files, title = dict(head.files), ""
        for line in lines:
            kind, value = line["key"], line["value"]
            if kind == "header":
                title = value["summary"]
                if value.get("parentCommit") not in (None, head.oid):
                    raise Refused(412, "", "A commit has happened since. Please refresh and try again.")
            elif kind == "file":
                files[value["path"]] = File(base64.b64decode(value["content"]), False)
            elif kind == "lfsFile":
                if value["oid"] not in self.large:
                    raise Refused(400, "", f"{value['path']}: its LFS object was never uploaded")
                files[value["path"]] = File(self.large[value["oid"]], True)
                self.names[value["oid"]] = value["path"]
            elif kind == "deletedFile":
                if files.pop(value["path"], None) is None:
                    raise Refused(400, "", f"{value['path']}: no such file")
            else:
                raise Refused(400, "", f"unknown operation {kind}")
        return self._add(branch, title, files, head.oid)

    def squash(self, branch: str, title: str) -> None:
        self._add(branch, title, self.commit(branch).files, None)
        self._forget_unreachable()

    def erase(self, oids: Iterable[str]) -> None:
        """Contents of large files for good, and their names wherever they are."""
        gone = set(oids)
        for sha256 in [sha256 for sha256, data in self.large.items() if File(data, True).oid in gone]:
            del self.large[sha256]
        for oid, commit in self.commits_by_oid.items():
            kept = {path: file for path, file in commit.files.items() if not (file.is_large and file.oid in gone)}
            self.commits_by_oid[oid] = replace(commit, files=kept)

    def _forget_unreachable(self) -> None:
        reachable: set[str] = set()
        for oid in [*self.branches.values(), *self.tags.values()]:
            at: str | None = oid
            while at is not None and at not in reachable:
                reachable.add(at)
                at = self.commits_by_oid[at].parent
        self.commits_by_oid = {oid: commit for oid, commit in self.commits_by_oid.items() if oid in reachable}

    def _add(self, branch: str, title: str, files: dict[str, File], parent: str | None) -> Commit:
        number = len(self.commits_by_oid)
        content = json.dumps([self.name, branch, title, number, parent, sorted((p, f.oid) for p, f in files.items())])
        commit = Commit(hashlib.sha1(content.encode()).hexdigest(), title, files, parent)
        self.commits_by_oid[commit.oid] = commit
        self.branches[branch] = commit.oid
        return commit
