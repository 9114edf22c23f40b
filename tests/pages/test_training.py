"""docs/training.md, typed from its first command to its last, with fewer people."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.hub import hub
from tests.pages.reader import Reader, reading_in

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "training.md"
REPLACED = {
    "corpus('training-clips', movement=3)": "corpus('training-clips', 8, 2)",
    "--epochs 4": "--max-steps 2",
}
NOT_RUN = {"pip install '.[train]'": "nothing is installed by a test"}


def test_every_command_runs(tmp_path: Path) -> None:
    world = tmp_path / "world"
    world.mkdir()
    reader = Reader(CHECKOUT, REPLACED, NOT_RUN)
    with reading_in(world), hub() as server:
        reader.read(PAGE)
        reader.run_on_hub(server, tmp_path / "home")
        assert server.repo("org/mindwandering-adapter").private
    assert len(pd.read_parquet(world / "finetuned" / "predictions.parquet")) == 16
    assert (world / "trained-features" / "provenance.json").is_file()
