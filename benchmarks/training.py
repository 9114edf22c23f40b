"""What a step of a training costs at real size, with image tokens that are kept and computed anew, and its memory.

    python -m benchmarks.training steps --dtype float32     # seconds of steps and of scoring, in turns, one process
    python -m benchmarks.training peak --dtype float32      # largest memory of this process, against the prediction

The decoder has the real widths and 4 layers of the 32 (`--layers`), and random weights; the image encoder is whole.
Steps are of two clips with gradient checkpointing, LoRA of rank 64. On a CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emollama_hf.checkpoints.random_model import RandomSource
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.emotion_llama.config_json import feature_size, image_size, image_width, patches
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer
from emollama_hf.stages.image_tokens import BEHIND_IMAGE_ENCODER
from emollama_hf.training.adapter_trainer import AdapterTrainer
from emollama_hf.training.base_model import base_model
from emollama_hf.training.clips import Clips, Collate
from emollama_hf.training.fold_training import train
from emollama_hf.training.prompting import PART, TASK, Prompting, prompting
from emollama_hf.training.recipe import Recipe, chosen_recipe
from emollama_hf.training.saved_states import states
from emollama_hf.training.scoring import score_by_likelihood
from emollama_hf.training.trainable import TrainableEmotionLlama
from emollama_hf.training.training_memory import TrainingPlan, predict_training, trained_values

BATCH = 2
#: The random tokenizer counts bytes: short, so that the prompt has about the positions of the published one.
INSTRUCTION = "mw or nonmw?"


class ShortDecoder(RandomSource):
    """`random-full` with fewer layers in its decoder."""

    def __init__(self, layers: int) -> None:
        super().__init__("random-full")
        self._layers = layers

    def config(self, part: str) -> Config:
        config = super().config(part)
        if part == PART:
            config["text_config"]["num_hidden_layers"] = self._layers
        return config

    def _own_tokenizer(self, part: str) -> PromptTokenizer:
        return find_encoder(part).random_tokenizer(any_text=True)


class Rows:
    """Stored image tokens and vectors of some clips, drawn."""

    def __init__(self, config: Config, clips: int) -> None:
        random = np.random.default_rng(0)
        shape = (clips, 1 + patches(config), image_width(config))
        self.kept = random.normal(size=shape).astype(np.float16)
        self.features = random.normal(size=(clips, 2, feature_size(config))).astype(np.float32)

    def tokens(self, row: int) -> np.ndarray:
        return self.kept[row].copy()


def setting(source: ShortDecoder, options: argparse.Namespace) -> tuple[Recipe, Prompting, TrainableEmotionLlama]:
    recipe = chosen_recipe(
        "corrected",
        {"batch_size": BATCH, "accumulation": 1, "gradient_checkpointing": not options.keep_activations,
         "epoch_chosen_by": "last", "max_steps": 2, "save_steps": 1},
    )  # fmt: skip
    asked = prompting(
        source, task=TASK, instruction=INSTRUCTION, chat_template=True, layout="fork", texts=("mw", "nonmw")
    )
    model = base_model(
        source, recipe, lora="new", layout="fork", dtype=options.dtype, device="cpu", quantize=options.quantize
    )
    return recipe, asked, model


def say(what: str, **values: Any) -> None:
    print(json.dumps({"what": what, **values}), flush=True)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    found = work()
    return round(time.perf_counter() - started, 2), found


def steps(options: argparse.Namespace) -> None:
    """Print the seconds of a step, of the image encoder for a batch, and of scoring a batch's two answers."""
    source = ShortDecoder(options.layers)
    _, asked, model = setting(source, options)
    config, products = source.config(PART), getattr(torch, options.dtype)
    rows = Rows(config, BATCH)
    clips = Clips(rows, np.arange(BATCH), np.arange(BATCH) % 2)
    collate = Collate(asked.opened, asked.answers, np.ones(2), asked.pad_id)
    encoder = source.load(PART, dtype=options.dtype, device="cpu", without=BEHIND_IMAGE_ENCODER)
    pixels = torch.randn(BATCH, 3, image_size(config), image_size(config))
    optimiser = torch.optim.AdamW(list(model.trained().values()), lr=1e-6)

    def step(tokens: torch.Tensor | None) -> None:
        batch = collate([clips[index] for index in range(BATCH)])
        if tokens is not None:
            batch["tokens"] = tokens
        with torch.autocast("cpu", products) if products != torch.float32 else nullcontext():
            loss = model(**batch)["loss"]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.trained().values(), 1.0)
        optimiser.step()
        optimiser.zero_grad()

    @torch.no_grad()
    def encode() -> torch.Tensor:
        tokens: torch.Tensor = encoder.ln_vision(encoder.image_tokens(pixels))
        return tokens

    model.train()
    for turn in range(options.repeats):
        kept, _ = timed(lambda: step(None))
        encoding, tokens = timed(encode)
        after, _ = timed(lambda found=tokens: step(found))
        scoring, _ = timed(
            lambda: score_by_likelihood(model, clips, asked.opened, asked.answers, batch_size=BATCH, products=products)
        )
        say(
            "step", dtype=options.dtype, layers=options.layers, threads=torch.get_num_threads(), turn=turn,
            load=round(os.getloadavg()[0], 1), positions=len(asked.opened) + max(map(len, asked.answers)),
            kept_s=kept, image_encoder_s=encoding, anew_s=round(encoding + after, 2),
            ratio=round((encoding + after) / kept, 2), scoring_s=scoring,
        )  # fmt: skip


