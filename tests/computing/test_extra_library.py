"""Libraries of an extra: imported when they are used, one sentence where they are missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from emollama_hf.computing.extra_library import check_extra_library, extra_library
from emollama_hf.errors import MissingLibraryError


def test_a_library_that_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    assert extra_library("json.decoder", extra="probe", purpose="a test").__name__ == "json.decoder"
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # how Python marks what is not to be imported
    with pytest.raises(MissingLibraryError, match=r"a figure needs matplotlib.*pip install 'emollama_hf\[probe\]'"):
        extra_library("matplotlib.figure", extra="probe", purpose="a figure")


def test_a_library_that_lacks_one_of_its_own_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_a_library.py").write_text("import something_that_nobody_has")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="something_that_nobody_has"):
        extra_library("half_a_library", extra="probe", purpose="a test")


def test_a_check_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_library.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    check_extra_library("slow_library", extra="train", purpose="a test")
    assert "slow_library" not in sys.modules
    with pytest.raises(MissingLibraryError, match=r"a test needs no_library.*pip install 'emollama_hf\[train\]'"):
        check_extra_library("no_library", extra="train", purpose="a test")
