"""LoRA's alpha and rank are said in several places: one value each, or an error that names the places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from emollama_hf import ModelError
from emollama_hf.cli import app
from emollama_hf.conversion.pickle_file import model_state, read_checkpoint
from emollama_hf.conversion.sources import open_sources
from emollama_hf.encoders.emotion_llama.lora_scale import lora_alpha
from emollama_hf.encoders.weight_source import option_flag
from tests.encoders import golden
from tests.encoders.golden import SOURCES, convert_golden

SIZES = {name: value for name, value in golden.MANIFEST["hyperparameters"].items() if name != "lora"}
SOURCE = open_sources({"emotion_llama": str(SOURCES["emotion_llama"])}, golden.configs(), Path())["emotion_llama"]
VALUES = st.sampled_from([1.0, 2, 16])


@given(st.lists(VALUES, max_size=2), st.dictionaries(st.sampled_from(["alpha", "lora_alpha"]), VALUES), st.booleans())
def test_all_places_agree_or_it_is_an_error(options: list[float], lora: dict[str, float], merged: bool) -> None:
    said = {*options, *lora.values(), *([2] if merged else [])}  # 2: the recorded checkpoint's own
    arguments = (options or None, {"lora": lora}, SOURCE if merged else None)
    if len(said) > 1:
        with pytest.raises(ModelError, match=r"LoRA alpha is given with different values: .*Give the training's"):
            lora_alpha(*arguments)
    else:
        assert lora_alpha(*arguments)[0] == (said.pop() if said else None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"lora_alpha": 16, "architecture": SIZES},
            r"16 \(--lora-alpha\), 2 \(--emotion-llama emotion_llama\.pth records",
        ),
        ({"architecture": {**SIZES, "lora": {"alpha": 4}}}, r"4 \(the architecture's lora\.alpha\), 2 \(--emotion"),
        (
            {"lora_alpha": 4, "llama": None, "architecture": {"lora": {"alpha": 2}}},
            r"4 \(--lora-alpha\), 2 \(the archi",
        ),
        ({"architecture": {**SIZES, "lora": {"r": 64}}}, r"factors have rank 8, but 64 \(the architecture's lora\.r\)"),
        ({"architecture": {**SIZES, "lora": {"alpha": 2, "r": -1}}}, r"section lora has r=-1"),
    ],
)
def test_contradictions_are_errors_and_nothing_is_written(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        convert_golden(tmp_path / "model", **changes)
    assert not list(tmp_path.iterdir())


def test_a_configuration_of_another_checkpoint(tmp_path: Path) -> None:
    checkpoint = dict(read_checkpoint(SOURCES["emotion_llama"]))
    config = {"model": {"lora_alpha": 2, "lora_r": 64}}
    torch.save({"model": model_state(checkpoint), "config": config}, tmp_path / "mixed.pth")
    with pytest.raises(ModelError, match=r"rank 8, but 64 \(config\.model\.lora_r in the file\) is said"):
        convert_golden(tmp_path / "model", emotion_llama=tmp_path / "mixed.pth", architecture=SIZES)


def test_the_command_line(tmp_path: Path) -> None:
    sources = [word for kind, path in SOURCES.items() for word in (option_flag(kind), str(path))]
    (tmp_path / "sizes.json").write_text(json.dumps(SIZES))
    command = ["convert", *sources, "--out", str(tmp_path / "model"), "--architecture", str(tmp_path / "sizes.json")]
    twice = CliRunner().invoke(app, [*command, "--lora-alpha", "2", "--lora-alpha", "16"])
    assert isinstance(twice.exception, ModelError)
    assert "2 (--lora-alpha), 16 (--lora-alpha)" in str(twice.exception)
    (tmp_path / "sizes.json").write_text('{"lora": {"alpha": 2, "alpha": 16}}')
    doubled = CliRunner().invoke(app, command)
    assert "alpha is named twice, with 2 and 16" in str(doubled.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["sizes.json"]
