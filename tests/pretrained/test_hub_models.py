"""Encoders in Hub repositories: what is fetched when, at which commit, and names that lead nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from emollama_hf.pretrained import open_pretrained
from tests import second_process
from tests.checkpoints.hub_server import COMMIT, serve
from tests.pretrained.saved_models import save_timm, save_transformers, timm_model, transformers_model

REPO = "lab/encoder-tiny"


def ask(endpoint: str, home: Path, program: str, **environment: str) -> list[str]:
    """Lines that a program prints that has `source`, the encoder of the repository."""
    start = (
        "from emollama_hf.pretrained import open_pretrained\n"
        "from emollama_hf.errors import ModelError\n"
        f"source = open_pretrained({REPO!r})\n"
    )
    settings = {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        **environment,
    }
    done = second_process.run(start + program, environment=settings)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip().split("\n")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub") / "model"
    save_transformers(transformers_model("dinov2"), "dinov2", folder)
    # The same weights in the older format, of which nothing is needed.
    (folder / "pytorch_model.bin").write_bytes(b"never fetched")
    (folder / "code.py").write_text("raise SystemExit")
    return folder


def test_only_what_is_read_is_fetched_and_from_one_commit(repository: Path, tmp_path: Path) -> None:
    digest = open_pretrained(repository).digest("image_encoder")
    with serve(REPO, repository) as (endpoint, downloads):
        found = ask(endpoint, tmp_path, "print(source.commit, source.part, source.commit)")
        assert found == [f"None image_encoder {COMMIT}"]
        assert sorted(downloads) == ["config.json", "preprocessor_config.json"]
        program = (
            "print(source.width('image_encoder'), source.digest('image_encoder'))\n"
            "print(source.load('image_encoder').width)\n"
        )
        assert ask(endpoint, tmp_path, program) == [f"16 {digest}", "16"]
        assert sorted(downloads) == ["config.json", "model.safetensors", "preprocessor_config.json"]
    # Everything is in the cache now.
    assert ask(endpoint, tmp_path, program, HF_HUB_OFFLINE="1") == [f"16 {digest}", "16"]


def test_a_repository_of_timm(tmp_path: Path) -> None:
    folder = save_timm(timm_model("vit"), tmp_path / "model", safe=False)
    with serve(REPO, folder) as (endpoint, downloads):
        program = "print(source.config('image_encoder')['architecture'], source.load('image_encoder').width)"
        assert ask(endpoint, tmp_path / "home", program) == ["vit_tiny_patch16_224 16"]
        assert sorted(downloads) == ["config.json", "pytorch_model.bin"]


def test_repositories_that_cannot_be_had(repository: Path, tmp_path: Path) -> None:
    program = (
        "for name, revision in (('lab/absent', None), ('lab/encoder-tiny', 'absent')):\n"
        "    try:\n"
        "        open_pretrained(name, revision=revision).width('image_encoder')\n"
        "    except ModelError as error:\n"
        "        print(error)\n"
    )
    with serve(REPO, repository) as (endpoint, _):
        absent, revision = ask(endpoint, tmp_path, program)
    assert "'lab/absent' does not exist, or is private" in absent
    assert "at absent: no such revision" in revision
