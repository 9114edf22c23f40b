"""Clips as the pages make them, in a tenth of their length."""

from __future__ import annotations

import pytest

from emollama_hf import encoders
from emollama_hf.stages import known_stages


@pytest.fixture(autouse=True)
def _short_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page runs the whole chain a dozen times, and most of that is looking for faces in each frame."""
    monkeypatch.setattr("emollama_hf.frames.demo_clips._FRAMES", 8)


@pytest.fixture
def known_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page registers is known for the time of its test."""
    for module, names in ((known_stages, ("_stages", "_origins", "_makers")), (encoders, ("_known",))):
        for name in names:
            monkeypatch.setattr(module, name, dict(getattr(module, name)))
