"""From a folder of clips to out-of-fold predictions: what is planted is found, and nothing in shuffled labels."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import emollama_hf
from emollama_hf.demo import Corpus, corpus

OPTIONS: dict[str, Any] = {
    "label": "mw_label", "group": "participant_id", "fold_column": "test_fold_num", "fold": "all", "epochs": 16,
    "learning_rate": 2e-2, "batch_size": 8, "accumulation": 1, "lora_rank": 4, "gradient_checkpointing": False,
    "target_texts": {"MW": "mw", "NonMW": "ok"},
}  # fmt: skip


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """48 clips of eight people: the lamp is bright in those that are MW, and nothing else tells them apart."""
    return corpus(tmp_path_factory.mktemp("planted") / "clips", participants=8, clips=6, movement=0, light=3.0)


def auc(made: Corpus, labels: Path, out: Path) -> Any:
    """The interval of AUC-ROC of the corrected recipe, on people that were held out."""
    folder = made.labels.parent
    work = folder.with_name("work")  # the second training finds what the first has computed of the clips
    done = emollama_hf.finetune(folder, "random-tiny", out, labels=labels, work=work, **OPTIONS)
    assert done.report is not None
    assert len(done.report.rows) == 48
    return done.report.scores["emotion_llama (corrected)"].intervals["auc_roc"]


def test_the_planted_signal_is_found(clips: Corpus, tmp_path: Path) -> None:
    found = auc(clips, clips.labels, tmp_path / "out")
    assert found.value > 0.75
    assert found.low > 0.6


def test_nothing_is_found_in_shuffled_labels(clips: Corpus, tmp_path: Path) -> None:
    with clips.labels.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rng = np.random.default_rng(1)
    for person in sorted({row["participant_id"] for row in rows}):  # each keeps its number of MW
        own = [row for row in rows if row["participant_id"] == person]
        for row, label in zip(own, rng.permutation([row["mw_label"] for row in own]), strict=True):
            row["mw_label"] = str(label)
    shuffled = tmp_path / "shuffled.csv"
    with shuffled.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    found = auc(clips, shuffled, tmp_path / "out")
    assert found.low < 0.5
    assert found.value < 0.7


def test_a_folder_without_its_table_is_told_of_it(clips: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no such column.*without a table of labels.*--labels"):
        emollama_hf.finetune(clips.labels.parent, "random-tiny", tmp_path / "out", **OPTIONS)
