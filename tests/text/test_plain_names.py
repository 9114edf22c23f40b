"""Names from outside: those that are accepted stay where they are put, on every system."""

from __future__ import annotations

import ntpath
import os
import posixpath

import pytest
from hypothesis import given

from emollama_hf.text.plain_names import name_fault, path_fault, revision_fault
from tests.paths import any_name


@given(any_name)
def test_an_accepted_name_is_one_name_on_every_system(name: str) -> None:
    if name_fault(name) is None:
        for system in (posixpath, ntpath):
            assert system.basename(name) == name
            assert system.dirname(system.normpath(system.join("root", name))) == "root"
        assert name == name.strip()
        assert name.isascii()
        assert name.isprintable()


@given(any_name)
def test_an_accepted_path_stays_below_its_root(path: str) -> None:
    if path_fault(path) is None:
        assert os.path.normpath(f"root/{path}") == f"root/{path}"
        assert not ntpath.splitdrive(path)[0]
        assert all(name_fault(part) is None for part in path.split("/"))


@pytest.mark.parametrize("name", ["a", "A_1", "model-00001-of-00002.safetensors", "1.0", "_x", "a..b"])
def test_ordinary_names_are_accepted(name: str) -> None:
    assert name_fault(name) is None
    assert path_fault(f"{name}/{name}") is None


@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/1", "refs/convert/parquet", "0" * 40, "feature/x+y"])
def test_ordinary_revisions_are_accepted(revision: str) -> None:
    assert revision_fault(revision) is None


@pytest.mark.parametrize("revision", ["", "..", "a/../b", "/a", "a/", "a//b", ".a", "a.lock", "a..b", "a b", "a\n", 1])
def test_what_git_refuses_is_no_revision(revision: object) -> None:
    assert revision_fault(revision) is not None
