"""Hidden states, emotion and answer of clips in one run: resumed, written, pushed, verified, explained."""

from __future__ import annotations

from pathlib import Path

import pytest
from datasets import Dataset, load_dataset

from emollama_hf import extract, push
from emollama_hf.frames import demo_clips
from emollama_hf.sharing.verify import verify

STAGES = ["emollama_embed", "emotion_predict", "generate_answer"]
OPTIONS = {"max_new_tokens": 4, "pooling": "mean", "peak": "middle", "layout": "fork"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_clips, "_FRAMES", 8)
        demo_clips.write_demo_clips(folder)
    return folder


def rows(clips: Path) -> Dataset:
    return Dataset.from_dict({"video": [str(path) for path in sorted(clips.iterdir())]})


def test_one_run_computes_writes_shares_and_explains_all(
    clips: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, shared = tmp_path / "out", tmp_path / "shared"
    done = extract(rows(clips), "random-tiny", stages=STAGES, out=out, **OPTIONS)
    assert set(done["emollama_status"]) == {"ok"}
    assert done["emotion_probs"][:] == [None, None]  # four pieces of random weights name no label
    assert all("no label" in note for note in done["emotion_note"])
    assert done["answer_finished"][:] == [False, False]

    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    again = extract(rows(clips), "random-tiny", stages=STAGES, out=out, **OPTIONS)
    assert again["answer"][:] == done["answer"][:]
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == before

    pushed = push(out, shared)
    names = {one.name for one in pushed.published}
    assert {"emollama", "emotion", "emotion_probs", "emotion_answer", "answer", "answer_finished"} <= names
    opened = load_dataset(str(shared), split="train")
    assert sorted(opened["answer"]) == sorted(done["answer"])
    card = (shared / "README.md").read_text()
    assert "the label that the model names, of happy, sad" in card
    assert "Instruction of `generate_answer`" in card
    verified = verify(shared, clips, sample=2)
    assert [row.problem for row in verified.rows] == [None, None]
    assert all(row.holds for row in verified.rows)


def test_likelihoods_are_verified_within_their_tolerance(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = {"method": "likelihood", "labels": ("calm", "upset"), "peak": "middle"}
    done = extract(rows(clips), "random-tiny", stages=["emotion_predict"], out=out, **options)
    assert {len(row) for row in done["emotion_probs"]} == {2}
    push(out, tmp_path / "shared")
    verified = verify(tmp_path / "shared", clips, sample=2)
    assert all(row.holds and row.problem is None for row in verified.rows)
    assert "emotion_probs" in {check.column for row in verified.rows for check in row.columns}
