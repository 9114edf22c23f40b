"""A family of weights is one object: another package's takes every way that the built-in ones take."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import emollama_hf
from emollama_hf import ModelError, encoders
from emollama_hf.checkpoints import open_model
from emollama_hf.checkpoints.memory import activation_bytes, predict, weight_bytes
from emollama_hf.checkpoints.weight_counts import weight_counts
from emollama_hf.checkpoints.write import write_model
from emollama_hf.commands.doctor import model as doctors_model
from emollama_hf.commands.info import show_info
from emollama_hf.conversion.convert import run_conversion
from emollama_hf.encoders import find_encoder, find_source, known_encoders, register_encoder
from emollama_hf.encoders.config_checks import Config, whole
from emollama_hf.encoders.conversion import Conversion, Recipe
from emollama_hf.encoders.encoder import Activations
from emollama_hf.encoders.sections import Section, Values, chosen
from emollama_hf.encoders.weight_source import WeightSource

PACKAGE = Path(emollama_hf.__file__).parent


class Tone(nn.Module):
    """The loudness of some bands, projected."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = dict(config)
        self.projection = nn.Linear(config["bands"], config["width"])

    def blocks(self) -> list[nn.Module]:
        return [self.projection]


class ToneConversion(Conversion):
    """One file, in which the projection is named `proj`."""

    sources = (
        WeightSource(
            option="tone",
            called="the tone checkpoint",
            wanted="one with proj.weight",
            help="Tone: tone.pth.",
            marks=lambda shapes: "proj.weight" in shapes,
            unused=lambda config: (r"^head\.",),
            notice="Tone is for tests.",
        ),
    )
    sections = (Section("tone", sizes=("width",)),)

    def config(
        self, sections: Mapping[str, Values], extras: Mapping[str, Mapping[str, Any]], others: Mapping[str, Config]
    ) -> Config:
        return {**ToneEncoder.full, **chosen(sections.get("tone", {}), "width")}

    def tensors(
        self, option: str, states: Mapping[str, Mapping[str, torch.Tensor]], recipe: Recipe, *, where: str
    ) -> Iterator[tuple[str, torch.Tensor]]:
        for name, tensor in states[option].items():
            if name.startswith("proj."):
                yield name.replace("proj.", "projection."), tensor


class ToneEncoder(emollama_hf.Encoder):
    """A family that another package might bring."""

    name = "tone"
    keys = {"width": whole(1, 4096), "bands": whole(1, 512)}  # noqa: RUF012
    tiny, full = {"width": 8, "bands": 4}, {"width": 64, "bands": 32}
    conversion = ToneConversion()
    optional = True

    def width(self, config: Config) -> int:
        return int(config["width"])

    def network(self, config: Config) -> Tone:
        return Tone(config)

    def config_of(self, network: Any) -> Config:
        return dict(network.config)

    def activations(self, config: Config, stream_ratio: int) -> Activations:
        return Activations(values=16 * config["width"], inputs=config["bands"])


@pytest.fixture
def tone(monkeypatch: pytest.MonkeyPatch) -> ToneEncoder:
    """Known for the time of a test."""
    monkeypatch.setattr(encoders, "_known", dict(encoders._known))
    family = ToneEncoder()
    register_encoder(family)
    register_encoder(ToneEncoder())  # as a second import does
    return family


def test_it_is_known_after_the_built_in_families(tone: ToneEncoder) -> None:
    assert [encoder.name for encoder in known_encoders()] == ["facemae", "videomae", "hubert", "emotion_llama", "tone"]
    assert find_encoder("tone") is tone
    assert find_source("tone").flag == "--tone"


def test_another_family_of_a_name_or_an_option_is_refused(tone: ToneEncoder) -> None:
    class Other(ToneEncoder):
        """Of the same name."""

    class Reader(ToneEncoder):
        """Reads the same option."""

        name = "reader"

    with pytest.raises(ValueError, match=r"named 'tone' exists: .*ToneEncoder"):
        register_encoder(Other())
    with pytest.raises(ValueError, match="encoder 'reader': another reads tone"):
        register_encoder(Reader())


def test_a_family_that_nobody_knows_is_named_with_those_that_are() -> None:
    with pytest.raises(ModelError, match=r"'tone' is no part of a model\. Expected one of facemae, videomae"):
        open_model("random-tiny").load("tone")


