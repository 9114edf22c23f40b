"""Hub ids are OWNER/NAME."""

from __future__ import annotations

import pytest

from emollama_hf.text.hub_id import is_hub_id


@pytest.mark.parametrize("text", ["a/b", "meta-llama/Llama-2-7b-chat-hf", "_x/y.z", "ä/1"])
def test_hub_ids(text: str) -> None:
    assert is_hub_id(text)


@pytest.mark.parametrize("text", ["", "a", "a/", "/a", "./a", "a/.b", "-a/b", "a/b/c", "a/b@main", "hf://a/b", "a/b\n"])
def test_what_is_no_hub_id(text: str) -> None:
    assert not is_hub_id(text)
