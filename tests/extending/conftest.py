"""Packages outside of emollama_hf, put on the path as if they were installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emollama_hf.stages import STAGES, known_stages

PACKAGE = Path(__file__).parent / "package"


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Put a folder of packages with their `.dist-info` on the path; the stages that are known are asked for anew."""

    def put_on_path(folder: Path) -> None:
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setattr(known_stages, "_is_loaded", False)

    built_in: dict[str, Any] = {
        "_stages": {stage.name: stage for stage in STAGES},
        "_origins": dict.fromkeys(STAGES, known_stages.BUILT_IN),
        "_makers": {name: stage for name, stage in known_stages._makers.items() if stage in STAGES},
        "_broken": {},
        "_is_loaded": True,
    }
    for name, value in built_in.items():
        monkeypatch.setattr(known_stages, name, value)
    return put_on_path


@pytest.fixture
def installed(install: Callable[[Path], None]) -> Path:
    """The package `face_brightness`, which adds the stage "brightness"."""
    install(PACKAGE)
    return PACKAGE
