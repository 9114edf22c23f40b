"""A Hub small enough to read: one model repository, served by the standard library."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serve(
    repo_id: str, folder: Path, *, gated: bool = False, asked: list[str] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """(endpoint, list of files that were downloaded) of a server that has one repository.

    gated: it may be seen, and its files may not be had without a token. asked: gets the path of every request.
    """
    downloads: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            if asked is not None:
                asked.append(path)
            parts = path.split("/")
            if path.startswith(f"/api/models/{repo_id}") and parts[-1] in ("main", COMMIT):
                files = [{"rfilename": name, "path": name, **entry} for name, entry in listing(folder).items()]
                body: object = files if "/tree/" in path else {"id": repo_id, "sha": COMMIT, "siblings": files}
                self.answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})
            elif path.startswith(f"/{repo_id}/resolve/") and (folder / "/".join(parts[5:])).is_file():
                name = "/".join(parts[5:])
                if gated and not self.headers.get("Authorization"):
                    self.answer(401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."})
                    return
                content = (folder / name).read_bytes()
                etag = hashlib.sha256(content).hexdigest()
                if self.command == "GET":
                    downloads.append(name)
                self.answer(200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'})
            else:
                known = any(f"/{revision}/" in path for revision in ("main", COMMIT))
                code = "RepoNotFound" if repo_id not in path else "EntryNotFound" if known else "RevisionNotFound"
                self.answer(404, b"{}", {"X-Error-Code": code})

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", downloads
    finally:
        server.shutdown()
        server.server_close()


def listing(folder: Path) -> dict[str, dict[str, object]]:
    """Every file of a repository as the Hub's tree shows it."""
    return {
        path.relative_to(folder).as_posix(): {
            "type": "file",
            "size": path.stat().st_size,
            "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
