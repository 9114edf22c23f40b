"""Core-seconds of the frames stage by step, by timing the functions through which it enters each step.

The package itself measures nothing: the functions are replaced while a clip is timed, in both versions of the stage.
"""

from __future__ import annotations

import functools
import inspect
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

#: The steps in the order of a clip's way. What is in none of them is `REST`.
STEPS: dict[str, tuple[str, ...]] = {
    "index": (),  # opening the file, which `timed_steps` cannot replace: its caller says when
    "decode": ("emollama_hf.frames.video.decode:VideoClip.pictures",),
    "colours_and_sizes": (
        "emollama_hf.frames.video.as_shown:VideoPicture.rgb",
        "emollama_hf.frames.video.as_shown:VideoPicture.resized",
        "emollama_hf.frames.video.as_shown:VideoPicture.part",
        "emollama_hf.frames.working_picture:resized",
        "benchmarks.searched_everywhere.detect:scaled_bgr",
    ),
    "search": ("emollama_hf.frames.faces.face_network:OpenCvYunet.rows",),
    "expression": (
        "emollama_hf.frames.peak.expression:class_probabilities",
        "benchmarks.searched_everywhere.expression:class_probabilities",
    ),
}
REST = "rest"


class StepTimer:
    """Processor seconds by step; a step within another counts as itself and not as the other.

    seconds: by the name of the step.
    """

    def __init__(self, clock: Callable[[], float] = time.process_time) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._clock = clock
        self._open = [REST]
        self._since = clock()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._count()
        self._open.append(name)
        try:
            yield
        finally:
            self._count()
            self._open.pop()

    def _count(self) -> None:
        now = self._clock()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now


@contextmanager
def timed_steps() -> Iterator[StepTimer]:
    """A timer that runs within the block, and there sees every function of `STEPS`."""
    with ExitStack() as replaced:
        timer = StepTimer()
        for step, doors in STEPS.items():
            for door in doors:
                owner, name = _find(door)
                replaced.enter_context(patch.object(owner, name, _timed(getattr(owner, name), timer, step)))
        with timer.step(REST):
            yield timer


def _find(door: str) -> tuple[Any, str]:
    """What holds a function, and its name there. door: `module:function` or `module:Class.method`."""
    module, _, path = door.partition(":")
    *owners, name = path.split(".")
    owner: Any = functools.reduce(getattr, owners, import_module(module))
    if not hasattr(owner, name):
        raise AttributeError(f"{door} is not there any more. Name in STEPS what took its place.")
    return owner, name


def _timed(function: Callable[..., Any], timer: StepTimer, step: str) -> Callable[..., Any]:
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def items(*args: Any, **options: Any) -> Iterator[Any]:
            made = iter(function(*args, **options))
            try:
                while True:
                    with timer.step(step):  # what its caller does between two items is no part of it
                        try:
                            item = next(made)
                        except StopIteration:
                            return
                    yield item
            finally:
                made.close()

        return items

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        with timer.step(step):
            return function(*args, **options)

    return call
