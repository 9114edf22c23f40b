"""A family of weights of another package: random, from a directory of its own, extracted, pushed, verified, shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, load_dataset
from safetensors.torch import save_file

import emollama_hf
from emollama_hf import encoders
from emollama_hf.sharing.verify import verify
from tests.commands.command_line import run_fresh
from tests.extraction.crops import OPTIONS
from tests.sharing.labs import rows

PACKAGE = Path(__file__).parent / "package_with_weights"
CROPS = [np.full((2, 8, 8, 3), value, np.uint8) for value in (51, 102)]


@pytest.fixture
def tone(install: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch) -> type[emollama_hf.Stage]:
    monkeypatch.setattr(encoders, "_known", dict(encoders._known))
    for name in [name for name in sys.modules if name.partition(".")[0] == "face_tone"]:
        monkeypatch.delitem(sys.modules, name)
    install(PACKAGE)
    from face_tone import ToneEmbed

    return ToneEmbed


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Weights as docs/extending.md says where they lie."""
    folder = tmp_path / "my-model" / "tone"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"width": 4}))
    weight = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    save_file({"projection.weight": weight, "projection.bias": torch.zeros(4)}, folder / "model.safetensors")
    return folder.parent


def test_it_goes_into_map(tone: type[emollama_hf.Stage], directory: Path) -> None:
    found = Dataset.from_dict({"facemae_frames": CROPS}).map(tone(str(directory)), batched=True)["tone"]
    np.testing.assert_allclose(found, [[0.2, 0.2, 0.2, 0.6], [0.4, 0.4, 0.4, 1.2]], atol=1e-6)
    assert np.shape(tone("random-tiny")({"facemae_frames": CROPS})["tone"]) == (2, 8)


def test_it_is_extracted_pushed_and_verified(tone: type[emollama_hf.Stage], directory: Path, tmp_path: Path) -> None:
    clips = rows(tmp_path / "clips", 1, 2)
    options = {**OPTIONS, "model": str(directory)}
    first = emollama_hf.extract(clips, stages=["tone_embed"], out=tmp_path / "features", **options)
    again = emollama_hf.extract(clips, stages=["tone_embed"], out=tmp_path / "features", **options)
    assert first["tone"][:] == again["tone"][:]
    emollama_hf.push(str(tmp_path / "features"), str(tmp_path / "shared"))
    shared = load_dataset(str(tmp_path / "shared"), split="train")
    assert sorted(shared["tone"]) == sorted(first["tone"])
    done = verify(str(tmp_path / "features"), clips, sample=2, model=str(directory))
    assert done.holds
    assert len(done.rows) == 2


def test_info_and_doctor_know_it(directory: Path, tmp_path: Path) -> None:
    path = ":".join([str(PACKAGE), *filter(None, sys.path)])
    assert "(4,) a clip" in run_fresh("info", str(directory), PYTHONPATH=path).stdout
    told = run_fresh("doctor", PYTHONPATH=path).stdout
    assert "tone_embed" in told
