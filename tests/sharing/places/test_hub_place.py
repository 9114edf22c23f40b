"""What a Hub repository says of errors; pushing to one is tested against a server of its own."""

from __future__ import annotations

import pytest
from datasets import Features

from emollama_hf.feature_set.manifest import FeatureConfig
from emollama_hf.sharing.places.hub_place import HubPlace, _first_line


def test_an_error_is_told_in_its_first_line_or_by_its_name() -> None:
    assert _first_line(OSError("\n  no route \nand more")) == "no route"
    assert _first_line(TimeoutError()) == "TimeoutError"
    assert _first_line(ValueError("two\n  lines")) == "two lines"
    upload = RuntimeError("upload failed.")
    upload.__cause__ = OSError("reset\nby peer")
    assert _first_line(upload) == "upload failed. reset"


@pytest.mark.parametrize(
    ("revision", "config", "opening"),
    [
        (None, "default", 'load_dataset("org/name", split="train")'),
        ("main", "default", 'load_dataset("org/name", split="train")'),
        ("v1", "default", 'load_dataset("org/name", split="train", revision="v1")'),
        ("v1", "first", 'load_dataset("org/name", "first", split="train", revision="v1")'),
    ],
)
def test_how_a_configuration_is_opened(revision: str | None, config: str, opening: str) -> None:
    place = HubPlace("org/name", revision)
    assert place.opening(config, FeatureConfig({}, Features(), {})) == opening
    assert place.title == "name"
