"""torch.compile compiles each kind of block once, whatever size the batches have that come later."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from benchmarks.gpu.parts import prepared
from emollama_hf import EmoLlamaEmbed, FaceMAEEmbed, VideoMAEEmbed
from emollama_hf.computing.compiled_blocks import compile_blocks, own_forward
from emollama_hf.computing.model_cache import forget_models
from emollama_hf.rows import Rows


@pytest.fixture(autouse=True)
def _graphs_are_counted_and_not_translated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is compiled when is torch's decision before any code is generated, which takes seconds a graph."""
    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    yield
    torch._dynamo.reset()
    forget_models()


def graphs() -> int:
    return int(counters["stats"]["unique_graphs"])


def with_words(stage: Any, clips: int) -> list[Any]:
    rng = np.random.default_rng(clips)
    rows = Rows.from_batch(
        {
            "peak_frame": list(rng.integers(0, 256, (clips, 40, 40, 3), np.uint8)),
            "facemae": list(rng.standard_normal((clips, 32), np.float32)),
            "videomae": list(rng.standard_normal((clips, 32), np.float32)),
            "said": ["a long sentence that nobody said", *["Yes"] * (clips - 1)],
        }
    )
    return [stage.prepare(rows.row(row)) for row in range(clips)]


def test_remainders_and_halved_batches_compile_nothing() -> None:
    """All networks of a run in one process, as `extract` has them; then other layers and prompts of the decoder."""
    kinds: list[tuple[type, dict[str, Any]]] = [
        (FaceMAEEmbed, {}),
        (VideoMAEEmbed, {}),
        (EmoLlamaEmbed, {}),
        (EmoLlamaEmbed, {"layers": (0, 1, -1)}),
        (EmoLlamaEmbed, {"instruction": "They say: {said}"}),
    ]
    for kind, options in kinds:
        stage = kind("random-tiny", device="cpu", compile=True, **options)
        plain = kind("random-tiny", device="cpu", **options)
        inputs = with_words if "instruction" in options else prepared
        batches = [inputs(stage, clips) for clips in (4, 2, 3, 1, 5, 4)]
        # First, since a process keeps one network of a part.
        expected = [[outcome[plain.makes[0]] for outcome in plain.compute_together(items)] for items in batches]
        before = graphs()
        stage.compute_together(batches[0])
        compiled = graphs() - before
        # The first block of an encoder may take its input in another layout than the others.
        assert compiled == 0 if "layers" in options else 1 <= compiled <= 2, (kind, options)
        before = graphs()
        for items, values in zip(batches, expected, strict=True):
            found = [outcome[stage.makes[0]] for outcome in stage.compute_together(items)]
            assert graphs() == before, (kind, options, len(items))
            for one, other in zip(found, values, strict=True):
                np.testing.assert_allclose(one, other, atol=2e-3)


def test_a_network_whose_batches_have_one_row_is_compiled_for_one_row() -> None:
    stage = VideoMAEEmbed("random-tiny", device="cpu", compile=True)
    items = prepared(stage, 2)
    before = graphs()
    stage.compute_together(items[:1])
    assert graphs() > before
    before = graphs()
    stage.compute_together(items[1:])
    assert graphs() == before


def test_blocks_of_each_architecture_have_code_of_their_own() -> None:
    """torch counts what it compiles by code object; one that networks share would come to its limit."""
    networks = [kind("random-tiny", device="cpu").model() for kind in (FaceMAEEmbed, VideoMAEEmbed, EmoLlamaEmbed)]
    codes = {own_forward(block).__code__ for network in networks for block in network.blocks()}  # type: ignore[attr-defined]
    assert len(codes) == 4


def test_a_block_that_is_given_its_states_by_name_is_compiled_as_well() -> None:
    class Block(torch.nn.Module):
        def forward(self, *, states: torch.Tensor) -> torch.Tensor:
            return states * 2 + 1

    class Network:
        def __init__(self) -> None:
            self.block = Block()

        def blocks(self) -> list[torch.nn.Module]:
            return [self.block]

    network = Network()
    compile_blocks(network)
    before = graphs()
    for rows in (3, 1, 2):
        assert torch.equal(network.block(states=torch.ones(rows, 2)), torch.full((rows, 2), 3.0))
    assert graphs() - before == 1
