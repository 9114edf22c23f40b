"""The recorded checkpoints, converted once and opened the way a user opens a model directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.models import EmotionLlamaModel, FaceMAE, VideoMAE
from tests.encoders import golden


@pytest.fixture(scope="session")
def golden_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.convert_golden(tmp_path_factory.mktemp("golden") / "model")


@pytest.fixture(scope="session")
def source(golden_directory: Path) -> ModelSource:
    return open_model(golden_directory)


@pytest.fixture(scope="session")
def facemae(source: ModelSource) -> FaceMAE:
    return source.load("facemae")


@pytest.fixture(scope="session")
def videomae(source: ModelSource) -> VideoMAE:
    return source.load("videomae")


@pytest.fixture(scope="session")
def emotion_llama(source: ModelSource) -> EmotionLlamaModel:
    return source.load("emotion_llama")
