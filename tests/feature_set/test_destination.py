"""Where a feature data set can be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emollama_hf.feature_set.destination import check_destination
from emollama_hf.work_store.work_store import INSIDE_OUT


def test_a_directory_whose_name_is_not_utf_8_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="out%FF: this name is not UTF-8"):
        check_destination(Path(os.fsdecode(os.fsencode(tmp_path) + b"/out\xff")), existing="error")


def test_a_directory_whose_work_store_has_just_been_begun_is_continued(tmp_path: Path) -> None:
    """Between the two steps in which it is made another run may look, or its maker be killed."""
    (tmp_path / "out" / INSIDE_OUT).mkdir(parents=True)
    assert check_destination(tmp_path / "out", existing="error") == tmp_path / "out"
    (tmp_path / "out" / INSIDE_OUT / "notes.txt").write_text("somebody's")
    with pytest.raises(FileExistsError, match="holds no feature data set"):
        check_destination(tmp_path / "out", existing="error")
