"""README.md and the pages of docs/, typed in the reader's order: with recorded checkpoints for the real ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.encoders import golden
from tests.hub import hub
from tests.pages.reader import Reader, reading_in

CHECKOUT = Path(__file__).parents[2]
#: The page's real checkpoints are the recorded tiny ones here, which have other sizes; the lab's share is a folder.
REPLACED = {
    "--llama Llama-2-7b-chat-hf --out emotion-llama-hf": (
        "--llama Llama-2-7b-chat-hf --out emotion-llama-hf --architecture recorded.json"
    ),
    "/mnt/lab/shared": "lab-shared",
}
#: In the order in which README.md names them.
SUBJECTS = (
    "model", "pipeline", "encoders", "answers", "runs", "lab", "sharing", "probe", "limits", "extending", "building",
)  # fmt: skip
PAGES = ["README.md", *(f"docs/{subject}.md" for subject in SUBJECTS)]
_INSTALLS = "nothing is installed by a test"
_RAY = "a cluster: tests/engines/test_ray_command_line.py runs it"
_TESTS = "the tests would run the tests"
NOT_RUN = {
    "pip install .": _INSTALLS,
    "pip install '.[test]'": _INSTALLS,
    "pip install '.[ray]'": _INSTALLS,
    "pip install '.[probe]'": _INSTALLS,
    "pytest": _TESTS,
    "emollama-hf extract clips --model emotion-llama-hf --out features --num-proc 4": "four GPUs",
    "emollama-hf extract clips --model emotion-llama-hf --out features --num-readers 12": "twelve cores",
    "emollama-hf extract clips --model random-tiny --out clip-features --engine ray": _RAY,
    "emollama-hf extract clips --model random-tiny --out clip-features --engine ray --address auto": _RAY,
    "ray start --head": _RAY,
    "ray start --address HOST:6379": _RAY,
    "ray stop": _RAY,
    "emollama-hf extract clips --encoder resnet50=timm/resnet50.a1_in1k --encoder clip=openai/clip-vit-large-patch14 "
    "--out encoder-features": "weights of the Hub: tests/pretrained/test_hub_models.py has a server for some",
    "emollama-hf push features s3://bucket/path": "a bucket: tests/sharing/test_s3.py has a server for one",
}
REAL_NAMES = {
    "mae_checkpoint-340.pth": golden.SOURCES["facemae"],
    "maeVideo_ckp199.pth": golden.SOURCES["videomae"],
    "eva_vit_g.pth": golden.SOURCES["eva"],
    "Emotion_LLaMA.pth": golden.SOURCES["emotion_llama"],
    "Llama-2-7b-chat-hf": golden.SOURCES["llama"],
}


def prepare(world: Path) -> None:
    """What a reader of the page has: checkpoints, the checkout's recorded ones, folders of the original's features."""
    for name, path in REAL_NAMES.items():
        (world / name).symlink_to(path)
    (world / "recorded.json").write_text(json.dumps(golden.MANIFEST["hyperparameters"]))
    (world / "tests" / "golden" / "checkpoints").mkdir(parents=True)
    (world / "tests" / "golden" / "MANIFEST.json").symlink_to(golden.ROOT / "MANIFEST.json")
    for path in golden.SOURCES.values():
        (world / "tests" / "golden" / "checkpoints" / path.name).symlink_to(path)
    for name, shape in (("mae_340_UTT", (32,)), ("maeV_399_UTT", (32,)), ("hidden_states", (1, 69, 48))):
        (world / name).mkdir()
        for clip in ("a", "b"):
            np.save(world / name / f"{clip}.npy", np.ones(shape, np.float32))


@pytest.mark.usefixtures("known_before")
def test_every_block_runs_or_is_listed(tmp_path: Path) -> None:
    world = tmp_path / "world"
    world.mkdir()
    prepare(world)
    reader = Reader(CHECKOUT, REPLACED, NOT_RUN)
    with reading_in(world):
        reader.read(*(CHECKOUT / page for page in PAGES))
        with hub() as server:
            reader.run_on_hub(server, tmp_path / "home")
    assert [words[1] for words in reader.on_hub].count("push") >= 1


def test_the_readme_is_one_page_and_names_every_other() -> None:
    readme = (CHECKOUT / "README.md").read_text()
    assert len(readme.splitlines()) <= 150
    pages = {f"docs/{path.name}" for path in (CHECKOUT / "docs").glob("*.md")}
    assert pages == set(re.findall(r"docs/\w+\.md", readme))


@pytest.mark.parametrize("page", [*PAGES, "docs/study.md", "docs/training.md", "docs/SECURITY.md", "docs/CHANGELOG.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    path = CHECKOUT / page
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        name, _, anchor = link.partition("#")
        there = path.parent / name if name else path
        assert "://" in link or there.exists(), link
        assert not anchor or "://" in link or anchor in headings(there), link


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    lines = [line.lstrip("# ").lower() for line in page.read_text().splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", line).replace(" ", "-") for line in lines}
