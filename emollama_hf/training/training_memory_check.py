"""Before a model is loaded to be trained: what that will take, what is available, and what would fit if it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from emollama_hf.checkpoints import ModelSource
from emollama_hf.computing.available_memory import Memory
from emollama_hf.computing.number_types import DtypeName
from emollama_hf.console.logs import package_logger
from emollama_hf.planning.memory_check import memory_there
from emollama_hf.tensors.quantized import QUANTIZATIONS, Quantize
from emollama_hf.training.base_model import LoraChoice
from emollama_hf.training.fold_run import Setting
from emollama_hf.training.training_error import TrainingError
from emollama_hf.training.training_memory import PART, TrainingPlan, predict_training

logger = package_logger(__name__)


def check_training_memory(
    source: ModelSource, setting: Setting, *, lora: LoraChoice, layout: str, quantize: Quantize | None
) -> None:
    """Log what a training will take. Reads no weights but the factors of a LoRA that goes on.

    Args:
        source: of the base.
        setting: recipe, prompt and answers, dtype and device.
        lora, layout, quantize: as `base_model` takes them.

    Raises:
        TrainingError: it cannot fit into the memory of the device.
    """
    rank = setting.recipe.lora_rank
    if lora == "continue":
        rank = next(iter(source.load_lora(PART).factors.values())).a.shape[0]
    pieces = max(map(len, setting.prompting.answers))
    plan = TrainingPlan(
        setting.recipe, rank, layout, len(setting.prompting.opened) + pieces, pieces, setting.device, setting.dtype,
        quantize,
    )  # fmt: skip
    there = memory_there(plan.device, own=True)
    problem = None if there is None else does_not_fit(plan, source, there.available)
    if problem is not None:
        raise TrainingError(problem)
    logger.info("%s", say(plan, source, there))


def say(plan: TrainingPlan, source: ModelSource, there: Memory | None) -> str:
    """ "training on cuda in bfloat16, the decoder in 4bit, 4 clips together: 7.3 GB at the peak, 21.0 GB available"."""
    quantized = f", the decoder in {plan.quantize}" if plan.quantize is not None else ""
    clips = plan.recipe.batch_size
    together = "1 clip at a time" if clips == 1 else f"{clips} clips together"
    available = "" if there is None else f", {_gb(there.available)} available"
    peak = _gb(predict_training(source, plan).peak)
    return f"training on {plan.device} in {plan.dtype}{quantized}, {together}: {peak} at the peak{available}"


def does_not_fit(plan: TrainingPlan, source: ModelSource, available: int) -> str | None:
    """Why a training cannot run in so many bytes, and with which options it can; None if it can."""
    needed = predict_training(source, plan)
    if needed.peak <= available:
        return None
    fitting: list[dict[str, Any]] = []
    peaks = [needed.peak]
    for changes, other in sorted(_others(plan), key=lambda one: len(one[0])):
        peaks.append(predict_training(source, other).peak)
        redundant = any(simpler.items() <= changes.items() for simpler in fitting)
        if not redundant and peaks[-1] <= available:
            fitting.append(changes)
    quantized = f", the decoder in {plan.quantize}," if plan.quantize is not None else ""
    text = (
        f"{source.name} cannot be trained: on {plan.device} in {plan.dtype}{quantized} with "
        f"batch_size={plan.recipe.batch_size} it takes {_gb(needed.peak)}, {_gb(needed.weights)} of them weights and "
        f"the optimiser's values, and {_gb(available)} are available."
    )
    if fitting:
        return f"{text} This fits: {'; '.join(map(_typed, fitting))}."
    return f"{text} No other dtype, quantization or batch_size fits either: at least {_gb(min(peaks))} are needed."


def _others(plan: TrainingPlan) -> Iterator[tuple[dict[str, Any], TrainingPlan]]:
    """Plans that take less, and the options of each."""
    recipe = plan.recipe
    half: DtypeName = "float16" if plan.on_gpu and recipe.name == "as_published" else "bfloat16"
    dtypes: list[DtypeName] = [plan.dtype, *([half] if plan.dtype == "float32" else [])]
    coarser = QUANTIZATIONS[:1] if plan.quantize == "8bit" else QUANTIZATIONS[::-1] if plan.quantize is None else ()
    batches: list[dict[str, Any]] = [{}]
    # The published loss is divided within a batch, so that another batch is another training.
    if recipe.batch_size > 1 and not recipe.divides_by_weights:
        batches.append({"batch_size": 1, "accumulation": recipe.accumulation * recipe.batch_size})
    checkpoints = [{}] if recipe.gradient_checkpointing else [{}, {"gradient_checkpointing": True}]
    for dtype, quantize, checkpoint, batch in product(dtypes, [plan.quantize, *coarser], checkpoints, batches):
        changes: dict[str, Any] = {
            **checkpoint,
            **batch,
            **({"dtype": dtype} if dtype != plan.dtype else {}),
            **({"quantize": quantize} if quantize != plan.quantize else {}),
        }
        if changes:
            yield changes, replace(plan.with_recipe(**checkpoint, **batch), dtype=dtype, quantize=quantize)


def _typed(changes: dict[str, Any]) -> str:
    return ", ".join(f"{option}={value!r}" for option, value in changes.items())


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
