"""Runs that are killed lose a shard at most, leave nothing in the way, and go on to the bits of an undisturbed run."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from emollama_hf import extract
from emollama_hf.console import timing
from emollama_hf.work_store.work_store import INSIDE_OUT, WorkStore
from tests import second_process
from tests.extraction.crops import OPTIONS, crops
from tests.extraction.killing import OLD_ROWS, ROWS, SHARD_ROWS

#: So many that no run is at its end before it is interrupted: they take seconds.
CLIPS = 200


def killing(folder: Path, *mode: str) -> list[dict[str, Any]]:
    ran = second_process.run("from tests.extraction.killing import main; main()", folder, *mode, timeout=600)
    assert ran.returncode == 0, ran.stderr[-3000:]
    print(ran.stderr)  # for whoever reads of a failure
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


@pytest.mark.parametrize("seed", range(11, 16))
def test_ten_kills_at_random_moments(seed: int, tmp_path: Path) -> None:
    results = killing(tmp_path / "runs", "random", "10", str(seed))
    lost = [one for result in results for one in result["lost"]]
    assert len(lost) == 10
    assert max(lost) <= SHARD_ROWS


@pytest.mark.parametrize("moment", ["before", "after"])
def test_kills_right_before_and_after_each_rename(moment: str, tmp_path: Path) -> None:
    results = killing(tmp_path / "runs", "renames", moment)
    assert len(results) >= 4
    lost = [one for result in results for one in result["lost"]]
    assert max(lost) <= SHARD_ROWS
    rows = {result["rows"] for result in results}
    if moment == "before":
        assert max(lost) > 0, "right before its rename a whole shard is at stake"
        assert rows == {OLD_ROWS}
    else:
        assert rows == {OLD_ROWS, ROWS}, "the old set or the new one"


def test_two_runs_at_once_share_the_work_and_one_outlives_the_other(tmp_path: Path) -> None:
    both, one_killed = killing(tmp_path / "runs", "together")
    assert both["exit"] == [0, 0]
    assert sum(both["each"]) == ROWS - 2, "nothing is computed twice"
    assert one_killed["exit"] == [-9, 0]
    assert one_killed["calls"] == 0


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    """They would hold cores and GPUs for hours, and nobody would know."""
    code = f"""
from pathlib import Path
from emollama_hf import extract
from tests.extraction.crops import OPTIONS, crops
extract(crops(Path({str(tmp_path / "clips")!r}), *range({CLIPS})), "random-tiny", out={str(tmp_path / "out")!r},
        num_proc=2, **OPTIONS)
"""
    run = second_process.start(code)
    work = tmp_path / "out" / INSIDE_OUT
    while run.poll() is None and len(list(work.glob("unfinished/*/*/facemae_embed.arrow"))) < 2:
        time.sleep(0.02)
    run.kill()
    run.wait()
    give_up = time.monotonic() + 60
    while _members(run.pid) and time.monotonic() < give_up:
        time.sleep(0.1)
    assert _members(run.pid) == []
    kept = WorkStore(work)
    assert len(kept.shard_names) == 2, "each has published what it had finished"
    assert list(work.glob("unfinished/*")) == []


def _members(session: int) -> list[str]:
    """Processes of a session that compute: its dead may wait to be buried."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(status.parent.name)
    return found


@pytest.mark.parametrize("num_proc", [None, 2])
def test_ctrl_c_keeps_every_clip_that_was_finished(num_proc: int | None, tmp_path: Path) -> None:
    ds = crops(tmp_path / "clips", *range(CLIPS))
    code = f"""
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started us may ignore it
from emollama_hf import extract
from tests.extraction.crops import OPTIONS, crops
from pathlib import Path
ds = crops(Path({str(tmp_path / "clips")!r}), *range({CLIPS}))
extract(ds, "random-tiny", out={str(tmp_path / "out")!r}, num_proc={num_proc}, **OPTIONS)
"""
    run = second_process.start(code)
    work = tmp_path / "out" / INSIDE_OUT
    while run.poll() is None and not list(work.glob("unfinished/*/*/facemae_embed.arrow")):
        time.sleep(0.02)
    time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=200)
    assert run.returncode != 0
    assert told.count("Traceback") == 1, "one for the caller, none of the workers"
    kept = WorkStore(work)
    assert len(kept.shard_names) >= 1, "what was finished is published, though no shard was full"
    stored = sum(len(shard.computed("emollama_embed")) for shard in kept.shards)
    assert told.splitlines()[-1] == (
        f"KeyboardInterrupt: {stored} of {CLIPS} clips stored, run the same again for the others"
    )
    timing.reset()
    assert extract(ds, "random-tiny", out=tmp_path / "out", **OPTIONS)["emollama_status"] == ["ok"] * CLIPS
    assert timing.stage_times()["emollama_embed"].rows == CLIPS - stored


def test_ctrl_c_on_the_command_line_says_what_is_stored(tmp_path: Path) -> None:
    crops(tmp_path / "clips", *range(CLIPS)).save_to_disk(tmp_path / "rows")
    code = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from emollama_hf.cli import main
main()
"""
    out = tmp_path / "out"
    arguments = ("extract", tmp_path / "rows", "--model", "random-tiny", "--out", out, "--faces", "none")
    run = second_process.start(code, *map(str, arguments), "--peak", "middle", "--shard-rows", "2")
    while run.poll() is None and not list((out / INSIDE_OUT).glob("shards/*")):
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=200)
    stored = sum(len(shard.computed("emollama_embed")) for shard in WorkStore(out / INSIDE_OUT).shards)
    assert 0 < stored < CLIPS
    assert run.returncode == 130
    last = f"emollama-hf: interrupted: {stored} of {CLIPS} clips stored, run the same again for the others"
    assert told.splitlines()[-1] == last
    assert "Traceback" not in told
