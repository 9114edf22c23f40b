"""Clips as the pages make them, in a tenth of their length."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _short_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page runs the whole chain a dozen times, and most of that is looking for faces in each frame."""
    monkeypatch.setattr("emollama_hf.frames.demo_clips._FRAMES", 8)
