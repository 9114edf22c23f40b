"""Where a feature data set can be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emollama_hf.store.destination import check_destination


def test_a_directory_whose_name_is_not_utf_8_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="out%FF: this name is not UTF-8"):
        check_destination(Path(os.fsdecode(os.fsencode(tmp_path) + b"/out\xff")), existing="error")
