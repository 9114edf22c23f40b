"""A second `map` in a new process computes what the first one did not, and nothing else.

Two real processes: the first fills the cache of `datasets`; then files are moved and changed; then the second one maps
every case and counts the calls of its models. They differ in current directory and hash seed, too.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from safetensors.torch import load_file, save_file

from tests import videos
from tests.adapters import write_classifier
from tests.encoders.golden import LLAMA, convert_golden
from tests.map_cache import count_computations

SAMPLE, FACE, VIDEO, DECODER = STAGES = ("SampleFrames", "FaceMAEEmbed", "VideoMAEEmbed", "EmoLlamaEmbed")
READY = "emollama_embed"
PARTS = {FACE: "facemae", VIDEO: "videomae", DECODER: "emotion_llama"}
CLIPS = ("a", "b")
OPENFACE = "frame, AU01_r, AU12_r\n1, 0.5, 0.1\n2, 1.5, 0.1\n3, 1.0, 0.1\n"
#: Stands for the test's folder in every path below.
ROOT = "$ROOT"


@dataclass(frozen=True)
class Case:
    """One `map` of a data set of video paths, stage by stage; with `ready` by that instance alone.

    options: of each stage.  model: its directory.  newer: stages whose version is raised.
    """

    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    model: str = f"{ROOT}/moved/model"
    newer: tuple[str, ...] = ()
    map: dict[str, Any] = field(default_factory=dict)
    ready: bool = False
    configure: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def described(self) -> dict[str, Any]:
        """What the program reads."""
        usual: dict[str, dict[str, Any]] = {stage: {"model": self.model} for stage in PARTS}
        for stage in PARTS:
            usual[stage]["dtype"] = "float32"  # with "auto" another device can mean another type
        usual[SAMPLE] = {"size": 32}
        steps = [[stage, {**usual[stage], **self.options.get(stage, {})}] for stage in STAGES]
        return {**asdict(self), "dataset": f"{ROOT}/clips", "steps": [[READY, {}]] if self.ready else steps}


def every_model(**options: Any) -> dict[str, dict[str, Any]]:
    return dict.fromkeys(PARTS, options)


#: What the first process maps. The cases below differ from one of these in one point.
FIRST = {
    "usual": Case(model=f"{ROOT}/model"),
    "pooled": Case({DECODER: {"pooling": "6:10"}}, model=f"{ROOT}/model"),
    "tokenizer": Case({DECODER: {"tokenizer": f"{ROOT}/tokenizer"}}, model=f"{ROOT}/model"),
    "adapter": Case({DECODER: {"adapter": f"{ROOT}/adapter"}}, model=f"{ROOT}/model"),
    "openface": Case({SAMPLE: {"peak": f"openface:{ROOT}/openface"}}, model=f"{ROOT}/model"),
    "limited": Case({SAMPLE: {"max_seconds": 1000.0}}, model=f"{ROOT}/model"),
    "not cropped": Case({SAMPLE: {"faces": "none"}}, model=f"{ROOT}/model"),
    "middle": Case({SAMPLE: {"peak": "middle"}}, model=f"{ROOT}/model"),
    "ready": Case(ready=True, configure={"model": f"{ROOT}/model"}),
}
#: Cases in which nothing may be computed.
KNOWN = {
    "the model directory was moved": Case(),
    "the model directory was copied without its times": Case(model=f"{ROOT}/copied"),
    "the model directory by a relative path": Case(model="../moved/model"),
    "another batch size inside the transform": Case(every_model(batch_size=2)),
    "on cpu instead of auto": Case(every_model(device="cpu")),
    "on cpu:0 instead of auto": Case(every_model(device="cpu:0")),
    "in two workers": Case(map={"num_proc": 2}),
    "the pooling in other words": Case({DECODER: {"pooling": " 6 : 10 "}}),
    "a tokenizer was moved": Case({DECODER: {"tokenizer": f"{ROOT}/moved/tokenizer"}}),
    "an adapter was moved": Case({DECODER: {"adapter": f"{ROOT}/moved/adapter"}}),
    "OpenFace's folder was moved": Case({SAMPLE: {"peak": f"openface:{ROOT}/moved/openface"}}),
    "a limit as an integer": Case({SAMPLE: {"max_seconds": 1000}}),
    "another crop where nothing is cropped": Case({SAMPLE: {"faces": "none", "crop": "box"}}),
    "other candidates where nobody chooses": Case({SAMPLE: {"peak": "middle", "peak_candidates": 3}}),
    "the ready instance by the environment": Case(ready=True, environment={"EMOLLAMA_MODEL": f"{ROOT}/moved/model"}),
}
#: Directories of models that differ from the first process's in one value of one part; the last stands in its place.
OTHER_WEIGHTS = {"facemae": "other_facemae", "videomae": "other_videomae", "emotion_llama": "model"}
#: Cases with the first stage that must compute anew.
CHANGED = {
    "weights of FaceMAE": (FACE, Case(model=f"{ROOT}/other_facemae")),
    "weights of VideoMAE": (VIDEO, Case(model=f"{ROOT}/other_videomae")),
    "weights of the decoder": (DECODER, Case(model=f"{ROOT}/model")),
    "num_frames": (SAMPLE, Case({SAMPLE: {"num_frames": 5}})),
    "size": (SAMPLE, Case({SAMPLE: {"size": 48}})),
    "faces": (SAMPLE, Case({SAMPLE: {"faces": "none", "peak": "middle"}})),
    "crop": (SAMPLE, Case({SAMPLE: {"crop": "box"}})),
    "peak": (SAMPLE, Case({SAMPLE: {"peak": "first"}})),
    "peak_candidates": (SAMPLE, Case({SAMPLE: {"peak_candidates": 3}})),
    "an OpenFace file": (SAMPLE, Case({SAMPLE: {"peak": f"openface:{ROOT}/openface"}})),
    "dtype of FaceMAE": (FACE, Case({FACE: {"dtype": "bfloat16"}})),
    "dtype of VideoMAE": (VIDEO, Case({VIDEO: {"dtype": "bfloat16"}})),
    "dtype of the decoder": (DECODER, Case({DECODER: {"dtype": "bfloat16"}})),
    "instruction": (DECODER, Case({DECODER: {"instruction": "Is this person attentive?"}})),
    "task": (DECODER, Case({DECODER: {"task": "attention"}})),
    "layout": (DECODER, Case({DECODER: {"layout": "upstream"}})),
    "pooling": (DECODER, Case({DECODER: {"pooling": "mean"}})),
    "store_dtype": (DECODER, Case({DECODER: {"store_dtype": "float32"}})),
    "chat_template": (DECODER, Case({DECODER: {"chat_template": True}})),
    "a tokenizer's content": (DECODER, Case({DECODER: {"tokenizer": f"{ROOT}/tokenizer"}})),
    "an adapter's content": (DECODER, Case({DECODER: {"adapter": f"{ROOT}/adapter"}})),
    "version of the frames": (SAMPLE, Case(newer=(SAMPLE,))),
    "version of FaceMAE": (FACE, Case(newer=(FACE,))),
    "version of VideoMAE": (VIDEO, Case(newer=(VIDEO,))),
    "version of the decoder": (DECODER, Case(newer=(DECODER,))),
}


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, int]]:
    """What each stage computed in the second process, by case."""
    root = tmp_path_factory.mktemp("map_cache")
    write_files(root)
    first = run(root, "here", FIRST)
    assert all(all(case.values()) for name, case in first.items() if name == "usual"), first
    move_and_change(root)
    return run(root, "elsewhere", {**KNOWN, **{name: case for name, (_, case) in CHANGED.items()}})


def write_files(root: Path) -> None:
    """Clips and a data set of their paths, a model directory, a tokenizer, an adapter, OpenFace's files."""
    paths = [str(videos.write_video(root / f"{name}.mp4", videos.pan(12))) for name in CLIPS]
    Dataset.from_dict({"video": paths}).save_to_disk(str(root / "clips"))
    convert_golden(root / "model")
    shutil.copytree(LLAMA, root / "tokenizer")
    write_classifier(root / "adapter", root / "model")
    (root / "openface").mkdir()
    for name in CLIPS:
        (root / "openface" / f"{name}.csv").write_text(OPENFACE)


