"""What is seen while a sample is computed."""

from __future__ import annotations

import pytest

from emollama_hf.extraction.sample_watch import SampleWatch, Seen, costs_of
from emollama_hf.planning.computation import Report


def clip(wall_s: float, row: int, *, worker: int = 1, processor_s: float = 0.0, **seconds: float) -> Seen:
    return Seen(wall_s, processor_s, Report(1, row_seconds={row: seconds}, worker=worker))


def shard(wall_s: float, *, worker: int = 1, processor_s: float = 0.0) -> Seen:
    return Seen(wall_s, processor_s, Report(shards=1, stored=1, worker=worker))


def test_a_clip_at_a_time_in_one_process() -> None:
    """Four seconds until the first clip, a fifth of one beside each later clip, and 0.6 for the shard."""
    seen = [clip(5.0, 0, read=1.0), clip(7.2, 1, read=2.0), clip(9.4, 2, read=2.0), shard(10.0)]
    costs = costs_of(seen, in_turn=True, here=True)
    assert costs.of_clips == {0: {"read": 1.0}, 1: {"read": 2.0}, 2: {"read": 2.0}}
    assert costs.start_s == pytest.approx(4.0)
    assert costs.beside_s == pytest.approx(0.2)
    assert costs.publish_s == pytest.approx(0.2)


def test_what_a_first_clip_takes_longer_than_a_larger_one_is_of_the_start() -> None:
    seen = [clip(20.0, 0, read=18.0), clip(21.0, 1, read=1.0), clip(22.0, 2, read=0.8)]
    costs = costs_of(seen, in_turn=True, here=True, order=[2, 0, 1])
    assert costs.of_clips[0] == {"read": 1.0}
    assert costs.start_s == pytest.approx(2.0 + 17.0)


def test_a_long_clip_that_comes_first_may_take_longer_than_short_ones() -> None:
    seen = [clip(9.0, 0, read=4.0, net=0.2), clip(10.0, 1, read=1.0, net=0.1)]
    costs = costs_of(seen, in_turn=True, here=True, order=[1, 0], networks={"net"})
    assert costs.of_clips[0] == {"read": 4.0, "net": 0.2}


def test_a_network_that_takes_many_times_as_long_first_was_warming_up() -> None:
    seen = [clip(9.0, 0, read=4.0, net=3.0), clip(10.0, 1, read=1.0, net=0.1)]
    costs = costs_of(seen, in_turn=True, here=True, order=[1, 0], networks={"net"})
    assert costs.of_clips[0] == {"read": 4.0, "net": 0.1}
    assert costs.start_s == pytest.approx(2.0 + 2.9)


def test_a_first_clip_without_others_stays_as_it_is() -> None:
    costs = costs_of([clip(9.0, 0, worker=1, net=3.0), clip(9.0, 1, worker=2, net=4.0)], in_turn=True, here=False)
    assert costs.of_clips == {0: {"net": 3.0}, 1: {"net": 4.0}}
    assert costs.start_s == pytest.approx(6.0), "each worker starts beside the others"
    assert costs.beside_s == 0.0


def test_side_by_side_the_processor_counts_and_the_disk_is_what_it_waits_for() -> None:
    seen = [
        clip(4.0, 0, processor_s=1.0, net=1.0),
        clip(4.5, 1, processor_s=1.1, net=1.0),
        clip(5.0, 2, processor_s=1.2, net=1.0),
        shard(8.0, processor_s=1.5),
    ]
    costs = costs_of(seen, in_turn=False, here=True)
    assert costs.beside_s == pytest.approx(0.1)
    assert costs.publish_s == pytest.approx(1.0)
    assert costs.publish_processor_s == pytest.approx(0.1)


def test_workers_that_are_other_processes_do_not_show_their_processor_time() -> None:
    seen = [clip(3.0, 0, worker=8, net=1.0), clip(5.0, 1, worker=8, net=1.0), shard(6.0, worker=8)]
    costs = costs_of(seen, in_turn=True, here=False)
    assert costs.publish_processor_s is None
    assert costs.beside_s == pytest.approx(1.0)


def test_nothing_was_computed() -> None:
    assert SampleWatch().costs(in_turn=True, here=True).of_clips == {}


def test_reports_are_noted_with_their_times() -> None:
    watch = SampleWatch()
    watch.note(Report(1, row_seconds={0: {"read": 0.0}}))
    watch.note(Report(shards=1, stored=1))
    first, last = watch.seen
    assert 0 <= first.wall_s <= last.wall_s < 60
    assert first.processor_s <= last.processor_s
