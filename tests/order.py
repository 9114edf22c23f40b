"""The order of a parallel run: long files come first, so that the last minute is one of short tests."""

from __future__ import annotations

import pytest

#: Files that take a minute or more, most of it in other processes: each line begins the share of one process.
LONG = (
    ("engines/test_ray_command_line.py", "engines/test_read_ahead.py"),
    ("engines/test_ray_data.py", "encoders/test_quantized.py"),
    ("extraction/test_killed.py", "map_cache/test_second_process.py"),
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put long files where the shares of xdist's processes begin. `--dist worksteal` evens out the rest.

    At first each process gets an equal number of neighbouring tests, runs them in order, and when it has none left
    takes the last ones of another process.
    """
    processes = getattr(config, "workerinput", {}).get("workercount", 1)
    if processes < 2:
        return
    groups = [[item for item in items if any(f"{name}::" in item.nodeid for name in names)] for names in LONG]
    named = {id(item) for group in groups for item in group}
    short = [item for item in items if id(item) not in named]
    share = len(items) / processes
    ordered: list[pytest.Item] = []
    for number in range(processes):
        ordered += [item for group in groups[number::processes] for item in group]
        wanted = max(0, round((number + 1) * share) - len(ordered))
        ordered += short[:wanted]
        short = short[wanted:]
    items[:] = ordered + short