def test_random_weights_and_a_directory(tone: ToneEncoder, tmp_path: Path) -> None:
    network = open_model("random-tiny").load("tone")
    assert network.projection.weight.shape == (8, 4)
    source = open_model(write_model(tmp_path / "model", tone=network, provenance={}))
    assert source.width("tone") == 8
    assert torch.equal(source.load("tone").projection.weight, network.projection.weight)
    with pytest.raises(ModelError, match=r"has no facemae/: .*it has tone/.*with --facemae as well"):
        source.config("facemae")


def test_a_value_out_of_bounds_is_refused_and_other_keys_reach_nothing(tone: ToneEncoder, tmp_path: Path) -> None:
    path = write_model(tmp_path / "model", tone=open_model("random-tiny").load("tone"), provenance={})
    config = json.loads((path / "tone" / "config.json").read_text())
    (path / "tone" / "config.json").write_text(json.dumps({**config, "auto_map": "evil"}))
    assert open_model(path).config("tone") == ToneEncoder.tiny
    (path / "tone" / "config.json").write_text(json.dumps({**config, "width": 5000}))
    with pytest.raises(ModelError, match=r"width=5000 \(expected a whole number from 1 to 4096\)"):
        open_model(path).config("tone")


def test_its_memory_is_predicted(tone: ToneEncoder) -> None:
    source = open_model("random-full")
    assert weight_counts("tone", ToneEncoder.full).products == 64 * 32 + 64
    assert weight_bytes("tone", ToneEncoder.full, "float16-mixed") == 4 * (64 * 32 + 64), "it does not mix types"
    assert activation_bytes("tone", ToneEncoder.full, "bfloat16") == 2 * 16 * 64 + 10 * 32
    alone, beside = (predict(source, parts, dtype="float32") for parts in (["tone"], ["tone", "facemae"]))
    assert beside.weights - alone.weights == weight_bytes("facemae", source.config("facemae"), "float32")


def test_its_checkpoint_is_converted(tone: ToneEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = {"proj.weight": torch.ones(16, 32), "proj.bias": torch.zeros(16), "head.weight": torch.ones(2)}
    torch.save({"model": state}, tmp_path / "tone.pth")
    run_conversion(tmp_path / "model", {"tone": str(tmp_path / "tone.pth")}, architecture={"tone": {"width": 16}})
    provenance = json.loads((tmp_path / "model" / "provenance.json").read_text())
    assert provenance["sources"]["tone"]["dropped"] == ["head.weight"]
    assert provenance["notices"] == ["Tone is for tests."]
    assert open_model(tmp_path / "model").load("tone").projection.weight.shape == (16, 32)
    show_info(str(tmp_path / "model"))
    assert "(16,) a clip" in capsys.readouterr().out


def test_a_file_of_another_source_is_recognised(tone: ToneEncoder, tmp_path: Path) -> None:
    torch.save({"model": {"proj.weight": torch.ones(16, 32)}}, tmp_path / "tone.pth")
    with pytest.raises(ModelError, match="this looks like the tone checkpoint; --facemae wants one with patch_embed"):
        run_conversion(tmp_path / "model", {"facemae": str(tmp_path / "tone.pth")})


def test_a_model_without_an_optional_family_lacks_nothing(tone: ToneEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOLLAMA_MODEL", "random-tiny")
    [finding] = doctors_model()
    assert finding.remedy is None
    assert "tone " in finding.value, "random models have every family"


#: Folders whose code asks a family's object.
ASKING = ("checkpoints", "conversion", "computing", "planning", "tensors", "commands")
FAMILIES = {"facemae", "videomae", "hubert", "emotion_llama", "eva", "llama"}
#: The explicit options of `convert`, by name.
EXPLICIT = PACKAGE / "conversion" / "convert.py"


@pytest.mark.parametrize("folder", ASKING)
def test_no_family_is_named(folder: str) -> None:
    named = [
        f"{path.name}:{node.lineno} {node.value}"
        for path in sorted((PACKAGE / folder).glob("*.py"))
        if path != EXPLICIT
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in FAMILIES
    ]
    assert not named


@pytest.mark.parametrize("folder", ASKING)
def test_no_module_of_a_family_is_imported(folder: str) -> None:
    imported = [
        f"{path.name}: {node.module}"
        for path in sorted((PACKAGE / folder).glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and FAMILIES & set((node.module or "").split("."))
    ]
    assert not imported


def test_encoders_import_nothing_of_what_asks_them() -> None:
    later = {"checkpoints", "conversion", "stages", "planning", "engines", "commands"}
    imported = [
        f"{path.name}: {node.module}"
        for path in sorted((PACKAGE / "encoders").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[:1] == ["emollama_hf"]
        and set((node.module or "").split(".")[1:2]) & later
    ]  # fmt: skip
    assert not imported
