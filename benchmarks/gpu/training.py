"""Training on the device: the original's recorded step in float32, and seconds and memory of a step at full size."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.gpu.lines import Line, checked, measured
from benchmarks.gpu.parity import golden_model
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.tf32 import allowed

#: Of each gradient's spread.
LIMIT = 1e-4
TOGETHER = (2, 4, 8)


def recorded_step(settings: Settings) -> Iterator[Line]:
    """Loss and gradients of tests/golden/outputs/training, with and without the chat template."""
    from emollama_hf.checkpoints import open_model
    from emollama_hf.training.base_model import base_model
    from emollama_hf.training.recipe import chosen_recipe
    from tests.training import golden_step

    source = open_model(golden_model(settings))
    recipe = chosen_recipe("as_published", {"lora_dropout": 0.0})
    for chat_template in (False, True):
        old = golden_step.recorded(chat_template=chat_template)
        model = base_model(
            source, recipe, lora="continue", layout="fork", dtype="float32", device=settings.device, quantize=None
        ).train()
        batch = golden_step.batch(source, chat_template=chat_template)
        with allowed(products=False, convolutions=False):
            loss = model(**{name: values.to(settings.device) for name, values in batch.items()})["loss"]
            loss.backward()
        far = max(
            golden_step.spread_ratio(one.grad.cpu().numpy(), old[f"grad/{name}"])
            for name, one in model.trained().items()
            if one.grad is not None
        )
        of_loss = abs(loss.item() - float(old["loss"])) / float(old["loss"])
        yield checked(
            f"{golden_step.NAMES[chat_template]}, float32", max(far, of_loss) <= LIMIT, gradients=far, loss=of_loss,
            limit=LIMIT,
        )  # fmt: skip


def steps(settings: Settings) -> Iterator[Line]:
    """Optimiser steps of noise in place of clips, products in bfloat16: with checkpointing and without."""
    import torch

    from emollama_hf.checkpoints import open_model
    from emollama_hf.encoders.emotion_llama.config_json import feature_size, image_width, patches
    from emollama_hf.training.base_model import base_model
    from emollama_hf.training.clips import Clip, Collate
    from emollama_hf.training.prompting import INSTRUCTION, TASK, prompting
    from emollama_hf.training.recipe import chosen_recipe

    source = open_model(settings.model)
    config = source.config("emotion_llama")
    ask = prompting(source, task=TASK, instruction=INSTRUCTION, chat_template=True, layout="fork", texts=("mw", "nw"))
    collate, rng = Collate(ask.opened, ask.answers, np.ones(2), ask.pad_id), np.random.default_rng(7)
    sizes = (1 + patches(config), image_width(config)), (2, feature_size(config))

    def clip(number: int) -> Clip:
        tokens, features = (torch.from_numpy(rng.normal(size=size).astype(np.float32)) for size in sizes)
        return Clip(tokens.half(), features, number % 2)

    for checkpointing in (True, False):
        recipe = chosen_recipe("corrected", {"gradient_checkpointing": checkpointing})
        model = base_model(
            source, recipe, lora="new", layout="fork", dtype="bfloat16", device=settings.device, quantize=None
        ).train()
        optimiser = torch.optim.AdamW(list(model.trained().values()), lr=1e-5)
        for clips in TOGETHER:
            batch = {name: one.to(settings.device) for name, one in collate([clip(n) for n in range(clips)]).items()}
            _reset(settings)
            times = []
            for _ in range(settings.warm_up + settings.rounds):
                started = time.perf_counter()
                with torch.autocast(settings.device.partition(":")[0], torch.bfloat16):
                    loss = model(**batch)["loss"]
                loss.backward()
                optimiser.step()
                optimiser.zero_grad()
                _wait(settings)
                times.append(time.perf_counter() - started)
            seconds = float(np.median(times[settings.warm_up :]))
            yield measured(
                f"a step of {clips} clips, bfloat16, {'' if checkpointing else 'no '}checkpointing",
                ms_a_clip=seconds / clips * 1e3, clips_a_second=clips / seconds, gb=_peak(settings),
            )  # fmt: skip
        del model, optimiser


def _reset(settings: Settings) -> None:
    import torch

    if settings.device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(settings.device)


def _wait(settings: Settings) -> None:
    import torch

    if settings.device != "cpu":
        torch.cuda.synchronize(settings.device)


def _peak(settings: Settings) -> float:
    """Gigabytes at the peak; 0 on a CPU, where nobody counts them."""
    import torch

    return 0.0 if settings.device == "cpu" else torch.cuda.max_memory_allocated(settings.device) / 1e9
