"""Stands in for `python SCRIPT ARGUMENTS` where another program starts it: a fork of a warm server runs it instead.

    python -S fork_python.py SOCKET SCRIPT ARGUMENTS...

SOCKET is where the server of `tests.second_process` listens. The fork has this process's arguments, environment,
directory and standard streams; it is killed when this process is, which otherwise ends as the fork does.
"""

import json
import os
import signal
import socket
import sys
import tempfile


def main() -> None:
    path, script, *arguments = sys.argv[1:]
    with open(script) as file:
        code = file.read()
    request = {
        "code": code, "arguments": arguments, "cwd": os.getcwd(), "environment": dict(os.environ), "script": script,
    }  # fmt: skip
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    with tempfile.TemporaryFile() as described:
        described.write(json.dumps(request).encode())
        described.flush()
        socket.send_fds(server, [b"."], [0, 1, 2, described.fileno()])
    _pid, status = (json.loads(line) for line in server.makefile())
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    main()
