"""A plug-in that cannot be used is one clear error that names it; the built-in stages go on working."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import List, Value

import emollama_hf
from emollama_hf import Column, PluginError, Stage, StageConfig, facemae_embed
from emollama_hf.commands.doctor import stages as stage_findings
from emollama_hf.stages.known_stages import broken_plugins, known_stages
from emollama_hf.stages.pipeline import build_pipeline

Install = Callable[[Path], None]

GOOD = """
import emollama_hf
from datasets import Value

class Plugin(emollama_hf.Stage):
    name, version, inputs = "pupil", 1, ("facemae_frames",)
    def outputs(self):
        return {"pupil": emollama_hf.Column(Value("float32"), "diameter of the pupil")}
    def prepare(self, row):
        return row["facemae_frames"]
    def compute(self, items):
        return [{"pupil": 1.0} for item in items]
"""
CASES = {
    "that fails to import": ("import pupil_tracker_of_last_year", r"cannot be imported \(ModuleNotFoundError: "),
    "that is no stage": ("Plugin = int", "is no subclass of emollama_hf.Stage"),
    "of another name": (GOOD.replace('"pupil", 1', '"iris", 1'), "its stage is called 'iris'"),
    "without a version": (GOOD.replace("version,", "").replace("1, (", "("), "class attribute version"),
    "without a method": (GOOD.replace("def prepare", "def prepared"), "lacks the methods prepare"),
    "with a column that exists": (GOOD.replace('"pupil": em', '"facemae": em'), "'facemae' is one that stage 'fac"),
    "with a clip": (GOOD.replace('"pupil": em', '"video": em'), "'video' is read or written by this package"),
    "with the name of a row": (GOOD.replace('"pupil": em', '"file_name": em'), "'file_name' is read or written by"),
    "whose outputs are None": (GOOD.replace("return {", "{"), r"outputs\(\) returned NoneType, expected a dict"),
    "whose outputs are a list": (GOOD.replace("return {", "return []; {"), r"outputs\(\) returned list, expected a"),
    "whose outputs fail": (GOOD.replace("return {", "raise SystemExit(3); {"), "outputs cannot be .*SystemExit: 3"),
    "that ends the process": ("import sys; sys.exit(3)", r"cannot be imported \(SystemExit: 3\)"),
    "whose error fails": (
        "class E(Exception):\n    def __str__(self): return 1 / 0\nraise E",
        "imported .E: without a message",
    ),
    "without a Config": (GOOD + "Plugin.Config = None", "its Config is no frozen dataclass"),
    "with a Config that is a dict": (GOOD + "Plugin.Config = {}", "its Config is no frozen dataclass"),
    "whose name fails": (
        "class Names(type):\n    @property\n    def name(cls): 1 / 0\nclass Plugin(metaclass=Names): pass",
        r"it cannot be used \(ZeroDivisionError: ",
    ),
    "of version True": (GOOD.replace('"pupil", 1', '"pupil", True'), "class attribute version"),
    "with a credit in words": (GOOD + "Plugin.credit = 'Doe'", "its credit is str, expected emollama_hf.Credit"),
    "whose inputs are None": (GOOD + "Plugin.inputs = None", "inputs is None, expected a tuple of names"),
    "whose inputs are a text": (GOOD + "Plugin.inputs = 'video'", "inputs is 'video', expected a tuple of names"),
    "without shapes": (GOOD + "Plugin.input_shapes = lambda self: None", "input_shapes.. returned None, expected"),
    "whose shapes fail": (GOOD + "Plugin.input_shapes = lambda self: 1 / 0", "input_shapes.. cannot be asked"),
    "with a meaning of two lines": (GOOD.replace("diameter of", "diameter\\nof"), "meaning='diameter.*has line breaks"),
    "with a default that is no JSON": (
        GOOD.replace("class Plugin", "from dataclasses import dataclass\n@dataclass(frozen=True)\n"
        "class Sides(emollama_hf.StageConfig):\n    sides: object = frozenset([1])\nclass Plugin")
        .replace("    def outputs", "    Config = Sides\n    def outputs"),
        "the default of its option 'sides' is frozenset and cannot be written as JSON",
    ),
    "without a Column": (GOOD.replace('emollama_hf.Column(Value("float32"), ', "str("), "is str, expected"),
}  # fmt: skip


def package(folder: Path, code: str, *, name: str = "pupil", requires: str = "emollama_hf") -> Path:
    """A folder with the distribution "pupil-size", whose entry point is the class Plugin of this code."""
    (folder / "pupil_size.py").write_text(code)
    info = folder / "pupil_size-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: pupil-size\nVersion: 2.0\nRequires-Dist: {requires}\n"
    )
    (info / "entry_points.txt").write_text(f"[emollama_hf.stages]\n{name} = pupil_size:Plugin\n")
    return folder


@pytest.fixture(autouse=True)
def _imported_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(__import__("sys").modules, "pupil_size", raising=False)


@pytest.mark.parametrize("case", CASES)
def test_a_plugin(case: str, tmp_path: Path, install: Install, caplog: pytest.LogCaptureFixture) -> None:
    code, message = CASES[case]
    install(package(tmp_path, code))
    with pytest.raises(PluginError, match=message) as told:
        build_pipeline("random-tiny", stages=["pupil"], present=["video"])
    assert "plug-in 'pupil' of the distribution pupil-size 2.0" in str(told.value)
    assert [record.levelname for record in caplog.records if "pupil-size 2.0" in record.message] == ["WARNING"]
    assert build_pipeline("random-tiny", present=["video"]).stages[-1].name == "emollama_embed"
    [finding] = stage_findings()
    assert (finding.what, finding.remedy) == ("plug-in pupil", str(told.value))


def test_a_plugin_that_needs_a_newer_version(tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emollama_hf, "__version__", "0.1.0")
    install(package(tmp_path, GOOD, requires="emollama_hf>=7"))
    with pytest.raises(PluginError, match=r"of the distribution pupil-size 2.0 needs emollama_hf>=7; this is 0.1.0"):
        build_pipeline(None, stages=["pupil"], present=["video"])


def test_a_plugin_with_the_name_of_a_stage(tmp_path: Path, install: Install) -> None:
    install(package(tmp_path, GOOD.replace('"pupil", 1', '"facemae_embed", 1'), name="facemae_embed"))
    assert "a stage 'facemae_embed' exists already (emollama_hf)" in str(broken_plugins()["facemae_embed"])
    assert type(build_pipeline("random-tiny", stages=["facemae_embed"], present=["video"]).stages[-1]) is type(
        facemae_embed
    )


@pytest.mark.parametrize("requirement", ["emollama_hf>=>7", "torch (oops"])
def test_a_requirement_that_cannot_be_read(
    requirement: str, tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emollama_hf, "__version__", "0.1.0")
    install(package(tmp_path, GOOD, requires=requirement))
    with pytest.raises(PluginError, match=r"distribution pupil-size 2.0: its requirement '.*' cannot be read"):
        build_pipeline(None, stages=["pupil"], present=["video"])


def test_plugins_after_a_broken_one_are_read(tmp_path: Path, install: Install) -> None:
    install(package(tmp_path, "raise SystemExit(3)", name="a_pupil"))
    (tmp_path / "iris.py").write_text(GOOD.replace('"pupil', '"iris'))
    (tmp_path / "pupil_size-2.0.dist-info" / "entry_points.txt").write_text(
        "[emollama_hf.stages]\na_pupil = pupil_size:Plugin\niris = iris:Plugin\n"
    )
    assert known_stages()[-1].name == "iris"
    assert list(broken_plugins()) == ["a_pupil"]


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "MemoryError"])
def test_what_says_nothing_of_a_plugin_passes(error: str, tmp_path: Path, install: Install) -> None:
    install(package(tmp_path, f"raise {error}"))
    for _ in range(2):  # the second one who asks is told as well
        with pytest.raises((KeyboardInterrupt, MemoryError)):
            known_stages()
    (tmp_path / "pupil_size.py").write_text(GOOD + "# and longer than before\n")
    assert known_stages()[-1].name == "pupil"


def test_a_good_plugin_is_no_error(tmp_path: Path, install: Install) -> None:
    install(package(tmp_path, GOOD))
    assert known_stages()[-1].name == "pupil"
    assert broken_plugins() == {}


class Angle(Stage):
    """Angles of the head."""

    name, version, inputs = "angle", 1, ("facemae_frames",)

    def outputs(self) -> dict[str, Column]:
        return {"angle": Column(List(Value("float32"), length=3), "yaw, pitch and roll in degrees")}

    def prepare(self, row: Any) -> Any:
        return row["facemae_frames"]

    def compute(self, items: list[Any]) -> list[Any]:
        return [{"angle": np.zeros(3, np.float32)} for _ in items]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([{"angle": np.zeros(2)}], r"computed the shape \(2,\), declared is \(3,\)"),
        ([{"angles": np.zeros(3)}], r"returned the columns angles; its outputs\(\) declare angle"),
        ([], "returned 0 results for 1 rows"),
    ],
)
def test_results_that_are_not_as_declared(returned: list[Any], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Angle, "compute", lambda stage, items: returned)
    with pytest.raises(PluginError, match=message) as told:
        Angle()({"facemae_frames": [np.zeros((2, 8, 8, 3), np.uint8)]})
    assert f"stage 'angle' ({__name__}.Angle)" in str(told.value)


def test_a_column_that_nobody_has(install: Install) -> None:
    @emollama_hf.register
    class Gaze(Angle):
        name, inputs = "gaze", ("pupil_centre",)

        def outputs(self) -> dict[str, Column]:
            return {"gaze": Column(Value("float32"), "angle between the eyes' axis and the camera")}

    with pytest.raises(ValueError, match=r"stage 'gaze' .* reads the column 'pupil_centre', which the data set lacks"):
        build_pipeline(None, stages=["gaze"], present=["video"])


def test_stages_that_read_each_other(install: Install) -> None:
    def stage(name: str, inputs: tuple[str, ...]) -> type[Stage]:
        column = {f"{name}_column": Column(Value("float32"), "a number")}
        return type(name, (Angle,), {"name": name, "inputs": inputs, "outputs": lambda self: column})

    emollama_hf.register(stage("hen", ("egg_column",)))
    emollama_hf.register(stage("egg", ("hen_column",)))
    with pytest.raises(PluginError, match="read each other's columns: egg -> hen -> egg"):
        build_pipeline(None, stages=["egg"], present=["video"])


@dataclass(frozen=True)
class Keeping(StageConfig):
    keep: int = 1


@dataclass(frozen=True)
class OnDevice(StageConfig):
    device: str = "cpu"


@dataclass(frozen=True)
class Alone:
    scale: float = 1.0


class Undecorated(StageConfig):
    scale: float = 1.0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (Keeping, "'keep' is an option of extract itself"),
        (OnDevice, "'device' is an option of extract itself"),
        (Undecorated, "its Config is no frozen dataclass"),
        (Alone, "its Config is no frozen dataclass"),
    ],
)
def test_options_that_could_not_be_passed(config: type, message: str, install: Install) -> None:
    with pytest.raises(PluginError, match=message):
        emollama_hf.register(type("Wide", (Angle,), {"name": "wide", "Config": config}))