def peak(options: argparse.Namespace) -> None:
    """Print the largest memory of a process that trains two steps, the prediction, and what a saved state costs."""
    source = ShortDecoder(options.layers)
    recipe, asked, model = setting(source, options)
    initial = model.trained_tensors()  # as `finetune` keeps them for the next fold
    config = source.config(PART)
    clips = Clips(Rows(config, 2 * BATCH), np.arange(2 * BATCH), np.arange(2 * BATCH) % 2)
    collate = Collate(asked.opened, asked.answers, np.ones(2), asked.pad_id)
    saving: list[float] = []
    save = AdapterTrainer._save_checkpoint

    def timed_save(trainer: AdapterTrainer, *arguments: Any) -> None:
        saving.append(timed(lambda: save(trainer, *arguments))[0])

    AdapterTrainer._save_checkpoint = timed_save  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        seconds, _ = timed(
            lambda: train(
                model, clips, None, collate, collate, recipe, folder=Path(folder), title="benchmark",
                dtype=options.dtype, device="cpu",
            )
        )  # fmt: skip
        state = list(states(Path(folder)).values())[-1]
        written = sum(path.stat().st_size for path in state.iterdir())
    pieces = max(map(len, asked.answers))
    plan = TrainingPlan(
        recipe, recipe.lora_rank, "fork", len(asked.opened) + pieces, pieces, "cpu", options.dtype, options.quantize
    )
    predicted = predict_training(source, plan)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    whole = trained_values(RandomSource("random-full").config(PART), recipe.lora_rank, "fork")
    say(
        "peak", dtype=options.dtype, layers=options.layers, quantize=options.quantize,
        checkpointing=recipe.gradient_checkpointing, threads=torch.get_num_threads(), seconds=seconds,
        measured_gb=round(int(status["VmHWM"].split()[0]) * 1024 / 1e9, 2), predicted_gb=round(predicted.peak / 1e9, 2),
        parts_gb=[round(one / 1e9, 2) for one in (predicted.weights, predicted.activations, predicted.libraries)],
        trained=sum(one.numel() for one in initial.values()), state_mb=round(written / 1e6, 1), saving_s=saving,
        trained_of_32_layers=whole,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measure", choices=["steps", "peak"])
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quantize", choices=["4bit", "8bit"])
    parser.add_argument("--keep-activations", action="store_true", help="without gradient checkpointing")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    (steps if options.measure == "steps" else peak)(options)


if __name__ == "__main__":
    main()
