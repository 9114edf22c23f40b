"""How many workers a cluster gets: its nodes are numbers here."""

from __future__ import annotations

import math
from itertools import product

import pytest

from emollama_hf.checkpoints.memory import LANES
from emollama_hf.engines.ray_pools import Node, Pool, plan_pools
from emollama_hf.stages import EmoLlamaEmbed, FaceMAEEmbed, SampleFrames, VideoMAEEmbed

FRAMES = SampleFrames()
MODELS = [stage("random-tiny", dtype="float32") for stage in (FaceMAEEmbed, VideoMAEEmbed, EmoLlamaEmbed)]
ALL = [FRAMES, *MODELS]


def sizes(pools: list[Pool]) -> list[tuple[int, int, int | None]]:
    return [(pool.size, pool.num_gpus, pool.threads) for pool in pools]


def test_stages_with_a_model_share_their_workers() -> None:
    pools = plan_pools(ALL, [Node(4, 0)], 2)
    assert [len(pool.stages) for pool in pools] == [1, 3]
    assert sizes(pools) == [(2, 0, 1), (2, 0, 1)]


def test_one_worker_a_gpu_and_the_cores_decode() -> None:
    assert sizes(plan_pools(ALL, [Node(16, 8), Node(16, 8), Node(8, 0)], None)) == [(24, 0, 1), (16, 1, None)]
    assert sizes(plan_pools(ALL, [Node(16, 8)], 2)) == [(14, 0, 1), (2, 1, 1)]


def test_models_on_gpus_have_two_lanes_as_here() -> None:
    assert [pool.lanes for pool in plan_pools(ALL, [Node(16, 8)], None)] == [1, LANES]
    assert [pool.lanes for pool in plan_pools(ALL, [Node(16, 0)], None)] == [1, 1]


def test_without_gpus_one_worker_a_node_has_all_of_its_threads() -> None:
    assert sizes(plan_pools(ALL, [Node(8, 0), Node(4, 0)], None)) == [(2, 0, 1), (2, 0, None)]


def test_without_a_model_every_core_works() -> None:
    assert sizes(plan_pools([FRAMES], [Node(8, 2)], None)) == [(8, 0, 1)]
    assert sizes(plan_pools([FRAMES], [Node(8, 2)], 3)) == [(3, 0, 1)]


def test_device_cpu_leaves_gpus_alone() -> None:
    stage = FaceMAEEmbed("random-tiny", device="cpu")
    assert sizes(plan_pools([stage], [Node(4, 4)], 2)) == [(2, 0, 1)]


@pytest.mark.parametrize(
    ("stages", "nodes", "gpus"),
    list(
        product(
            ([FRAMES], MODELS, ALL),
            ([1], [2], [1, 1], [3, 1], [2, 2, 2], [64, 8], [96] * 4),
            (0, 1, 2),
        )
    ),
)
def test_every_worker_finds_a_place_and_cpus_stay_free(stages: list, nodes: list[int], gpus: int) -> None:
    """Whatever Ray puts where: it waits for ever for a worker that fits nowhere."""
    cluster = [Node(cpus, gpus) for cpus in nodes]
    for num_proc in (None, *range(1, min(sum(nodes), gpus * len(nodes) or 1000) + 1)):
        if stages == [FRAMES] and num_proc is not None and num_proc > sum(nodes):
            continue
        pools = plan_pools(stages, cluster, num_proc)
        booked = sum(pool.size * pool.num_cpus for pool in pools)
        assert booked <= 0.81 * sum(nodes)
        assert sum(pool.size * pool.num_gpus for pool in pools) <= gpus * len(nodes)
        for pool in pools:
            if pool.num_cpus:  # as many of the largest as there are places, if they were all of this size
                places = sum(math.floor(cpus / pool.num_cpus + 1e-9) for cpus in nodes)
                same = sum(other.size for other in pools if other.num_cpus == pool.num_cpus)
                assert same <= places


@pytest.mark.parametrize(
    ("options", "nodes", "num_proc", "message"),
    [
        ({}, [Node(2, 0)], 3, "num_proc=3: the cluster has 2 CPUs"),
        ({}, [Node(16, 1)], 2, "num_proc=2: the cluster has 1 GPU,"),
        ({}, [Node(0, 0)], None, "no CPU"),
        ({"device": "cuda"}, [Node(2, 0)], None, "device='cuda' was asked for, but the cluster has no GPU"),
        ({"device": "cuda:1"}, [Node(2, 2)], None, "device='cuda:1'"),
        ({"dtype": "auto", "device": "auto"}, [Node(2, 2)], None, "dtype='auto'"),
    ],
)
def test_what_a_cluster_does_not_have_is_an_error(
    options: dict[str, str], nodes: list[Node], num_proc: int | None, message: str
) -> None:
    import torch

    if torch.cuda.is_available() and options.get("dtype") == "auto":
        pytest.skip("this machine has a GPU like the cluster")
    stage = FaceMAEEmbed("random-tiny", **{"dtype": "float32", **options})
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        plan_pools([stage], nodes, num_proc)
