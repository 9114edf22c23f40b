"""Second processes of tests that need not import everything again.

    ran = second_process.run(code, "argument", cwd=folder, environment={"NAME": "value"})
    ran.returncode, ran.stdout, ran.stderr

Importing torch, transformers and `datasets` takes seven seconds, and most second processes then compute for a tenth of
that. So the first request of a test process starts a server, `python -m tests.second_process`. The server imports them,
computes nothing and starts no thread; for each request it forks a process that runs the code as `python -c` would:
arguments, environment, standard streams, exit status, threads and signals are its own. It leads a session of its own.

There are two such servers. One has imported everything. The other has imported what is slow and reads no variable of
the Hub (`BEFORE_HUB`), so that its forks may be told of another Hub, home or cache, and may do without this package.
A test that sets what torch or Python read when they start, or asks what is imported, starts a fresh interpreter.
Programs that start Python themselves, as Ray does, get such forks through `forked_python`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import types
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[1]
#: Beginnings of the names of variables that the Hub's libraries read while they are imported,
READ_BY_HUB = ("HF_", "HUGGINGFACE_", "TRANSFORMERS_", "DATASETS_")
#: and those that somebody reads even earlier.
READ_FIRST = ("OMP_", "MKL_", "PYTHONHASHSEED", "TORCH_")
BEFORE_HUB = ("aiohttp", "av", "cv2", "pandas", "pyarrow.parquet", "rich.table", "torch", "torchvision", "typer")
EVERYTHING = (
    *BEFORE_HUB,
    "datasets",
    "transformers",
    "timm",
    "emollama_hf.cli",
    "emollama_hf.commands.convert",
    "emollama_hf.commands.extract",
    "emollama_hf.commands.info",
    "emollama_hf.models",
    "emollama_hf.sharing.forget",
    "emollama_hf.sharing.push",
    "emollama_hf.sharing.verify",
    "emollama_hf.stages",
)
#: In the environment of a server, and so in what `/proc` shows of its forks.
MARK = f"EMOLLAMA_FORKS_OF={os.getpid()}"
NOT_BEFORE_HUB = ("huggingface_hub", "datasets", "transformers", "timm", "emollama_hf")


class SecondProcess:
    """A process that was started and may be waited for or killed. Its output goes to files."""

    def __init__(self, reply: socket.socket, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self._reply = reply.makefile("r")
        self._outputs = (stdout, stderr)
        self._socket = reply
        told = self._reply.readline()
        assert told, "the server of second processes has ended: its error is in this test's standard error"
        self.pid: int = json.loads(told)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while the process runs."""
        if self.returncode is None and select.select([self._socket], [], [], 0)[0]:
            self.returncode = json.loads(self._reply.readline())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status once the process has ended. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._socket], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a second process", timeout or 0)
            self.returncode = json.loads(self._reply.readline())
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Standard output and error of the ended process; asked again, with what its children have written since."""
        self.wait(timeout)
        return self._written(0), self._written(1)

    def printed(self) -> str:
        """Standard output so far."""
        return self._written(0)

    def _written(self, which: int) -> str:
        output = self._outputs[which].fileno()
        # At a position, since the process and this one share the files' offsets, and its own children may still write.
        return os.pread(output, os.fstat(output).st_size, 0).decode()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start(
    code: str,
    *arguments: object,
    cwd: Path | str = ROOT,
    environment: dict[str, str | None] | None = None,
    script: Path | None = None,
    stdin: int | None = None,
    with_package: bool = True,
) -> SecondProcess:
    """Start `python -c CODE ARGUMENTS`.

    environment: variables to set, and with None to unset. script: the file that the code was read from.
    stdin: a file descriptor. with_package: whether this package may have been imported already.
    """
    changed = {name: value for name, value in (environment or {}).items() if os.environ.get(name) != value}
    variables = {name: value for name, value in {**os.environ, **changed}.items() if value is not None}
    too_late = [name for name in changed if name.startswith(READ_FIRST)]
    assert not too_late, f"{too_late} are read when an interpreter starts: start a fresh one"
    before_hub = not with_package or any(name.startswith(READ_BY_HUB) for name in changed)
    stdout, stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
    ours, theirs = socket.socketpair()
    nothing = os.open(os.devnull, os.O_RDONLY)
    request = {
        "code": code, "arguments": [str(one) for one in arguments], "cwd": str(cwd), "environment": variables,
        "script": None if script is None else str(script),
    }  # fmt: skip
    streams = [theirs.fileno(), nothing if stdin is None else stdin, stdout.fileno(), stderr.fileno()]
    with theirs, tempfile.TemporaryFile() as described:
        described.write(json.dumps(request).encode())
        described.flush()
        with _starting:
            socket.send_fds(_server(before_hub), [b"."], [*streams, described.fileno()])
    os.close(nothing)
    return SecondProcess(ours, stdout, stderr)


def run(
    code: str, *arguments: object, timeout: float = 200, check: bool = False, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run `python -c CODE ARGUMENTS` to its end, as `subprocess.run` with text=True and capture_output=True does."""
    process = start(code, *arguments, **options)
    try:
        stdout, stderr = process.communicate(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode is not None
    assert not check or process.returncode == 0, f"ended with {process.returncode}\n{stdout}\n{stderr}"
    return subprocess.CompletedProcess([code, *map(str, arguments)], process.returncode, stdout, stderr)


def run_script(script: Path, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `python SCRIPT ARGUMENTS` to its end."""
    return run(script.read_text(), *arguments, script=script, **options)


def forked_python() -> str:
    """A command for a shell that stands in for `python SCRIPT ARGUMENTS` with a fork that has imported everything.

    Ray is not imported: it reads who it is while it is. `/proc` shows the environment of the server, with `MARK`, and
    not that of the fork.
    """
    with _starting:
        _server(False)
    return shlex.join([sys.executable, "-S", str(ROOT / "tests" / "fork_python.py"), str(_listening(False))])


_starting = threading.Lock()
_connections: dict[bool, socket.socket] = {}
_sockets = tempfile.TemporaryDirectory(prefix="emollama-forks-")


def _listening(before_hub: bool) -> Path:
    """Where the server listens for processes that are not this one's."""
    return Path(_sockets.name) / f"{int(before_hub)}"


def _server(before_hub: bool) -> socket.socket:
    """The connection to a server of this process, which ends when it is closed."""
    if before_hub not in _connections:
        ours, theirs = socket.socketpair()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(_listening(before_hub)))
        listener.listen(100)
        descriptors = [theirs.fileno(), listener.fileno()]
        command = [sys.executable, "-m", "tests.second_process", str(int(before_hub)), *map(str, descriptors)]
        environment = {**os.environ, **dict([MARK.split("=")])}
        server = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=descriptors, start_new_session=True)
        theirs.close()
        listener.close()
        _connections[before_hub] = ours

        def end() -> None:
            ours.close()
            server.wait()

        atexit.register(end)
    return _connections[before_hub]


