"""`extract` against the time in which its networks compute."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.gating.clock import undisturbed
from benchmarks.gating.models import shallow_model
from benchmarks.gating.ratio import Measurement, Ratio, Round

ROWS = 8

EXTRACT = Ratio(
    "extract",
    "extract of given crops, the folder of hidden states included, to the time its networks compute",
    "emollama_hf/engines/ and emollama_hf/extraction/",
)


@contextmanager
def open_extract(folder: Path) -> Iterator[Round]:
    """A process of its own: this one holds other models, and a process keeps one of each network."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:

        def one_round() -> tuple[float, float]:
            return process.submit(extract_once, folder / "out", ROWS).result()

        one_round()
        yield lambda: {EXTRACT.name: one_round()}


def extract_once(out: Path, rows: int) -> tuple[float, float]:
    """Seconds of one `extract` into a new folder, and of its networks within them."""
    from emollama_hf import extract

    networks, ds = _prepared(rows)
    networks.seconds = 0.0
    start = undisturbed()
    extract(ds, shallow_model(), out=out)
    total = undisturbed() - start
    shutil.rmtree(out)  # the work store lies in it, too
    return total, networks.seconds


class _Networks:
    """Adds up how long networks compute, one after the other in one thread."""

    def __init__(self, networks: list[Any]) -> None:
        self.seconds = 0.0
        self._began = 0.0
        for network in networks:
            network.register_forward_pre_hook(self._begin)
            network.register_forward_hook(self._end)

    def _begin(self, *_: Any) -> None:
        self._began = undisturbed()

    def _end(self, *_: Any) -> None:
        self.seconds += undisturbed() - self._began


@cache
def _prepared(rows: int) -> tuple[_Networks, Any]:
    """The loaded networks and the data set."""
    import torch
    from datasets import disable_progress_bars

    from benchmarks.crop_rows import given_crops
    from emollama_hf.stages import EmoLlamaEmbed, FaceMAEEmbed, VideoMAEEmbed

    torch.set_num_threads(1)
    disable_progress_bars()
    model = shallow_model()
    networks = [stage(model).model() for stage in (FaceMAEEmbed, VideoMAEEmbed, EmoLlamaEmbed)]
    return _Networks(networks), given_crops(rows)


MEASUREMENTS = (Measurement((EXTRACT,), open_extract),)
