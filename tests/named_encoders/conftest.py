from __future__ import annotations

import pytest

from emollama_hf.stages import known_stages


@pytest.fixture(autouse=True)
def _known_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns that a test names are no computed ones in the next test."""
    for registry in ("_stages", "_origins", "_makers"):
        monkeypatch.setattr(known_stages, registry, dict(getattr(known_stages, registry)))
