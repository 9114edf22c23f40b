"""Predictions of memory are those that were recorded: what a run is planned with does not move unnoticed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emollama_hf.checkpoints import open_model
from emollama_hf.checkpoints.memory import predict

#: "MODEL PARTS DTYPE QUANTIZE clips=N DEVICE" to bytes of weights, of those shared, activations and libraries.
RECORDED: dict[str, list[int]] = json.loads((Path(__file__).parent / "predictions.json").read_text())


@pytest.mark.parametrize("model", ["random-tiny", "random-full"])
def test_predictions_are_as_recorded(model: str) -> None:
    source = open_model(model)
    found = {}
    for run in RECORDED:
        name, parts, dtype, quantize, clips, device = run.split()
        if name == model:
            one = predict(
                source,
                parts.split("+"),  # type: ignore[arg-type]
                dtype=dtype,  # type: ignore[arg-type]
                quantize=None if quantize == "None" else quantize,  # type: ignore[arg-type]
                clips=int(clips.removeprefix("clips=")),
                cuda=device == "cuda",
            )
            found[run] = [one.weights, one.shared, one.activations, one.libraries]
    assert found == {run: bytes_ for run, bytes_ in RECORDED.items() if run.startswith(f"{model} ")}
