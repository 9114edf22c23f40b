"""The HTTP side of the Hub: what `huggingface_hub` asks and what it is answered."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from tests.hub.faults import Fault
from tests.hub.repositories import Commit, File, Refused, Repository

USER = "researcher"
#: Repositories of data sets and of models; those of models have no folder of their own in addresses.
KIND, FOLDER = "(?:datasets|models)", "(?:/datasets)?"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    status: int
    range: str | None


@dataclass
class Hub:
    """A running Hub. requests: all that it has answered. uploads: sha256 of the large files that were really sent."""

    endpoint: str
    token: str = field(default_factory=lambda: f"hf_{secrets.token_hex(16)}")
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def repo(self, name: str) -> Repository:
        return self.repositories[name]

    def fail(self, method: str, path: str, **options: Any) -> Fault:
        """Make a fault; options as `Fault`."""
        self.faults.append(Fault(method, path, **options))
        return self.faults[-1]

    def environment(self, home: Path, *, token: str | None = None) -> dict[str, str]:
        """What a process needs in its environment to talk to this Hub and no other."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_TOKEN": self.token if token is None else token,
            "HF_HOME": str(home),
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }


@contextmanager
def hub() -> Iterator[Hub]:
    """A Hub on a free port of this machine, for the time of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    running = Hub(f"http://127.0.0.1:{server.server_port}")
    server.hub = running  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        return cast(Hub, self.server.hub)  # type: ignore[attr-defined]

    def do_HEAD(self) -> None:
        self._handle()

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _handle(self) -> None:
        path = unquote(urlsplit(self.path).path)
        for fault in [fault for fault in self.hub.faults if fault.applies(self.command, path)]:
            if fault.call is not None:
                fault.call()
            if fault.drop:
                self._drop()
                return
            if fault.status is not None:
                self._body()
                self._send(fault.status, b'{"error": "told to fail"}', {})
                return
        body = self._body()
        try:
            status, content, headers = self._answer(path, body)
        except Refused as refused:
            extra = {"X-Error-Code": refused.code} if refused.code else {}
            headers = {**extra, "X-Error-Message": str(refused)}
            status, content = refused.status, json.dumps({"error": str(refused)}).encode()
        self._send(status, content, headers)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _drop(self) -> None:
        """Read or send half of it, and hang up."""
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length // 2)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.hub.requests.append(
            Request(self.command, unquote(urlsplit(self.path).path), status, self.headers.get("Range"))
        )
        self.send_response(status)
        length = headers.pop("Content-Length", str(len(content)))
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": length}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    # Answers

    def _answer(self, path: str, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", r"/api/whoami-v2", self._whoami),
            ("POST", r"/api/validate-yaml", self._validate),
            ("POST", r"/api/repos/create", self._create),
            ("GET", rf"/api/{KIND}/([^/]+/[^/]+)", self._info),
            ("GET", rf"/api/{KIND}/([^/]+/[^/]+)/revision/(.+)", self._info),
            ("GET", rf"/api/{KIND}/([^/]+/[^/]+)/refs", self._refs),
            ("GET", rf"/api/{KIND}/([^/]+/[^/]+)/tree/([^/]+)/?(.*)", self._tree),
            ("POST", rf"/api/{KIND}/([^/]+/[^/]+)/paths-info/(.+)", self._paths_info),
            ("POST", rf"/api/{KIND}/([^/]+/[^/]+)/preupload/(.+)", self._preupload),
            ("POST", rf"/api/{KIND}/([^/]+/[^/]+)/commit/(.+)", self._commit),
            ("POST", rf"/api/{KIND}/([^/]+/[^/]+)/branch/(.+)", self._branch),
            ("POST", rf"/api/{KIND}/([^/]+/[^/]+)/tag/(.+)", self._tag),
            ("DELETE", rf"/api/{KIND}/([^/]+/[^/]+)/tag/(.+)", self._delete_tag),
            ("POST", rf"/api/{KIND}/([^/]+/[^/]+)/super-squash/(.+)", self._squash),
            ("GET", rf"/api/{KIND}/([^/]+/[^/]+)/lfs-files", self._lfs_files),
            ("POST", rf"/api/{KIND}/([^/]+/[^/]+)/lfs-files/batch", self._erase),
            ("POST", rf"{FOLDER}/([^/]+/[^/]+)\.git/info/lfs/objects/batch", self._lfs_batch),
            ("PUT", r"/lfs/([^/]+/[^/]+)/([0-9a-f]{64})", self._upload),
            ("GET", rf"{FOLDER}/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self._resolve),
        ]
        method = "GET" if self.command == "HEAD" else self.command
        for wanted, pattern, answer in routes:
            found = re.fullmatch(pattern, path)
            if wanted == method and found:
                result = answer(*found.groups(), body=body)
                if isinstance(result, tuple):
                    return result
                return 200, json.dumps(result).encode(), {}
        raise Refused(404, "EntryNotFound" if "/resolve/" in path else "RepoNotFound", f"nothing at {path}")

    def _is_known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.hub.token}"

    def _repo(self, name: str, *, write: bool = False) -> Repository:
        found = self.hub.repositories.get(name)
        if found is None or (found.private and not self._is_known()):
            raise Refused(404 if self._is_known() else 401, "RepoNotFound", "Repository not found")
        if write and not self._is_known():
            raise Refused(403, "", "You have no right to write here")
        return found

    def _whoami(self, body: bytes) -> Any:
        if not self._is_known():
            raise Refused(401, "", "Invalid user token")
        return {"name": USER, "type": "user", "orgs": []}

    def _validate(self, body: bytes) -> Any:
        content = json.loads(body)["content"]
        block = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
        try:
            metadata = {} if block is None else yaml.safe_load(block[1])
        except yaml.YAMLError as error:
            return _invalid(f"not YAML: {error}")
        if not isinstance(metadata, dict):
            return _invalid("expected keys and values")
        wrong = [key for key in ("license", "pretty_name") if not isinstance(metadata.get(key, ""), str)]
        if wrong or metadata.get("license", "other") not in LICENSES:
            return _invalid(f"{(wrong or ['license'])[0]} is not valid")
        return {"errors": [], "warnings": []}

    def _create(self, body: bytes) -> Any:
        asked = json.loads(body)
        name = f"{asked.get('organization') or USER}/{asked['name']}"
        if not self._is_known():
            raise Refused(401, "", "Invalid username or password.")
        folder = "/datasets" if asked.get("type") == "dataset" else ""
        url = {"url": f"{self.hub.endpoint}{folder}/{name}"}
        if name in self.hub.repositories:
            return 409, json.dumps({"error": "You already created this dataset repo", **url}).encode(), {}
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.hub.repositories[name] = Repository(name, private)
        return url

    def _info(self, name: str, revision: str = "main", *, body: bytes) -> Any:
        repo = self._repo(name)
        commit = repo.commit(revision)
        return {
            "id": name, "sha": commit.oid, "private": repo.private, "gated": False, "disabled": False, "tags": [],
            "downloads": 0, "likes": 0, "lastModified": "2026-01-01T00:00:00.000Z", "author": name.split("/")[0],
            "siblings": [{"rfilename": path} for path in commit.files],
        }  # fmt: skip

    def _refs(self, name: str, *, body: bytes) -> Any:
        repo = self._repo(name)
        branches = [{"name": n, "ref": f"refs/heads/{n}", "targetCommit": oid} for n, oid in repo.branches.items()]
        tags = [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": oid} for n, oid in repo.tags.items()]
        return {"branches": branches, "tags": tags, "converts": []}

    def _tree(self, name: str, revision: str, folder: str, *, body: bytes) -> Any:
        commit = self._repo(name).commit(revision)
        recursive = parse_qs(urlsplit(self.path).query).get("recursive", ["false"])[0].lower() in ("true", "1")
        entries = _entries(commit, f"{folder.rstrip('/')}/" if folder else "", recursive=recursive)
        if folder and not entries:
            raise Refused(404, "EntryNotFound", f"{folder} does not exist")
        return entries

    def _paths_info(self, name: str, revision: str, *, body: bytes) -> Any:
        commit = self._repo(name).commit(revision)
        form = self.headers.get("Content-Type", "").startswith("application/x-www-form")
        paths = parse_qs(body.decode())["paths"] if form else json.loads(body)["paths"]
        found = []
        for path in paths:
            if path in commit.files:
                found.append(commit.files[path].described(path))
            elif any(one.startswith(f"{path}/") for one in commit.files):
                found.append({"type": "directory", "path": path, "oid": commit.oid, "size": 0})
        return found

    def _preupload(self, name: str, revision: str, *, body: bytes) -> Any:
        commit = self._repo(name, write=True).commit(revision)
        files = []
        for asked in json.loads(body)["files"]:
            large = asked["path"].endswith((".parquet", ".png")) or asked["size"] > 10_000_000
            there = commit.files.get(asked["path"])
            oid = None if there is None else there.sha256 if there.is_large else there.oid
            files.append({"path": asked["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False,
                          "oid": oid})  # fmt: skip
        return {"files": files}

    def _lfs_batch(self, name: str, *, body: bytes) -> Any:
        repo = self._repo(name, write=True)
        objects = []
        for asked in json.loads(body)["objects"]:
            entry: dict[str, Any] = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in repo.large:
                href = f"{self.hub.endpoint}/lfs/{name}/{asked['oid']}?X-Amz-Signature=signed{self.hub.token[3:]}"
                entry["actions"] = {"upload": {"href": href, "header": {}}}
            objects.append(entry)
        return 200, json.dumps({"transfer": "basic", "objects": objects}).encode(), {}

    def _upload(self, name: str, oid: str, *, body: bytes) -> Any:
        if hashlib.sha256(body).hexdigest() != oid:
            raise Refused(400, "", "the content is not what was announced")
        self.hub.repositories[name].large[oid] = body
        self.hub.uploads.append(oid)
        return 200, b"", {}

    def _commit(self, name: str, revision: str, *, body: bytes) -> Any:
        lines = [json.loads(line) for line in body.splitlines() if line]
        commit = self._repo(name, write=True).add_commit(revision, lines)
        folder = "/datasets" if self.path.startswith("/api/datasets/") else ""
        return {
            "success": True, "commitOid": commit.oid, "hookOutput": "",
            "commitUrl": f"{self.hub.endpoint}{folder}/{name}/commit/{commit.oid}",
        }  # fmt: skip

    def _branch(self, name: str, branch: str, *, body: bytes) -> Any:
        repo = self._repo(name, write=True)
        if branch in repo.branches:
            raise Refused(409, "", "Reference already exists")
        start = json.loads(body or b"{}").get("startingPoint", "main")
        repo.branches[branch] = repo.commit(start).oid
        return {}

    def _tag(self, name: str, revision: str, *, body: bytes) -> Any:
        repo, tag = self._repo(name, write=True), json.loads(body)["tag"]
        if tag in repo.tags:
            raise Refused(409, "", "Tag reference exists already")
        repo.tags[tag] = repo.commit(revision).oid
        return {}

    def _delete_tag(self, name: str, tag: str, *, body: bytes) -> Any:
        del self._repo(name, write=True).tags[tag]
        return {}

    def _squash(self, name: str, branch: str, *, body: bytes) -> Any:
        self._repo(name, write=True).squash(branch, json.loads(body)["message"])
        return {}

    def _lfs_files(self, name: str, *, body: bytes) -> Any:
        repo = self._repo(name, write=True)
        return [
            {"fileOid": File(data, True).oid, "oid": sha256, "filename": repo.names.get(sha256, ""), "ref": None,
             "size": len(data), "pushedAt": "2026-01-01T00:00:00.000Z"}
            for sha256, data in repo.large.items()
        ]  # fmt: skip

    def _erase(self, name: str, *, body: bytes) -> Any:
        self._repo(name, write=True).erase(json.loads(body)["deletions"]["sha"])
        return {}

    def _resolve(self, name: str, revision: str, path: str, *, body: bytes) -> Any:
        commit = self._repo(name).commit(revision)
        if path not in commit.files:
            raise Refused(404, "EntryNotFound", f"{path} does not exist")
        file = commit.files[path]
        etag = f'"{file.sha256 if file.is_large else file.oid}"'
        headers = {"X-Repo-Commit": commit.oid, "ETag": etag, "Accept-Ranges": "bytes",
                   "Content-Type": "application/octet-stream"}  # fmt: skip
        if file.is_large:
            headers |= {"X-Linked-Etag": etag, "X-Linked-Size": str(len(file.content))}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked is None:
            return 200, file.content, headers
        first, last = int(asked[1]), int(asked[2] or len(file.content) - 1)
        part = file.content[first : last + 1]
        headers["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(file.content)}"
        return 206, part, headers


LICENSES = ("other", "llama2", "unknown", "mit", "apache-2.0", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-sa-4.0", "cc0-1.0")


def _invalid(message: str) -> tuple[int, bytes, dict[str, str]]:
    return 400, json.dumps({"errors": [{"message": message}], "warnings": []}).encode(), {}


def _entries(commit: Commit, prefix: str, *, recursive: bool) -> list[dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = {}
    for path, file in sorted(commit.files.items()):
        if not path.startswith(prefix):
            continue
        parts = path.removeprefix(prefix).split("/")
        folders = [prefix + "/".join(parts[:n]) for n in range(1, len(parts))]
        for folder in folders if recursive else folders[:1]:
            entries.setdefault(folder, {"type": "directory", "path": folder, "oid": commit.oid, "size": 0})
        if recursive or not folders:
            entries[path] = file.described(path)
    return list(entries.values())
