"""Each network, with what its stage does around it, against its own matrix products and attention calls.

One layer of real width in float32, which CPUs compute in unless told otherwise.

A stage that computes more products would make its own ceiling higher and its ratio no worse, so that the number of
operations is a ratio of its own. It is the same in every round.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.encoders import batch_of, stage_of
from benchmarks.gating.clock import seconds, undisturbed
from benchmarks.gating.models import thin_model
from benchmarks.gating.ratio import Measurement, Pairs, Ratio, Round
from benchmarks.products import Call, Recording, recorder

DTYPE, DEVICE = "float32", "cpu"
GFLOP = 1e9
#: Each stage's networks, in the order in which data flows.
PARTS = {"facemae_embed": ("facemae",), "videomae_embed": ("videomae",), "emollama_embed": ("eva", "decoder")}
_TITLES = {"facemae": "FaceMAE", "videomae": "VideoMAE", "eva": "EVA", "decoder": "the decoder"}
_FILES = {
    "facemae": "models/facemae.py and stages/encoder_stage.py",
    "videomae": "models/videomae.py and stages/encoder_stage.py",
    "eva": "models/emotion_llama.py and stages/emollama.py",
    "decoder": "models/emotion_llama.py and stages/emollama.py",
}


def _ratio(part: str) -> Ratio:
    meaning = f"a clip through a layer of {_TITLES[part]} to its matrix products and attention calls alone"
    return Ratio(part, meaning, f"emollama_hf/{_FILES[part]}")


def _work(part: str) -> Ratio:
    meaning = f"the operations in the matrix products of a clip through a layer of {_TITLES[part]} to a GFLOP"
    return Ratio(f"{part}-work", meaning, f"emollama_hf/{_FILES[part]}")


@contextmanager
def open_encoder(folder: Path, *, stage_name: str, model: str | None = None) -> Iterator[Round]:
    """A stage of the thin model (or of another one), and its recorded products."""
    import torch

    parts = PARTS[stage_name]
    stage = stage_of(stage_name, model or thin_model(), DTYPE, DEVICE, clips=1)
    batch = batch_of(stage_name, clips=1)
    recording = Recording(part=parts[0])

    def next_part() -> None:
        recording.part = parts[1]

    with torch.inference_mode(), recorder(recording), _when_second_begins(stage, parts, next_part):
        stage(batch)
    calls = {part: [call for call in recording.calls if call.part == part] for part in parts}
    yield lambda: {**_times(stage, batch, calls), **_operations(calls)}


def _times(stage: Any, batch: dict[str, Any], calls: dict[str, list[Call]]) -> Pairs:
    import torch

    marks: list[float] = []
    with torch.inference_mode():
        with _when_second_begins(stage, tuple(calls), lambda: marks.append(undisturbed())):
            marks.append(undisturbed())
            stage(batch)
            marks.append(undisturbed())
        alone = [seconds(partial(_again, calls[part])) for part in calls]
    through = [end - start for start, end in pairwise(marks)]
    return dict(zip(calls, zip(through, alone, strict=True), strict=True))


def _again(calls: list[Call]) -> None:
    for call in calls:
        call.again()


def _operations(calls: dict[str, list[Call]]) -> Pairs:
    return {_work(part).name: (sum(call.flop for call in calls[part]), GFLOP) for part in calls}


@contextmanager
def _when_second_begins(stage: Any, parts: tuple[str, ...], do: Any) -> Iterator[None]:
    """While it lasts, `do` is called each time the second of a stage's networks begins."""
    if len(parts) == 1:
        yield
        return
    hook = stage.model().language_model.layers[0].register_forward_pre_hook(lambda *_: do())
    try:
        yield
    finally:
        hook.remove()


MEASUREMENTS = tuple(
    Measurement(
        (*map(_ratio, parts), *map(_work, parts)),
        partial(open_encoder, stage_name=stage_name),
    )
    for stage_name, parts in PARTS.items()
)
