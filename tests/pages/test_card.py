"""The card's own snippet, of sets with failed clips, gives batches to a DataLoader."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from emollama_hf import extract, push
from emollama_hf.feature_set.opening import ANYWHERE
from tests.extraction.crops import OPTIONS
from tests.pages.blocks import blocks
from tests.sharing.labs import rows


@pytest.mark.parametrize("pooling", ["all", "mean"])
def test_the_snippet_feeds_a_data_loader(pooling: str, tmp_path: Path) -> None:
    ds = rows(tmp_path / "clips", 1, 2, 3, 4)
    (tmp_path / "clips" / "2.npy").unlink()
    extract(ds, "random-tiny", out=tmp_path / "features", pooling=pooling, **OPTIONS)
    push(tmp_path / "features", tmp_path / "shared")
    push(tmp_path / "features", tmp_path / "two", config_name="first")
    push(tmp_path / "features", tmp_path / "two", config_name="second")
    for place in ("features", "shared", "two"):
        page = (tmp_path / place / "README.md").read_text()
        [snippet] = [block.code for block in blocks(page) if block.language == "python"]
        names: dict[str, object] = {}
        exec(snippet.replace(ANYWHERE, str(tmp_path / place)), names)
        [batch] = DataLoader(names["ds"], batch_size=4)  # type: ignore[arg-type, var-annotated]
        assert {"facemae", "videomae", "emollama", "mw_label", "test_fold_num"} <= batch.keys()
        assert len(batch["emollama"]) == 3
        assert all(torch.is_tensor(column) and not column.isnan().any() for column in batch.values())