def move_and_change(root: Path) -> None:
    """Everything is moved; where it was, or beside it, are copies that differ in one place."""
    shutil.copytree(root / "model", root / "copied", copy_function=shutil.copyfile)
    (root / "moved").mkdir()
    for name in ("model", "tokenizer", "adapter", "openface"):
        shutil.move(root / name, root / "moved" / name)
        shutil.copytree(root / "moved" / name, root / name)
    for part, model in OTHER_WEIGHTS.items():
        change_a_weight(shutil.copytree(root / "moved" / "model", root / model, dirs_exist_ok=True) / part)
    write_classifier(root / "adapter", root / "moved" / "model", seed=1)
    settings = root / "tokenizer" / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "legacy": True}))
    (root / "openface" / "b.csv").write_text(OPENFACE.replace("1.0,", "2.0,"))  # as long as it was
    (root / "moved" / "openface" / "notes.txt").write_text("read by nobody")


def change_a_weight(folder: Path) -> None:
    """Add 1 to the first value of a part's first tensor."""
    [weights] = [path for path in folder.glob("*.safetensors") if path.name != "lora.safetensors"]
    tensors = load_file(weights)
    next(iter(tensors.values())).view(-1)[0] += 1
    save_file(tensors, weights)


def run(root: Path, directory: str, cases: dict[str, Case]) -> dict[str, dict[str, int]]:
    """The counting program in a process and a current directory of its own."""
    (root / directory).mkdir()
    described = json.dumps({name: case.described() for name, case in cases.items()})
    finished = subprocess.run(
        [sys.executable, count_computations.__file__],
        input=described.replace(ROOT, str(root)),
        cwd=root / directory,
        env={**os.environ, "PYTHONHASHSEED": str(len(directory)), "HF_HOME": str(root / "home")},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    reports: dict[str, dict[str, int]] = json.loads(finished.stdout.splitlines()[-1])
    return reports


@pytest.mark.parametrize("case", KNOWN)
def test_nothing_is_computed_again(case: str, counts: dict[str, dict[str, int]]) -> None:
    assert not any(counts[case].values()), counts[case]


@pytest.mark.parametrize("case", CHANGED)
def test_what_can_differ_is_computed_anew(case: str, counts: dict[str, dict[str, int]]) -> None:
    first, _ = CHANGED[case]
    anew = STAGES[STAGES.index(first) :]
    assert [stage for stage in STAGES if counts[case].get(stage)] == list(anew), counts[case]
