"""The steps in the order of their worth. Another one is a function in a file of this folder and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from benchmarks.gpu.lines import Line
from benchmarks.gpu.settings import Settings

StepFunction = Callable[[Settings], Iterator[Line]]


@dataclass(frozen=True)
class Step:
    """One step of a run.

    home: module (of this folder) and name of a function that takes the settings and gives lines. group: neighbours of
    one group share a process, with the models it has loaded. seconds: after which it is ended. least: what must be left
    of a run's time for it to begin. needs: "cuda", or a package that may be absent.
    """

    name: str
    home: str
    group: str
    seconds: float
    least: float
    question: str
    needs: tuple[str, ...] = ()

    def function(self) -> StepFunction:
        module, _, name = self.home.partition(":")
        found: Any = getattr(import_module(f"benchmarks.gpu.{module}"), name)
        return found


STEPS: tuple[Step, ...] = (
    Step("versions", "versions:versions", "numbers", 20, 1, "what runs here"),
    Step("ceilings", "ceilings:ceilings", "numbers", 45, 3, "the device's own peaks of products and copies"),
    Step("parity", "parity:parity", "numbers", 60, 5, "the recorded values of the original, in float32"),
    Step("recorded", "answers:recorded", "numbers", 30, 5, "the recorded answers of the original, in float32"),
    Step("trained", "training:recorded_step", "numbers", 30, 5, "the recorded training step, in float32", ("peft",)),
    Step("dtypes", "parity:dtypes", "numbers", 45, 5, "each type against float32 on the CPU"),
    Step("facemae", "stage_times:facemae", "stages", 90, 5, "FaceMAE's time and memory by batch"),
    Step("videomae", "stage_times:videomae", "stages", 75, 5, "VideoMAE's time and memory by batch"),
    Step("emollama", "stage_times:emollama", "stages", 120, 10, "time and memory of EVA and the decoder by batch"),
    Step("answers", "answers:answers", "stages", 90, 10, "pieces of an answer a second, 8 and 16 clips together"),
    Step("training", "training:steps", "training", 120, 20, "seconds and memory of a training step", ("peft",)),
    Step("encoders", "named_encoders:named_encoders", "encoders", 75, 10, "encoders named for a column: values, speed"),
    Step("together", "together:together", "stages", 75, 5, "one clip against several together"),
    Step("launches", "launches:launches", "stages", 60, 5, "kernels, copies and waits of a batch", ("cuda",)),
    Step("halving", "halving:halving", "memory", 60, 10, "a batch that does not fit into memory", ("cuda",)),
    Step("lanes", "together:lanes", "chain", 45, 5, "two lanes against one"),
    Step("chain", "chain:crops", "chain", 120, 15, "`extract` from crops: one lane and two, whole states and pooled"),
    Step("videos", "chain:videos", "chain", 150, 20, "`extract` from mp4, and how long the device waits", ("av",)),
    Step("detection", "detection:detection", "detection", 150, 20, "faces on the device and on cores", ("av",)),
    Step("workers", "together:workers", "chain", 75, 10, "workers that take their GPU by rank against none"),
    Step(
        "quantized", "quantized:quantized", "quantized", 90, 10, "decoders in 4 and 8 bits",
        ("bitsandbytes",),
    ),
    Step("tf32", "tf32:tf32", "tf32", 60, 10, "float32 with convolutions and products in TF32", ("cuda",)),
    Step("graphed", "compiled:graphed", "graphed", 60, 5, "blocks as a CUDA graph", ("cuda",)),
    Step("compiled", "compiled:compiled", "compiled", 150, 20, "blocks through torch.compile, then a remainder"),
    Step("attention", "attention:attention", "attention", 45, 5, "kinds of attention at the networks' shapes"),
    Step("mixture", "mixture:mixture", "attention", 90, 15, "each type against the original's mixture of types"),
)  # fmt: skip
BY_NAME = {step.name: step for step in STEPS}
