"""What the decoder's answers cost at real width, for `benchmarks.encoders`: each against what it cannot do without.

    generating   20 pieces for 8 clips   to their matrix products and attention calls alone, recorded on the way (1.15);
                                         also with prompts of different lengths, and the pieces behind the prompt apart
    likelihood   of nine labels          to one forward pass of the prompts (1.3)
    both         hidden states and an    to the hidden states and an answer from the prompts' embeddings, which is one
                 answer of the same      more decoder pass and the pieces (1.05). EVA is computed once
                 clips

Two layers of each network, and random ids as prompts, since random-full's tokenizer knows one prompt only. What is
compared takes turns within one process. On a CPU seconds are processor time, of all threads; on a GPU, the clock.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.peak import device_name, synchronise
from benchmarks.products import Call, Recording, recorder

#: What is measured, and the ratio that it may cost.
LIMITS = {"generating": 1.15, "likelihood": 1.3, "both": 1.05}
MODEL, LAYERS = "random-full-shallow", 2
CLIPS, PIECES = 8, 20
#: How many pieces each of the original's nine labels has in Llama-2's vocabulary, or more.
LABEL_PIECES = (1, 1, 1, 2, 2, 2, 1, 2, 1)
_END = 2


def measure(what: str, dtype: str, device: str, clips: int | None, rounds: int) -> Iterator[dict[str, Any]]:
    """The lines of one of `LIMITS`."""
    import torch

    asked = _Asked(dtype, device, clips or CLIPS)
    with torch.inference_mode():
        for name, medians in _MEASUREMENTS[what](asked, rounds):
            yield {
                "stage": name,
                "dtype": dtype,
                "device": device_name(device),
                "clips": asked.clips,
                "seconds": round(medians[0], 3),
                "seconds_of_the_least": round(medians[1], 3),
                "ratio": round(medians[0] / medians[1], 3),
                "limit": LIMITS[what],
            }


class _Asked:
    """The network, its head, and prompts of random ids."""

    def __init__(self, dtype: str, device: str, clips: int) -> None:
        from emollama_hf import EmoLlamaEmbed, EmotionPredict

        options: dict[str, Any] = {"dtype": dtype, "device": device, "batch_size": clips}
        self.embed = EmoLlamaEmbed(_shallow_model(), **options)
        self.predict = EmotionPredict(MODEL, max_new_tokens=PIECES, **options)
        self.network = self.embed.model()
        self.language_model = self.predict.language_model(self.network)
        self.device, self.clips = device, clips
        rng = np.random.default_rng(17)
        vocabulary = self.network.config.text_config.vocab_size
        self.labels = [rng.integers(3, vocabulary, count).tolist() for count in LABEL_PIECES]
        self.watched = tuple(sorted({piece for label in self.labels for piece in label}))

    def items(self, seed: int) -> list[Any]:
        """Clips that nothing is remembered of, with the prompt for hidden states, of random pixels."""
        from emollama_hf.stages.decoder_stage import DecoderInput

        rng, config = np.random.default_rng(seed), self.network.config
        shape = (config.image_size, config.image_size, 3)
        return [
            DecoderInput(
                rng.integers(0, 256, shape, np.uint8),
                rng.standard_normal((2, config.feature_size), np.float32),
                self.embed.prompt(),
            )
            for _ in range(self.clips)
        ]

    def prompts(self, *, shorter_by: int = 0) -> list[Any]:
        """Embeddings of random ids, each row shorter than the one before it."""
        import torch

        generator = torch.Generator().manual_seed(3)
        vocabulary, length = self.network.config.text_config.vocab_size, self.embed.prompt().length
        ids = torch.randint(3, vocabulary, (self.clips, length), generator=generator)
        embedded = self.network.language_model.embed_tokens(ids.to(self.network.device))
        return [row[: length - number * shorter_by] for number, row in enumerate(embedded)]

    def generate(self, prompts: list[Any]) -> None:
        from emollama_hf.encoders.emotion_llama.generation import generate

        answers = generate(
            self.language_model, prompts, max_new_tokens=PIECES, eos_id=_END, pad_id=0, watched=self.watched
        )
        _whole(answers)


def _shallow_model() -> str:
    from emollama_hf.checkpoints.random_model import RANDOM_MODELS
    from emollama_hf.encoders import full_sizes

    config = copy.deepcopy(full_sizes())
    config["emotion_llama"]["text_config"]["num_hidden_layers"] = LAYERS
    config["emotion_llama"]["vision_config"]["num_hidden_layers"] = LAYERS
    RANDOM_MODELS[MODEL] = lambda: config
    return MODEL


def _whole(answers: list[Any]) -> None:
    if any(len(answer.ids) != PIECES for answer in answers):  # one of 32,000 pieces ends an answer
        raise RuntimeError("an answer of the random weights ended early: its time would be of fewer pieces")


Medians = tuple[float, float]


def _generating(asked: _Asked, rounds: int) -> Iterator[tuple[str, Medians]]:
    for name, shorter_by in (("generating", 0), ("generating, lengths differ", 3)):
        prompts = asked.prompts(shorter_by=shorter_by)
        recording = Recording(part="prompt")
        with recorder(recording), _before_pieces(asked, lambda r=recording: setattr(r, "part", "pieces")):
            asked.generate(prompts)
        calls = {part: [one for one in recording.calls if one.part == part] for part in ("prompt", "pieces")}
        whole, alone = [], []
        for _ in range(rounds):
            marks: list[float] = []
            with _before_pieces(asked, lambda m=marks: m.append(_now(asked.device))):
                started = _now(asked.device)
                asked.generate(prompts)
                ended = _now(asked.device)
            whole.append((marks[0] - started, ended - marks[0]))
            alone.append(tuple(_seconds(lambda c=calls[part]: _again(c), asked.device) for part in calls))
        both = [statistics.median(map(sum, times)) for times in (whole, alone)]
        yield name, (both[0], both[1])
        pieces = [statistics.median(one[1] for one in times) for times in (whole, alone)]
        yield f"{name}: pieces after the first", (pieces[0], pieces[1])


@contextmanager
def _before_pieces(asked: _Asked, do: Callable[[], Any]) -> Iterator[None]:
    """While it lasts, `do` is called before the decoder's second pass."""
    passes = 0

    def count(*_: Any) -> None:
        nonlocal passes
        passes += 1
        if passes == 2:
            do()

    hook = asked.network.language_model.register_forward_pre_hook(count)
    try:
        yield
    finally:
        hook.remove()


