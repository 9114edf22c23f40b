"""Versions that are recorded with what they made."""

from __future__ import annotations

from importlib.metadata import version

from emollama_hf.feature_set.run_description import made_with, merged


def test_the_libraries_that_decide_values_are_recorded() -> None:
    libraries = made_with([])["libraries"]
    for name in ("av", "datasets", "numpy", "pillow", "pyarrow", "timm", "torch", "transformers"):
        assert libraries[name] == version(name)
    assert "bitsandbytes" not in libraries, "nothing was quantized"


def test_where_runs_differ_all_versions_that_took_part_are_named() -> None:
    several = [
        {"emollama_hf": "0.1", "python": "3.11", "libraries": {"torch": "2.9", "av": "17"}},
        {"emollama_hf": "0.1", "python": "3.12", "libraries": {"torch": "2.10"}},
    ]
    assert merged(several) == {
        "emollama_hf": "0.1",
        "python": "3.11, 3.12",
        "libraries": {"av": "17", "torch": "2.10, 2.9"},
    }