# In the server


def _serve(connection: socket.socket, listener: socket.socket) -> dict[str, Any]:
    """Fork a process for each request. Returns in these, with what to run; ends with the connection."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the processes that watch are buried by the kernel
    while True:
        if listener in select.select([connection, listener], [], [])[0]:
            asking = listener.accept()[0]
            if os.fork() == 0:
                connection.close()
                listener.close()
                _, (*streams, described), _, _ = socket.recv_fds(asking, 1, 4)
                return _fork_and_watch(asking.detach(), streams, described)
            asking.close()
            continue
        message, descriptors, _, _ = socket.recv_fds(connection, 1, 5)
        if not message:
            sys.exit()
        reply, *streams, described = descriptors
        if os.fork() == 0:
            connection.close()
            listener.close()
            return _fork_and_watch(reply, streams, described)
        for descriptor in descriptors:
            os.close(descriptor)


def _fork_and_watch(reply: int, streams: list[int], described: int) -> dict[str, Any]:
    """Fork once more and tell how that process ends; kill it when whoever asked for it is gone. Returns in the fork."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if (pid := os.fork()) == 0:
        os.close(reply)
        with open(described, "rb") as file:
            file.seek(0)
            request: dict[str, Any] = json.load(file)
        _become(request, streams)
        return request
    for descriptor in (*streams, described):
        os.close(descriptor)
    asked, ended = socket.socket(fileno=reply), os.pidfd_open(pid)
    asked.sendall(b"%d\n" % pid)
    if ended not in select.select([ended, asked], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):  # nobody may ask any more
        asked.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Give this process all that `python -c` would begin with."""
    if (process := sys.modules.get("emollama_hf.computing.process")) is not None:
        process._forked_with_torch = False  # the server has computed nothing: there is no pool of threads to miss
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    script = request["script"]
    sys.argv = [script or "-c", *request["arguments"]]
    given = request["environment"].get("PYTHONPATH")
    sys.path[:1] = [str(Path(script).parent) if script else "", *(given.split(os.pathsep) if given else [])]


def _run(request: dict[str, Any]) -> int:
    """Run what was asked for as the module `__main__`, and all that Python does at its end but to free memory."""
    main = types.ModuleType("__main__")
    if request["script"]:
        main.__file__ = request["script"]
    sys.modules["__main__"] = main
    status = 0
    try:
        exec(compile(request["code"], request["script"] or "<string>", "exec"), vars(main))
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if not isinstance(end.code, int | None):
            print(end.code, file=sys.stderr)
    except BaseException as error:
        own = error.__traceback__  # this function's frame, which is not part of the program
        traceback.print_exception(error.with_traceback(own.tb_next if own else None))
        status = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return status


def _main() -> None:
    before_hub, *descriptors = map(int, sys.argv[1:])
    for module in BEFORE_HUB if before_hub else EVERYTHING:
        importlib.import_module(module)
    too_early = [name for name in NOT_BEFORE_HUB if name in sys.modules] if before_hub else []
    assert not too_early, f"{too_early} were imported before the Hub's variables are known"
    gc.freeze()  # a collection in a fork would copy every page of what was imported
    connection, listener = (socket.socket(fileno=descriptor) for descriptor in descriptors)
    status = _run(_serve(connection, listener))
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)  # to free everything that was imported takes seconds


if __name__ == "__main__":
    _main()
