"""What rows and options alone show to be wrong is said before torch is imported and before clips are computed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.labelled import labelled

NAMED = ("--model", "random-tiny", "--label", "mw_label", "--group", "participant_id")
#: Runs the command line, and names what was imported that takes seconds.
PROGRAM = """
import sys
from emollama_hf.cli import main
try:
    main()
except SystemExit as ended:
    heavy = {"torch", "transformers", "peft", "accelerate", "timm", "matplotlib"} & set(sys.modules)
    print(ended.code, sorted(heavy))
"""
CASES = {
    "no data set": ("no-such-folder", (), "'no-such-folder' is no directory"),
    "a fold": ("rows", ("--fold-column", "test_fold_num", "--fold", "9"), "fold='9': there is no such fold"),
    "a weight": ("rows", ("--class-weight", "Away=3"), "class_weights: nothing for"),
    "an answer": ("rows", ("--target-text", "MW=a", "--target-text", "NonMW=ab"), "'a' begin those of 'ab'"),
    "a layout": ("rows", ("--layout", "sideways"), "layout='sideways' is unknown"),
    "a folder in use": ("rows", ("--out", "rows"), "rows is not empty and holds no training"),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_options_need_no_torch(case: str, tmp_path: Path) -> None:
    source, options, said = CASES[case]
    labelled(groups=8, rows_of_group=6, folds=2).save_to_disk(str(tmp_path / "rows"))
    told = [sys.executable, "-c", PROGRAM, "finetune", source, *NAMED, "--out", "out", *options]
    ran = subprocess.run(told, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said in ran.stderr
    assert ran.stdout.split("\n")[0] == "1 []"
    assert not (tmp_path / "out").exists()
