"""What a run is told: where it computes, with which model, and how much of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Passed to every process as JSON.

    device: "cuda", "cuda:0", ... or "cpu". model: as `open_model` takes it. readers: processes that decode, None for as
    many as `extract` chooses. scratch: a folder that is removed at the end.
    """

    device: str
    model: str
    readers: int | None
    scratch: str

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Number types that times are measured in: what is computed in by itself, and the fastest."""
        return ("auto", "float16") if self.on_gpu else ("auto",)

    @property
    def batches(self) -> tuple[int, ...]:
        """Clips together in the times of a stage."""
        return (1, 4, 16, 32) if self.on_gpu else (1, 4)

    @property
    def together(self) -> int:
        """Clips together where one number of them is enough."""
        return 16 if self.on_gpu else 4

    @property
    def rounds(self) -> int:
        return 5 if self.on_gpu else 2

    @property
    def warm_up(self) -> int:
        """Calls before those that are timed: after one, an H100 still took twice as long now and then."""
        return 3 if self.on_gpu else 1

    @property
    def chain_rows(self) -> int:
        """Clips of a run of `extract`: some seconds of a large GPU."""
        return 192 if self.on_gpu else 8

    @property
    def video_rows(self) -> int:
        return 192 if self.on_gpu else 2

    @property
    def detection_batches(self) -> tuple[int, ...]:
        """Pictures in which faces are found together."""
        return (1, 4, 16, 64) if self.on_gpu else (1, 2)

    @property
    def detection_pictures(self) -> int:
        """Pictures of each size whose faces are compared with OpenCV's."""
        return 40 if self.on_gpu else 4

    @property
    def detection_clips(self) -> int:
        """Clips of each reader, beside the one with which it starts."""
        return 4 if self.on_gpu else 1

    def folder(self, name: str) -> Path:
        """A folder of this run for a step."""
        folder = Path(self.scratch) / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Settings:
        return cls(**json.loads(text))
