"""Sources that lie elsewhere: any fsspec URL, an HTTP server, the Hub; and what is said when they cannot be had."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from emollama_hf import ModelError
from emollama_hf.checkpoints import open_model
from emollama_hf.conversion.fetch import open_folder
from tests import second_process
from tests.checkpoints.hub_server import COMMIT, serve
from tests.encoders import golden
from tests.parts import PARTS

REPO = "lab/checkpoints"


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Of the model that is made from the files on this machine."""
    source = open_model(golden.convert_golden(tmp_path_factory.mktemp("local") / "model"))
    return [source.digest(part) for part in PARTS]


def digests_of(directory: Path) -> list[str]:
    return [open_model(directory).digest(part) for part in PARTS]


class Handler(SimpleHTTPRequestHandler):
    """A folder over HTTP, with two faults."""

    def do_GET(self) -> None:
        if "broken" in self.path:
            self.send_error(500)
        elif "dropped" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def http(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_http(tmp_path: Path, digests: list[str]) -> None:
    with http(golden.CHECKPOINTS) as url:
        sources = {kind: f"{url}/{path.name}" for kind, path in golden.SOURCES.items()}
        sources["eva"] += "?X-Signature=secret/with/slashes"
        out = golden.convert_golden(tmp_path / "model", **sources)
    assert digests_of(out) == digests
    assert sorted(path.name for path in out.iterdir()) == sorted([*PARTS, "provenance.json"]), "no downloads stay"
    provenance = json.loads((out / "provenance.json").read_text())
    assert provenance["sources"]["eva"]["name"] == "eva_vit_g.pth"
    assert url not in json.dumps(provenance)
    assert "secret" not in json.dumps(provenance)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.pth", "there is no file absent.pth"),
        ("broken.pth", "cannot be read"),
        ("dropped.pth", "cannot be read"),
    ],
)
def test_http_faults(name: str, message: str, tmp_path: Path) -> None:
    with http(golden.CHECKPOINTS) as url, pytest.raises(ModelError) as caught:
        golden.convert_golden(tmp_path / "model", eva=f"{url}/{name}")
    assert message in str(caught.value)
    assert f"--eva {url}/{name}" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"--eva http://127\.0\.0\.1:9/eva\.pth: cannot be read"):
        golden.convert_golden(tmp_path / "model", eva="http://127.0.0.1:9/eva.pth")


def test_any_fsspec_scheme_and_file_urls(tmp_path: Path, digests: list[str]) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(golden.LLAMA), "/models/llama", recursive=True)
    memory.put(str(golden.SOURCES["eva"]), "/models/eva.pth")
    encoded = tmp_path / "two words::100%25.pth"
    encoded.write_bytes(golden.SOURCES["videomae"].read_bytes())
    try:
        out = golden.convert_golden(
            tmp_path / "model",
            llama="memory://models/llama",
            eva="memory://models/eva.pth",
            facemae=f"file://{golden.SOURCES['facemae']}",
            videomae=encoded.as_uri(),
        )
    finally:
        memory.rm("/models", recursive=True)
    assert digests_of(out) == digests


# The Hub: in processes of their own, because huggingface_hub reads its environment when it is imported.


def convert_elsewhere(endpoint: str, home: Path, out: Path, llama: str, eva: str, **environment: str) -> str:
    """The error of a conversion, or an empty string."""
    program = (
        "import sys\n"
        "from emollama_hf import ModelError\n"
        "from tests.encoders import golden\n"
        "try:\n"
        "    golden.convert_golden(sys.argv[1], llama=sys.argv[2], eva=sys.argv[3])\n"
        "except ModelError as error:\n"
        "    print(error)\n"
    )
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    done = second_process.run(program, out, llama, eva, environment={**settings, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("location", "origin"),
    [
        ("hf://a/b", "hf://a/b"),
        ("hf://models/a/b@main/x/", "hf://a/b@main/x"),
        ("hf://a/b@refs/pr/1/x/y", "hf://a/b@refs/pr/1/x/y"),
        ("hf://a/b/x@1", "hf://a/b/x@1"),
    ],
)
def test_a_location_on_the_hub_is_a_repository_a_revision_and_a_path(
    tmp_path: Path, location: str, origin: str
) -> None:
    assert open_folder(location, tmp_path).origin == origin


@pytest.mark.parametrize(
    "location",
    ["hf://a", "hf://datasets/a/b", "hf://a/b@../x", "hf://a/b@/x", "hf://a/b/../x", "hf://a/b/x//y", "hf://a/b/x\\y"],
)
def test_what_is_no_location_of_a_model_on_the_hub_is_refused(tmp_path: Path, location: str) -> None:
    with pytest.raises(ModelError, match=r"^hf://"):
        open_folder(location, tmp_path)


def test_the_hub_and_its_cache(tmp_path: Path, digests: list[str]) -> None:
    llama, eva = f"hf://{REPO}/llama", f"hf://{REPO}@main/eva_vit_g.pth"
    with serve(REPO, golden.CHECKPOINTS) as (endpoint, downloads):
        assert convert_elsewhere(endpoint, tmp_path, tmp_path / "one", llama, eva) == ""
    assert digests_of(tmp_path / "one") == digests
    assert "emotion_llama.pth" not in downloads, "only what is asked for is fetched"
    sources = json.loads((tmp_path / "one" / "provenance.json").read_text())["sources"]
    assert sources["llama"]["origin"] == f"hf://{REPO}@{COMMIT}/llama"
    assert sources["eva"]["origin"] == f"hf://{REPO}@{COMMIT}"
    offline = convert_elsewhere("http://127.0.0.1:9", tmp_path, tmp_path / "two", llama, eva, HF_HUB_OFFLINE="1")
    assert offline == ""
    assert digests_of(tmp_path / "two") == digests


def test_a_gated_repository_without_access(tmp_path: Path) -> None:
    with serve(REPO, golden.CHECKPOINTS, gated=True) as (endpoint, _):
        message = convert_elsewhere(endpoint, tmp_path, tmp_path / "model", f"hf://{REPO}/llama", f"hf://{REPO}/no.pth")
    assert "2 sources cannot be used" in message
    assert f"--llama Hub repository '{REPO}' is gated and this account has no access. Ask for it" in message
    assert not (tmp_path / "model").exists()
