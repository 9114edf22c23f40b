"""What lies between matrix products: blocks as a CUDA graph, and through torch.compile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.gpu.lines import Line, checked, measured
from benchmarks.gpu.parts import Part, parts_of, stage_of
from benchmarks.gpu.settings import Settings
from benchmarks.peak import median_seconds, synchronise

STAGES = ("facemae_embed", "videomae_embed", "emollama_embed")


def graphed(settings: Settings) -> Iterator[Line]:
    """A network's blocks replayed as a graph against the same blocks launched one by one."""
    import torch

    for name in reversed(STAGES):
        for part in reversed(parts_of(stage_of(name, settings))):  # the decoder first
            for clips in (1, settings.together):
                with torch.inference_mode():
                    blocks, hidden = _blocks(part, clips)
                    eager = median_seconds(lambda b=blocks, h=hidden: b(h), settings.device, rounds=settings.rounds)
                    graph = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(graph):
                        result = blocks(hidden)
                    replayed = median_seconds(graph.replay, settings.device, rounds=settings.rounds)
                    same = torch.equal(result, blocks(hidden))
                yield checked(
                    f"{part.name}'s blocks, {clips} together",
                    bool(same) or _near(result, blocks(hidden)),
                    eager_ms_a_clip=eager / clips * 1e3,
                    graphed_ms_a_clip=replayed / clips * 1e3,
                    graphed_to_eager=replayed / eager,
                    same_bits=bool(same),
                )
                del graph, result


def compiled(settings: Settings) -> Iterator[Line]:
    """A network eager, then compiled as `compile=True` does it, at one size and then at another."""
    import torch
    from torch._dynamo.utils import counters

    from emollama_hf.computing.compiled_blocks import compile_blocks
    from emollama_hf.computing.model_cache import forget_models

    sizes = (settings.together, settings.together // 3)
    for name in reversed(STAGES) if settings.on_gpu else STAGES[:1]:
        stage = stage_of(name, settings)
        parts = parts_of(stage)
        with torch.inference_mode():
            eager = {(part.name, n): _time(part, n, settings) for part in parts for n in sizes}
            exact = {part.name: part.forward(_fixed(part, sizes[0])) for part in parts}
            compile_blocks(stage.model())
            for part in parts:
                for clips in sizes:
                    graphs = counters["stats"]["unique_graphs"]
                    started = time.perf_counter()
                    part.forward(part.inputs(clips))
                    synchronise(settings.device)
                    first = time.perf_counter() - started
                    seconds = _time(part, clips, settings)
                    yield measured(
                        f"{part.name}, {clips} together, compiled",
                        first_call_s=first,
                        graphs_compiled=counters["stats"]["unique_graphs"] - graphs,
                        ms_a_clip=seconds / clips * 1e3,
                        compiled_to_eager=seconds / eager[part.name, clips],
                    )
                graphs = counters["stats"]["unique_graphs"]
                again = _time(part, sizes[0], settings)
                yield checked(
                    f"{part.name}, {sizes[0]} together after {sizes[1]}, compiled",
                    _near(part.forward(_fixed(part, sizes[0])), exact[part.name]),
                    compiled_to_eager=again / eager[part.name, sizes[0]],
                    graphs_compiled=counters["stats"]["unique_graphs"] - graphs,
                )
        forget_models()
        del stage, parts, exact


def _time(part: Part, clips: int, settings: Settings) -> float:
    inputs = part.inputs(clips)
    return median_seconds(lambda: part.forward(inputs), settings.device, rounds=settings.rounds)


def _fixed(part: Part, clips: int) -> Any:
    import torch

    torch.manual_seed(11)
    return part.inputs(clips)


def _near(one: Any, other: Any) -> bool:
    """Within what the order of sums moves values of a small type by."""
    difference = (one.float() - other.float()).square().mean().sqrt()
    return bool(difference <= 0.02 * other.float().std())


def _blocks(part: Part, clips: int) -> tuple[Callable[[Any], Any], Any]:
    """A part's repeated layers as one function, and what they are given: nothing in it waits for the GPU."""
    import torch

    network, inputs = part.network, part.inputs(clips)
    if part.name == "decoder":
        decoder = network.language_model
        positions = torch.arange(inputs.shape[1], device=inputs.device)[None]
        rotary = decoder.rotary_emb(inputs, position_ids=positions)
        layers = [lambda hidden, layer=layer: layer(hidden, position_embeddings=rotary) for layer in decoder.layers]
        return _in_turn(layers), inputs
    if part.name == "eva":
        return _in_turn(network.vision_model.encoder.layers), network.vision_model.embeddings(inputs)
    if part.name == "videomae":
        return _in_turn(network.blocks()), network.encoder.embeddings(inputs, None)
    vit = network.vit
    hidden = vit._pos_embed(vit.patch_embed(inputs.flatten(0, 1)))
    return _in_turn(network.blocks()), vit.norm_pre(vit.patch_drop(hidden))


def _in_turn(layers: Any) -> Callable[[Any], Any]:
    def run(hidden: Any) -> Any:
        for layer in layers:
            hidden = layer(hidden)
        return hidden

    return run
