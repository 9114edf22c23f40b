"""What a package says that it offers is there."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import emollama_hf

PACKAGES = [
    "emollama_hf",
    *(one.name for one in pkgutil.walk_packages(emollama_hf.__path__, "emollama_hf.") if one.ispkg),
]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_that_a_package_offers_is_there(package: str) -> None:
    module = importlib.import_module(package)
    names = getattr(module, "__all__", ())
    assert [name for name in names if not hasattr(module, name)] == []
    assert len(set(names)) == len(names)
