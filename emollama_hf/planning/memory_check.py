"""Before hours of work: what a run will take, what is there, and what would fit if it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from emollama_hf.checkpoints import ModelSource
from emollama_hf.checkpoints.memory import LANES, Prediction, StageMemory, predict
from emollama_hf.computing.available_memory import Memory, cuda_memory, own_memory, system_memory
from emollama_hf.computing.number_types import MIXED, DtypeName
from emollama_hf.console.logs import package_logger
from emollama_hf.encoders import find_encoder
from emollama_hf.errors import ModelError
from emollama_hf.stages.model_stage import stages_with_weights
from emollama_hf.stages.pipeline import Pipeline
from emollama_hf.tensors.quantized import QUANTIZATIONS, Quantize, check_installed

logger = package_logger(__name__)

PROCESSES = "--num-proc"


@dataclass(frozen=True)
class ComputePlan:
    """How a run computes. clips: together in each process. processes: on this device, each with a model.

    more: what stages take beside their parts.
    """

    device: str
    dtype: DtypeName
    quantize: Quantize | None
    clips: int
    processes: int = 1
    more: StageMemory = StageMemory()  # noqa: RUF009  (frozen)

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    def takes(self, source: ModelSource, parts: tuple[str, ...]) -> Prediction:
        return self._predicted(source, parts, self.clips * (LANES if self.on_gpu else 1))

    def needs(self, source: ModelSource, parts: tuple[str, ...]) -> int:
        """Bytes without which it cannot run. A GPU that is full says so, and batches are halved; a CPU is taken from
        the process that asks for more, with all that it has."""
        return self._predicted(source, parts, 1 if self.on_gpu else self.clips).peak

    def _predicted(self, source: ModelSource, parts: tuple[str, ...], clips: int) -> Prediction:
        one = predict(
            source, parts, dtype=self.dtype, quantize=self.quantize, clips=clips, cuda=self.on_gpu, more=self.more
        )
        return one.of_processes(self.processes)


@dataclass(frozen=True)
class PlannedRun:
    """A plan with the model that it computes, and the memory that exists; None if that is unknown."""

    plan: ComputePlan
    source: ModelSource
    parts: tuple[str, ...]
    there: Memory | None

    def __str__(self) -> str:
        return say(self.plan, self.source, self.parts, self.there)

    @property
    def peak(self) -> int:
        """Predicted bytes of all processes on the device."""
        return self.plan.takes(self.source, self.parts).peak


def check_memory(pipeline: Pipeline, num_proc: int | None) -> None:
    """Log what will be computed how and what that takes. Reads no weights.

    Raises ModelError if it cannot fit, or if it quantizes and bitsandbytes is missing.
    """
    planned = planned_run(pipeline, num_proc)
    if planned is None:
        return
    check_installed(planned.plan.quantize)
    there = planned.there
    problem = None if there is None else does_not_fit(planned.plan, planned.source, planned.parts, there.available)
    if problem is not None:
        raise ModelError(problem)
    logger.info("%s", planned)


def planned_run(pipeline: Pipeline, num_proc: int | None) -> PlannedRun | None:
    """How a run will compute, from configurations alone; None if no stage has weights.

    Args:
        pipeline: the stages.
        num_proc: processes with a model each; None for this process.
    """
    models = stages_with_weights(pipeline.stages)
    if not models:
        return None
    device = models[0].device()
    settings = models[-1].resolved_config()
    own, brought = ([stage.own_memory() for stage in models], [stage.brought_memory() for stage in models])
    # Encoders that stages bring are loaded all at once, beside the parts of the run's model.
    more = StageMemory(
        max(one.weights for one in own) + sum(one.weights for one in brought),
        max(one.a_clip for one in [*own, *brought]),
    )
    plan = ComputePlan(
        device, settings["dtype"], settings.get("quantize"), pipeline.micro_batch, _processes(device, num_proc), more
    )
    parts: tuple[str, ...] = tuple(
        dict.fromkeys(stage.part for stage in models if stage.uses_run_model and stage.loads_whole_part)
    )
    source = next((stage for stage in models if stage.uses_run_model), models[0]).source
    return PlannedRun(plan, source, parts, memory_there(device, own=num_proc is None))


def memory_there(device: str, *, own: bool) -> Memory | None:
    """The device's memory. own: what this process holds already is available, too, since this process computes."""
    if device.startswith("cuda"):
        return cuda_memory(device)
    found = system_memory()
    return replace(found, available=found.available + own_memory()) if found is not None and own else found


