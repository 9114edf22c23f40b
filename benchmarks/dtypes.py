"""How far other number types stray from float32: `python -m benchmarks.dtypes [--device cpu]`.

On the small recorded models of tests/golden: three clips through the public transforms, each column relative to the
spread (standard deviation) of its float32 values. One JSON line a column and type: the largest and the root-mean-square
deviation, and the smallest cosine of a vector with its float32 one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from emollama_hf import EmoLlamaEmbed, FaceMAEEmbed, VideoMAEEmbed
from tests.encoders import golden

DTYPES = ("float32", "float16-mixed", "bfloat16", "float16")


def main() -> None:
    """Convert the recorded checkpoints, then compute each column in each type."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    with tempfile.TemporaryDirectory() as name:
        model = golden.convert_golden(Path(name) / "model")
        values = {dtype: columns(model, dtype, device) for dtype in DTYPES}
    for column, exact in values["float32"].items():
        for dtype in DTYPES[1:]:
            print(
                json.dumps(
                    {"column": column, "dtype": dtype, "device": device, **deviation(exact, values[dtype][column])}
                )
            )


def columns(model: Path, dtype: str, device: str) -> dict[str, np.ndarray]:
    """What the three transforms make of the recorded clips, each from the vectors of those before it, in one type."""
    options: dict[str, Any] = {"dtype": dtype, "device": device}
    rows: dict[str, Any] = {"facemae_frames": [], "videomae_frames": [], "peak_frame": []}
    for clip in golden.CLIPS:
        frames, recorded = golden.frames(clip), golden.outputs(f"{clip}/vision")
        rows["facemae_frames"].append(frames[recorded["facemae_indices"]])
        rows["videomae_frames"].append(frames[recorded["videomae_indices"]])
        rows["peak_frame"].append(golden.peak_frame(clip))
    for stage in (FaceMAEEmbed(model, **options), VideoMAEEmbed(model, **options)):
        rows[stage.makes[0]] = stage(rows)[stage.makes[0]]
    states = EmoLlamaEmbed(model, store_dtype="float32", **options)(rows)["emollama"]
    return {"facemae": rows["facemae"], "videomae": rows["videomae"], "emollama": states}


def deviation(exact: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Relative to the spread of `exact`; cosines along the last axis."""
    difference = np.abs(other.astype(np.float64) - exact)
    cosine = (exact * other).sum(-1) / (np.linalg.norm(exact, axis=-1) * np.linalg.norm(other, axis=-1))
    return {
        "largest": float(f"{difference.max() / exact.std():.2g}"),
        "rms": float(f"{np.sqrt((difference**2).mean()) / exact.std():.2g}"),
        "smallest_cosine": round(float(cosine.min()), 6),
    }


if __name__ == "__main__":
    main()