def _likelihood(asked: _Asked, rounds: int) -> Iterator[tuple[str, Medians]]:
    import torch

    from emollama_hf.encoders.emotion_llama.likelihood import log_likelihoods

    prompts = asked.prompts()
    together = torch.stack(prompts)
    yield (
        "likelihood",
        _in_turns(
            lambda: log_likelihoods(asked.language_model, prompts, asked.labels),
            lambda: asked.network.language_model(inputs_embeds=together, use_cache=False),
            asked.device,
            rounds,
        ),
    )


def _both(asked: _Asked, rounds: int) -> Iterator[tuple[str, Medians]]:
    prompts = asked.prompts()
    seeds = iter(range(1_000))

    def both() -> None:
        items = asked.items(next(seeds))
        _computed(asked.embed.compute_together(items))
        with asked.predict.computing() as network:
            _whole(asked.predict.answers(network, items, watched=asked.watched))

    def least() -> None:
        _computed(asked.embed.compute_together(asked.items(next(seeds))))
        asked.generate(prompts)

    eva: list[int] = []
    hook = asked.network.vision_model.encoder.register_forward_hook(lambda *_: eva.append(1))
    both()
    hook.remove()
    if len(eva) != 1:
        raise RuntimeError(f"EVA was computed {len(eva)} times for hidden states and an answer")
    yield "both", _in_turns(both, least, asked.device, rounds)


def _computed(outcomes: list[Any]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


def _in_turns(first: Callable[[], Any], second: Callable[[], Any], device: str, rounds: int) -> Medians:
    """Medians of the seconds of both, which were called once before."""
    first(), second()
    times = [(_seconds(first, device), _seconds(second, device)) for _ in range(rounds)]
    return statistics.median(one for one, _ in times), statistics.median(other for _, other in times)


def _again(calls: list[Call]) -> None:
    for call in calls:
        call.again()


def _seconds(run: Callable[[], Any], device: str) -> float:
    started = _now(device)
    run()
    return _now(device) - started


def _now(device: str) -> float:
    if not device.startswith("cuda"):
        return time.process_time()
    synchronise(device)
    return time.perf_counter()


_MEASUREMENTS = {"generating": _generating, "likelihood": _likelihood, "both": _both}
