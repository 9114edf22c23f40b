"""A server that refuses, lacks and hangs up: the secrets of its URLs are in no byte that anything writes."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from emollama_hf import SampleFrames, convert, extract, load, push
from tests.commands.command_line import MAIN
from tests.sharing.labs import lab

#: Each is in one way of a URL only, so that a find says which.
SECRETS = (
    "q7Zsignature",
    "q7Zpassword",
    "q7Ztoken",
    "AKIAQ7ZQ7ZQ7ZQ7ZQ7ZQ",
    "hf_q7ZsecretQ7ZsecretQ7ZsecretQ7Zsec",
    "q7Zvariable",
)


class Refusing(BaseHTTPRequestHandler):
    """Answers 403, 404, nothing at all, or the clip, by the path; quotes the URL in its page."""

    def do_GET(self) -> None:
        if "hangs" in self.path:
            self.connection.close()
            return
        status = 200 if "good" in self.path else 403 if "refused" in self.path else 404
        body = self.path.encode()
        self.send_response(status, f"no {self.path}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{made.server_port}"
    made.shutdown()


def urls(server: str) -> list[str]:
    signed, password, token, key, hub, variable = SECRETS
    return [
        f"http://{server}/good/a.mp4?X-Amz-Signature={signed}", f"http://{server}/refused/b.mp4?id=1&sig={signed}",
        f"http://anna:{password}@{server}/absent/c.mp4", f"http://{server}/hangs/d.mp4?token={token}",
        f"simplecache::http://{server}/absent/e.mp4?sig={signed}", f"zip://f.mp4::http://anna:{password}@{server}/absent",
        f"http://127.0.0.1:1/g.mp4?sig={signed}", f"ftp://anna:{password}@127.0.0.1:1/h.mp4",
        f"http://{server}/refused/{hub}/i.mp4", f"http://{server}/refused/j.mp4?x={variable}#{token}",
        f"unknownscheme://anna:{password}@x/k.mp4?sig={signed}",
        f"http://{server}/my clip {variable}.mp4?{signed}={token}",
        f"http://{key}:{password}@{server}/absent/l.mp4",
    ]  # fmt: skip


def secrets_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret.casefold() in text.casefold()]


def assert_nothing_in(folder: Path, *, but: str = "") -> None:
    """No file's bytes hold a secret, nor its name, nor the decompressed columns of Parquet."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert not secrets_in(str(path.relative_to(folder)))
        assert not secrets_in(path.read_bytes().decode("latin-1")), path
        if path.suffix == ".parquet":
            assert not secrets_in(str(pq.read_table(path).to_pylist())), path


OPTIONS = {"faces": "none", "peak": "middle"}


def test_extract_from_python(
    server: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MIRROR_TOKEN", SECRETS[-1])
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "kept").write_text("x")
    given = urls(server)
    ds = Dataset.from_dict({"uuid": [str(n) for n in range(len(given))], "video": given})
    with caplog.at_level(logging.DEBUG):
        done = extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS)
        again = extract(ds, "random-tiny", out=tmp_path / "out2", num_proc=2, **OPTIONS)
    assert done["video"][:] == given, "what was given stays as it was given"
    assert "ok" not in done["emollama_status"]
    assert done["emollama_status"][:] == again["emollama_status"][:]
    messages = [str(error) for error in done["emollama_error"]]
    assert not secrets_in(" ".join(messages))
    assert server in messages[1], "where it was is still said"
    ours = [
        record
        for record in caplog.records
        if record.name.partition(".")[0] in ("emollama_hf", "fsspec", "aiohttp", "asyncio")
    ]
    assert not secrets_in(" ".join(f"{record.getMessage()} {record.exc_text}" for record in ours))
    assert not secrets_in("".join(capfd.readouterr()))
    for folder in ("out", "out2", "home"):
        assert_nothing_in(tmp_path / folder)


