"""A stage of one's own beside those of the package: how much moves within the face. No model, no weights.

    python examples/movement_stage.py clips clips/labels.csv features

adds the column `movement` to the features of labelled clips: FaceMAE's and VideoMAE's vectors are computed, too, where
`features` lacks them. `labels.csv` has a column `file_name`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, List, Value

import emollama_hf

GRID = 4  # cells along each side of a crop


class Movement(emollama_hf.Stage):
    """Difference of consecutive face crops in each cell of a grid, relative to their brightness."""

    name = "movement"
    version = 1
    inputs = ("facemae_frames",)

    def outputs(self) -> dict[str, emollama_hf.Column]:
        kind = List(Value("float32"), length=GRID * GRID)
        return {"movement": emollama_hf.Column(kind, "log movement in 4 x 4 cells of the face", tolerance=1e-4)}

    def prepare(self, row: dict[str, Any]) -> np.ndarray:
        return np.asarray(row["facemae_frames"])

    def compute(self, items: list[np.ndarray]) -> list[dict[str, np.ndarray]]:
        return [{"movement": movement(crops)} for crops in items]


def movement(crops: np.ndarray) -> np.ndarray:
    """Log movement in each cell, (GRID * GRID,), of crops (T, H, W, 3) uint8."""
    grey = crops.mean(-1)
    changed = np.abs(np.diff(grey, axis=0)).mean(0) / max(grey.mean(), 1)  # a brighter lamp alone changes nothing
    side = len(changed) // GRID
    cells = changed[: side * GRID, : side * GRID].reshape(GRID, side, GRID, side).mean((1, 3))
    return np.log(cells + 1e-3).ravel()


def main() -> None:
    """Extract, and say how many clips have features."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="random-tiny", help="model directory or Hub id; random-tiny means nothing")
    asked = parser.parse_args()
    emollama_hf.register(Movement)
    ds = Dataset.from_csv(str(asked.labels))
    ds = ds.add_column("video", [str(asked.clips / name) for name in ds["file_name"]])
    stages = ["facemae_embed", "videomae_embed", "movement"]
    ds = emollama_hf.extract(ds, asked.model, stages=stages, out=asked.out)
    print(f"{ds['emollama_status'][:].count('ok')} of {len(ds)} clips have features")


if __name__ == "__main__":
    main()