def say(plan: ComputePlan, source: ModelSource, parts: tuple[str, ...], there: Memory | None) -> str:
    """ "computing on cpu in bfloat16, the decoder in 4bit, 1 clip at a time: 8.8 GB at the peak, 21.0 GB available"."""
    quantized = f", the decoder in {plan.quantize}" if plan.quantize is not None else ""
    together = "1 clip at a time" if plan.clips == 1 else f"{plan.clips} clips together"
    several = f" in each of {plan.processes} processes" if plan.processes > 1 else ""
    available = "" if there is None else f", {_gb(there.available)} available"
    return (
        f"computing on {plan.device} in {plan.dtype}{quantized}, {together}{several}: "
        f"{_gb(plan.takes(source, parts).peak)} at the peak{available}"
    )


def does_not_fit(plan: ComputePlan, source: ModelSource, parts: tuple[str, ...], available: int) -> str | None:
    """Why a plan cannot run in so many bytes, and what can; None if it can."""
    needed = plan.needs(source, parts)
    if needed <= available:
        return None
    fitting: list[dict[str, str]] = []
    for changes, other in sorted(_others(plan, parts), key=lambda one: len(one[0])):
        # Less is changed by another that fits, or the same and more processes run.
        redundant = any(
            all(key in changes and (key == PROCESSES or changes[key] == value) for key, value in simpler.items())
            for simpler in fitting
        )
        if not redundant and other.needs(source, parts) <= available:
            fitting.append(changes)
    several = f" with {plan.clips} clips together" if plan.clips > 1 and not plan.on_gpu else ""
    several += f" in {plan.processes} processes" if plan.processes > 1 else ""
    text = (
        f"{source.name} does not fit: on {plan.device} in {plan.dtype}{several} it takes {_gb(needed)}, "
        f"{_gb(plan.takes(source, parts).weights)} of them weights, and {_gb(available)} are available."
    )
    if fitting:
        return f"{text} This fits: {'; '.join(map(_typed, fitting))}."
    smallest = min((other.needs(source, parts) for _, other in _others(plan, parts)), default=needed)
    return f"{text} No other dtype or quantization fits either: at least {_gb(smallest)} are needed."


def _others(plan: ComputePlan, parts: tuple[str, ...]) -> Iterator[tuple[dict[str, str], ComputePlan]]:
    """Plans that take less, and what to type for each."""
    half: DtypeName = "float16" if plan.on_gpu else "bfloat16"
    dtypes: list[DtypeName] = [plan.dtype, *([half] if plan.dtype in ("float32", MIXED) else [])]
    coarser = QUANTIZATIONS[:1] if plan.quantize == "8bit" else QUANTIZATIONS[::-1] if plan.quantize is None else ()
    quantizations = [plan.quantize, *(coarser if any(find_encoder(part).quantizes for part in parts) else ())]
    counts = dict.fromkeys([plan.clips, plan.clips if plan.on_gpu else 1])  # a GPU's batches are halved as they go
    for dtype, quantize, clips in product(dtypes, quantizations, counts):
        for processes in range(plan.processes, 0, -1):
            changes = {
                **({"--dtype": dtype} if dtype != plan.dtype else {}),
                **({"--quantize": str(quantize)} if quantize != plan.quantize else {}),
                **({"--batch-size": str(clips)} if clips != plan.clips else {}),
                **({PROCESSES: str(processes)} if processes != plan.processes else {}),
            }
            if changes:
                yield changes, replace(plan, dtype=dtype, quantize=quantize, clips=clips, processes=processes)


def _typed(changes: dict[str, str]) -> str:
    return " ".join(f"{option} {value}" for option, value in changes.items())


def _processes(device: str, num_proc: int | None) -> int:
    """How many on this device: workers spread over all GPUs where none was named."""
    if num_proc is None or device != "cuda":
        return num_proc or 1
    import torch

    return -(num_proc // -max(1, torch.cuda.device_count()))


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
