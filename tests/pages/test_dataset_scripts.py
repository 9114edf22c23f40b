"""dataset_scripts/README.md, typed from top to bottom in a lab with four clips and their labels."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from datasets import Array2D, ClassLabel, Dataset, Features, List, Value

from emollama_hf import push
from emollama_hf.frames.demo_clips import write_demo_clips
from tests.pages.reader import Reader, reading_in

CHECKOUT = Path(__file__).parents[2]
REPLACED = {
    "--model emotion-llama-hf": "--model random-tiny",
    # A directory opens as a repository does: tests/sharing/test_loading.py.
    '"org/mindwandering-emollama"': '"shared-features"',
}
PEOPLE = 12


def prepare(world: Path) -> None:
    """A folder of clips with labels, and twelve rows that a colleague has shared: three folds, one clip failed."""
    (world / "clips").mkdir()
    recorded = write_demo_clips(world / "recorded")
    lines = ["participant_id,instance_gmt,uuid,mw_label,test_fold_num"]
    for number in range(4):
        shutil.copyfile(recorded[number % 2], world / "clips" / f"clip{number}.mp4")
        label = "MW" if number % 2 else "NonMW"
        lines.append(f"P{number},2026-01-0{number + 1} 10:00:00,clip{number},{label},{number % 2}")
    (world / "labels.csv").write_text("\n".join(lines) + "\n")
    numbers = np.random.default_rng(0)
    failed = [number == 5 for number in range(PEOPLE)]
    rows = {
        "uuid": [f"u{number}" for number in range(PEOPLE)],
        "facemae": [None if gone else numbers.normal(size=8) for gone in failed],
        "videomae": [None if gone else numbers.normal(size=8) for gone in failed],
        "emollama": [None if gone else numbers.normal(size=(12, 4)) for gone in failed],
        "mw_label": [number // 3 % 2 for number in range(PEOPLE)],
        "test_fold_num": [number % 3 for number in range(PEOPLE)],
        "face_coverage": [None if gone else 1.0 for gone in failed],
        "emollama_status": ["no_frames" if gone else "ok" for gone in failed],
        "emollama_error": ["a clip without frames" if gone else None for gone in failed],
    }
    vector = List(Value("float32"), length=8)
    features = Features(
        {
            "uuid": Value("string"), "facemae": vector, "videomae": vector, "emollama": Array2D((12, 4), "float16"),
            "mw_label": ClassLabel(names=["NonMW", "MW"]), "test_fold_num": Value("int64"),
            "face_coverage": Value("float32"), "emollama_status": Value("string"), "emollama_error": Value("string"),
        }
    )  # fmt: skip
    push(Dataset.from_dict(rows, features=features), world / "shared-features")


def test_every_block_runs_or_is_listed(tmp_path: Path) -> None:
    prepare(tmp_path)
    reader = Reader(CHECKOUT, REPLACED, {})
    with reading_in(tmp_path):
        reader.read(CHECKOUT / "dataset_scripts" / "README.md")