def everything(error: BaseException) -> str:
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and one not in seen:
            seen.append(one)
            todo += [one.__cause__, one.__context__]
    return " ".join([*(f"{one} {one!r} {vars(one)}" for one in seen), *traceback.format_exception(error)])


def test_errors_in_python(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRROR_TOKEN", SECRETS[-1])
    made = lab(tmp_path / "lab", 1)
    for url in urls(server):
        ds = Dataset.from_dict({"video": [url]})
        attempts = [
            lambda ds=ds: extract(ds, "random-tiny", on_error="raise", **OPTIONS),
            lambda url=url: SampleFrames(**OPTIONS)({"video": [url]}),
            lambda url=url: convert(out=tmp_path / "model", facemae=url),
            lambda url=url: load(url),
            lambda url=url: push(made, url),
            lambda ds=ds: ds.map(SampleFrames(**OPTIONS), batched=True, batch_size=1),
        ]
        for attempt in attempts if url.startswith("http:") else attempts[:3]:
            with pytest.raises(Exception) as caught:  # noqa: PT011
                attempt()
            assert not secrets_in(everything(caught.value)), url


@pytest.mark.parametrize("more", [("--num-proc", "2"), ("--status",), ("--on-error", "raise", "--debug")])
def test_extract_on_the_command_line(more: tuple[str, ...], server: str, tmp_path: Path) -> None:
    given = urls(server)
    Dataset.from_dict({"uuid": [str(n) for n in range(len(given))], "video": given}).save_to_disk(str(tmp_path / "ds"))
    ran = command(tmp_path, "extract", str(tmp_path / "ds"), "--model", "random-tiny", "--out", str(tmp_path / "out"),
                  "--faces", "none", "--peak", "middle", *more)  # fmt: skip
    assert ran.returncode in (0, 1, 3)
    assert ran.stdout or ran.stderr
    if "--on-error" in more:
        assert "Traceback" in ran.stderr
        assert server in ran.stderr
    assert_nothing_in(tmp_path / "home")
    if (tmp_path / "out").exists():
        assert_nothing_in(tmp_path / "out")


SEVERAL = """
import json, sys
from emollama_hf.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["emollama-hf", "--debug", *arguments]
    try:
        main()
    except SystemExit as end:
        print("ended with", end.code)
"""


def test_other_commands(server: str, tmp_path: Path) -> None:
    lab(tmp_path / "lab", 1)
    made, model = str(tmp_path / "lab" / "features"), str(tmp_path / "model")
    commands = [
        arguments
        for url in urls(server)[1:5]
        for arguments in (
            ("info", url), ("push", made, url), ("convert", "--facemae", url, "--out", model),
            ("forget", url, "--where", "a=b"), ("extract", url, "--out", model, "--model", "random-tiny"),
            ("export", url, "--npy", model), ("verify", url, "--source", url),
        )
    ]  # fmt: skip
    ran = command(tmp_path, json.dumps(commands), program=SEVERAL)
    assert ran.stdout.count("ended with 1\n") == len(commands), ran.stdout
    assert ran.stderr.count("Traceback") >= len(commands)
    assert_nothing_in(tmp_path / "home")


def command(folder: Path, *arguments: str, program: str = MAIN) -> subprocess.CompletedProcess[str]:
    """A command in a process and a HF_HOME of its own; nothing that it prints holds a secret."""
    environment = {**os.environ, "HF_HOME": str(folder / "home"), "MIRROR_TOKEN": SECRETS[-1], "HF_HUB_OFFLINE": "1",
                   "HF_DATASETS_CACHE": str(folder / "home" / "datasets")}  # fmt: skip
    (folder / "home").mkdir(exist_ok=True)
    (folder / "home" / "kept").write_text("x")
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=300, env=environment
    )
    assert not secrets_in(ran.stdout)
    assert not secrets_in(ran.stderr), ran.stderr
    return ran
