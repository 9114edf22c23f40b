"""The types that docs/extending.md says of each built-in column, wherever the values come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Value

import emollama_hf
from emollama_hf.frames.demo_clips import write_demo_clips

SIZES: dict[str, Any] = {"peak": "middle", "size": 32, "num_frames": 2, "pooling": "mean"}
PICTURES = ("facemae_frames", "videomae_frames", "peak_frame")
TYPES = {
    "facemae_frames": "uint8 4", "videomae_frames": "uint8 4", "face_boxes": "float32 2", "face_scores": "float32 1",
    "peak_index": "int", "clip_frame_count": "int", "clip_fps": "float", "clip_duration_s": "float",
    "face_coverage": "float", "facemae": "float32 1", "videomae": "float32 1", "hubert": "float32 1",
    "has_audio": "bool", "emollama": "float16 1",
}  # fmt: skip


class Seen(emollama_hf.Stage):
    """The types of what it reads."""

    name, version, inputs = "seen", 1, ("peak_frame", *TYPES)

    def outputs(self) -> dict[str, emollama_hf.Column]:
        return {"seen": emollama_hf.Column(Value("string"), "types of the other columns")}

    def prepare(self, row: Any) -> str:
        return ", ".join(f"{name} {described(row[name])}" for name in self.inputs)

    def compute(self, items: list[str]) -> list[dict[str, str]]:
        return [{"seen": item} for item in items]


def described(value: Any) -> str:
    return f"{value.dtype} {value.ndim}" if isinstance(value, np.ndarray) else type(value).__name__


def expected(peak_frame: str) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in {"peak_frame": peak_frame, **TYPES}.items())


@pytest.fixture
def clips(tmp_path: Path, install: Callable[..., None]) -> Dataset:
    emollama_hf.register(Seen)
    return Dataset.from_dict({"video": [str(write_demo_clips(tmp_path / "clips")[0])]})


def test_columns_have_the_types_of_the_page(clips: Dataset, tmp_path: Path) -> None:
    options: dict[str, Any] = {"out": tmp_path / "out", "keep": PICTURES, **SIZES}
    stages = ["hubert_embed", "emollama_embed"]
    computed = emollama_hf.extract(clips, "random-tiny", stages=stages, **options)
    [row] = emollama_hf.extract(clips, "random-tiny", stages=[*stages, "seen"], **options)["seen"]
    assert row == expected("uint8 3"), "of the work store"
    [row] = emollama_hf.extract(clips, "random-tiny", stages=[*stages, "seen"], **SIZES)["seen"]
    assert row == expected("Image"), "of the stages before"
    [row] = computed.map(Seen(), batched=True)["seen"]
    assert row == expected("dict"), "of a data set"


def test_an_option_that_is_a_tuple_is_no_other_setting(
    clips: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        emollama_hf.extract(clips, "random-tiny", stages=["hubert_embed"], out=tmp_path / "out")
    assert "made otherwise" not in caplog.text
    emollama_hf.extract(clips, "random-tiny", stages=["hubert_embed"], out=tmp_path / "out", existing="add")
