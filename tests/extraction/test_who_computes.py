"""Who takes a run's clips through which stages."""

from __future__ import annotations

import os

import pytest

from emollama_hf.checkpoints.memory import LANES
from emollama_hf.engines.ray_pools import Node
from emollama_hf.engines.workers import Workers
from emollama_hf.extraction import who_computes
from emollama_hf.extraction.who_computes import division_of
from emollama_hf.stages.pipeline import Pipeline, build_pipeline


def pipeline(*present: str) -> Pipeline:
    return build_pipeline("random-tiny", present=present or ("video",), device="cpu")


def test_one_process_takes_each_clip_through_all_stages() -> None:
    found = division_of(pipeline(), Workers(), 100, 8)
    (group,) = found.groups
    assert found.in_turn
    assert (group.called, group.usual, found.writers) == ("this process", 1, 1)


def test_worker_processes_are_as_many_as_there_is_work_and_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(who_computes, "_cores", lambda: 4)
    (group,) = division_of(pipeline(), Workers(num_proc=3), 2, 8).groups
    assert (group.least, group.usual, group.most) == (2, 2, 2)
    (group,) = division_of(pipeline(), Workers(num_proc=8), 100, 6).groups
    assert (group.least, group.usual, group.most) == (4, 4, 8), (
        "six at a time have not shown how eight share four cores"
    )
    (group,) = division_of(pipeline(), Workers(num_proc=8), 100, 8).groups
    assert (group.least, group.usual, group.most) == (4, 8, 8), "what a clip took has the sharing in it"


def test_readers_go_ahead_of_the_networks() -> None:
    found = division_of(pipeline(), Workers(num_readers=2), 100, 8)
    reading, networks = found.groups
    assert not found.in_turn
    assert [stage.name for stage in reading.stages] == ["sample_frames"]
    assert not reading.on_device
    assert networks.on_device
    assert (reading.most, networks.most) == (2, 1)


def test_what_brings_its_frames_needs_no_readers() -> None:
    present = ("facemae_frames", "videomae_frames", "peak_frame")
    assert division_of(pipeline(*present), Workers(), 100, 8).in_turn


def test_two_threads_share_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = pipeline()
    for stage in stages.stages:
        monkeypatch.setattr(type(stage), "device", lambda self: "cuda" if self.uses_device else "cpu", raising=False)
    monkeypatch.setattr(who_computes, "default_readers", lambda workers: 16 // workers - 1)
    monkeypatch.setattr(who_computes, "_cores", lambda: 16)
    reading, networks = division_of(stages, Workers(), 100, 8).groups
    assert (reading.most, reading.called) == (15, "15 reader processes")
    assert (networks.least, networks.most) == (1, LANES)
    reading, networks = division_of(stages, Workers(num_proc=4), 100, 8).groups
    assert (reading.most, networks.least, networks.most) == (12, 4, 4 * LANES)
    assert division_of(stages, Workers(num_readers=0), 100, 8).in_turn


def test_pools_of_a_cluster() -> None:
    found = division_of(pipeline(), Workers("ray", num_proc=3, num_readers=5), 100, 8, [Node(8, 0), Node(8, 0)])
    assert [(group.most, group.called) for group in found.groups] == [
        (5, "5 Ray workers on 2 nodes"),
        (3, "3 Ray workers on 2 nodes"),
    ]
    assert found.writers == 1
    assert not found.in_turn


def test_cores_are_those_that_this_process_may_use() -> None:
    assert 1 <= who_computes._cores() <= (os.cpu_count() or 1)
