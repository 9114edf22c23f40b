"""A cluster for the time of a run: the one that this process has joined, the one at an address, or one of its own."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from emollama_hf.engines.ray_pools import Node
from emollama_hf.errors import SafeMessage

ANSWER_SECONDS = 3.0
FREE_SECONDS = 10.0
GOODBYE_SECONDS = 2.0
#: What a cluster of this process's own may use of the memory for tasks on their way, and at most.
STORE_SHARE, STORE_BYTES = 0.1, 8_000_000_000

NOT_INSTALLED = "engine='ray' needs Ray, which is not installed: pip install 'emollama_hf[ray]'"

#: Where the user has not said otherwise: no statistics to anybody, no chatter.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

#: Keeps other users of this machine out. Ray's own would be written into the home directory; it remembers the first one
#: that a process has.
TOKEN = {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
#: Tells the processes of a cluster of this process's own from all others.
MARK = "EMOLLAMA_HF_RAY"
AUTHENTICATION = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


class RayMissing(SafeMessage, ImportError):
    """Ray is not installed."""


def check_ray(address: str | None) -> None:
    """Find out within seconds whether there is a cluster to work with, without joining it.

    Raises ImportError if Ray is not installed, ValueError for an address of another form, ConnectionError if nothing
    answers there.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise RayMissing(NOT_INSTALLED) from error
    if not ray.is_initialized():
        _answering(address or os.environ.get("RAY_ADDRESS"))


@contextmanager
def joined(address: str | None) -> Iterator[list[Node]]:
    """The nodes of a cluster that this process is part of within the block.

    address: HOST:PORT of its head, "auto" for one that runs on this machine, None for what the environment says
    (RAY_ADDRESS), else a new one on this machine, which ends with the block. One that this process has joined before is
    used and left as it is.
    Raises as `check_ray`, and ConnectionError if it answers and cannot be joined.
    """
    check_ray(address)
    import ray

    if ray.is_initialized():
        _check_same(address)
        yield _nodes()
        return
    there = _answering(address or os.environ.get("RAY_ADDRESS"))
    mark = secrets.token_hex(16)
    with _environment(QUIET if there else {**QUIET, **TOKEN}):
        try:
            with _interrupted_later(), _environment({MARK: mark}):  # what this process starts later is not Ray's
                _start(there)
            yield _nodes()
        finally:
            ray.shutdown()
            if there is None:
                _end(_started_with(mark))


def wait_until_free(cpus: float, gpus: float) -> None:
    """Raise ValueError if others keep what a run needs: its workers would wait, and nobody would know."""
    import ray

    give_up = time.monotonic() + FREE_SECONDS
    while True:
        free = ray.available_resources()
        if free.get("CPU", 0) >= cpus - 0.01 and free.get("GPU", 0) >= gpus:
            return
        if time.monotonic() > give_up:
            raise ValueError(
                f"the cluster is busy: {free.get('CPU', 0):g} CPUs and {free.get('GPU', 0):g} GPUs are free, "
                f"needed are {cpus:.3g} and {gpus:g}. Wait for the other jobs, or pass a smaller num_proc."
            )
        time.sleep(0.2)


def _answering(address: str | None) -> str | None:
    """HOST:PORT of the address if something answers there; None for a cluster of our own."""
    if address in (None, "", "local"):
        return None
    if address.startswith("ray://"):
        raise ValueError(
            f"address={address!r} is for clients from outside, and features come back to a machine of the cluster "
            "only. Run this on one (ray start --address HOST:6379 makes this machine one) with address='auto', or send "
            "it there with ray job submit."
        )
    place = _running_here() if address == "auto" else address
    host, _, port = place.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"address={address!r}: expected HOST:PORT, such as 10.0.0.1:6379, or 'auto'.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ConnectionError(
            f"address={address!r}: no Ray answers at {place} ({reason}). Start it there with ray start --head, check "
            "host and port, or leave address out to work on this machine alone."
        ) from error
    return place


def _running_here() -> str:
    from ray._private import services

    try:
        return str(services.canonicalize_bootstrap_address_or_die("auto"))
    except (ConnectionError, ValueError) as error:
        raise ConnectionError(
            "address='auto': no Ray runs on this machine. Start it with ray start --head, give HOST:PORT of the "
            "cluster's head, or leave address out to work on this machine alone."
        ) from error


def _check_same(address: str | None) -> None:
    import ray

    there = None if address == "auto" else _answering(address)
    now = ray.get_runtime_context().gcs_address
    if there is None or there == now:
        return
    (host, _, port), here = there.rpartition(":"), now.rpartition(":")[2]
    if host not in ("localhost", "127.0.0.1", "[::1]") or port != here:
        raise ValueError(
            f"address={address!r}: this process has joined the cluster at {now} before. Leave address out to use that "
            "one, or call ray.shutdown() first."
        )


def _start(there: str | None) -> None:
    import ray

    options: dict[str, Any] = {"address": there or "local", "log_to_driver": False, "logging_level": logging.ERROR}
    if there is None:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        size = max(80_000_000, min(int(STORE_SHARE * memory), STORE_BYTES))
        # 127.0.0.1: nobody from outside has business with it.
        options |= {"include_dashboard": False, "object_store_memory": size, "_node_ip_address": "127.0.0.1"}
    try:
        with warnings.catch_warnings(action="ignore"):
            ray.init(**options)
    except Exception as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        if there is None:
            raise ConnectionError(f"Ray did not start on this machine: {line}") from error
        raise ConnectionError(
            f"address={there!r}: something answers there, but this machine cannot join it: {line.rstrip('.')}. If "
            "it is the head of a cluster, make this machine a node of it (ray start --address HOST:PORT), with the "
            "same versions of Ray and Python."
        ) from error


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Ctrl-C within the block takes effect at its end, a second one at once.

    Ray, while it starts, loses an interruption, or leaves behind what it has started by then.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    met: list[int] = []

    def note(number: int, frame: Any) -> None:
        met.append(number)
        if len(met) > 1:
            before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if len(met) == 1:
        before(met[0], None)


def _started_with(mark: str) -> list[Any]:
    """Processes that were started with this value of MARK, by whomever: some outlive the one that started them."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # ended meanwhile, or somebody else's
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def _end(processes: list[Any]) -> None:
    """See that processes end: if Ray has to kill its raylet, the agents of that live on for minutes."""
    import psutil

    for process in psutil.wait_procs(processes, timeout=GOODBYE_SECONDS)[1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _nodes() -> list[Node]:
    import ray

    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Node(float(one.get("CPU", 0)), float(one.get("GPU", 0))) for one in resources]


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables set within the block where the user has not set them; Ray's own changes are undone."""
    chosen = any(name in os.environ for name in AUTHENTICATION)
    new = {name: value for name, value in values.items() if name not in os.environ}
    before = {name: os.environ.get(name) for name in (*new, *AUTHENTICATION)}
    os.environ.update({name: value for name, value in new.items() if not (chosen and name in AUTHENTICATION)})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
