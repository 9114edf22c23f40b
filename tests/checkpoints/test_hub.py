"""A model in a Hub repository: what is fetched when, offline use, and names that lead nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emollama_hf.checkpoints import open_model
from emollama_hf.checkpoints.write import write_model
from tests import second_process
from tests.checkpoints.hub_server import COMMIT, serve

LLAMA = Path(__file__).parents[1] / "golden" / "checkpoints" / "llama"
REPO = "lab/emotion-llama-tiny"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiny = open_model("random-tiny")
    return write_model(
        tmp_path_factory.mktemp("hub") / "model",
        facemae=tiny.load("facemae"),
        emotion_llama=tiny.load("emotion_llama"),
        tokenizer=LLAMA,
        provenance={},
    )


def ask(endpoint: str, home: Path, program: str, *, fresh: bool = False, **environment: str) -> list[str]:
    """Lines that a program prints that has `source`, the model of the repository. fresh: nothing is imported before."""
    # A process of its own, because huggingface_hub reads its environment when it is imported.
    start = (
        "import sys\n"
        "from emollama_hf.checkpoints import open_model\n"
        "from emollama_hf.errors import ModelError\n"
        f"source = open_model({REPO!r})\n"
    )
    settings = {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        **environment,
    }
    if fresh:
        command = [sys.executable, "-c", start + program]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | settings)
    else:
        done = second_process.run(start + program, environment=settings)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip().split("\n")


def errors_of(calls: list[str]) -> str:
    """A program that prints the ModelError of each call on a line of its own."""
    tries = (f"try:\n    {call}\nexcept ModelError as error:\n    print(error)\n" for call in calls)
    return "".join(tries)


def test_only_what_is_used_is_fetched(repository: Path, tmp_path: Path) -> None:
    with serve(REPO, repository) as (endpoint, downloads):
        small = "print(source.width('facemae'), source.tokenizer('emotion_llama').encode('happy'))"
        assert ask(endpoint, tmp_path, small) == ["32 [296]"]
        assert not [name for name in downloads if name.endswith(".safetensors")]
        assert {name.split("/")[0] for name in downloads} == {
            "provenance.json",
            "facemae",
            "emotion_llama",
        }
        digest = "print(source.digest('facemae'), source._revision, 'torch' in sys.modules)"
        assert ask(endpoint, tmp_path, digest, fresh=True) == [
            f"{open_model(repository).digest('facemae')} {COMMIT} False"
        ]
        assert [name for name in downloads if name.endswith(".safetensors")] == ["facemae/model.safetensors"]
    offline = "print(source.load('facemae').width)"
    assert ask("http://127.0.0.1:9", tmp_path, offline, HF_HUB_OFFLINE="1") == ["32"]


def test_a_branch_is_asked_for_once_however_many_clips_there_are(repository: Path, tmp_path: Path) -> None:
    program = f"""
import numpy as np
from datasets import Dataset
from emollama_hf import FaceMAEEmbed, extract
from tests.extraction.crops import OPTIONS, crops
ds = crops(Path({str(tmp_path)!r}), *range(6))
done = extract(ds, {REPO!r}, stages=["facemae_embed"], out={str(tmp_path / "out")!r}, **OPTIONS)
assert set(done["emollama_status"]) == {{"ok"}}
stage = FaceMAEEmbed({REPO!r})
for _ in range(3):
    stage({{"facemae_frames": [np.zeros((2, 32, 32, 3), np.uint8)] * 2}})
print("done")
"""
    asked: list[str] = []
    with serve(REPO, repository, asked=asked) as (endpoint, _):
        path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        quiet = {"PYTHONPATH": path, "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
        assert ask(endpoint, tmp_path / "home", "from pathlib import Path\n" + program, **quiet) == ["done"]
    assert len([path for path in asked if path.startswith(f"/api/models/{REPO}/revision/")]) == 1, asked


def test_what_is_not_there(repository: Path, tmp_path: Path) -> None:
    calls = {
        "source.digest('videomae')": "has no videomae/",
        "open_model('lab/nothing').config('facemae')": "'lab/nothing' does not exist, or is private",
        f"open_model({REPO!r}, revision='v9').config('facemae')": "at v9: no such revision",
        "open_model('random-tiny', tokenizer='lab/nothing')": "'lab/nothing' does not exist, or is private",
    }
    with serve(REPO, repository) as (endpoint, _):
        messages = ask(endpoint, tmp_path, errors_of(list(calls)))
    for message, expected in zip(messages, calls.values(), strict=True):
        assert expected in message


def test_offline_without_a_copy(tmp_path: Path) -> None:
    program = errors_of(["source.config('facemae')"])
    (message,) = ask("http://127.0.0.1:9", tmp_path, program, HF_HUB_OFFLINE="1")
    assert "cannot be reached and is not in the cache" in message
    assert "HF_HUB_OFFLINE" in message
