"""Runs that are killed lose a shard at most, leave nothing in the way, and go on to the bits of an undisturbed run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.store.killing import OLD_ROWS, ROWS, SHARD_ROWS


def killing(folder: Path, *mode: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.store.killing", str(folder), *mode]
    root = Path(__file__).parents[2]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=1500, cwd=root)
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = json.loads(ran.stdout.strip().splitlines()[-1])
    assert told["calls"] == ROWS - 2, "one row fails, and one is there twice"
    assert told["status"].count("ok") == ROWS - 1
    for result in told["results"]:
        assert result["codes"] == [0, 0], result
        assert result["third"] == 0, result
        assert result["equal"], result
        assert result["garbage"] == [], result
    results: list[dict[str, Any]] = told["results"]
    return results


def test_fifty_kills_at_random_moments(tmp_path: Path) -> None:
    results = killing(tmp_path / "runs", "random", "50")
    lost = [one for result in results for one in result["lost"]]
    assert len(lost) == 50
    assert max(lost) <= SHARD_ROWS
    assert max(lost) > 0, "none met a run at work"


def test_kills_right_before_and_after_each_rename(tmp_path: Path) -> None:
    results = killing(tmp_path / "runs", "renames")
    assert len(results) >= 8
    assert all(lost <= SHARD_ROWS for result in results for lost in result["lost"])
    assert {result["rows"] for result in results} == {OLD_ROWS, ROWS}, "the old set or the new one"


def test_two_runs_at_once_share_the_work_and_one_outlives_the_other(tmp_path: Path) -> None:
    both, one_killed = killing(tmp_path / "runs", "together")
    assert both["exit"] == [0, 0]
    assert sum(both["each"]) == ROWS - 2, "nothing is computed twice"
    assert one_killed["exit"] == [-9, 0]
    assert one_killed["calls"] == 0
