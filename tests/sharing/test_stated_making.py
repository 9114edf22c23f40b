"""What `push(made_by=)` takes: a stage, or several, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, Features

import emollama_hf
from emollama_hf import FaceMAEEmbed, SampleFrames, ShareError, VideoMAEEmbed, push
from tests.extraction.crops import OPTIONS
from tests.sharing.labs import manifest, rows


@pytest.fixture
def stages() -> list[emollama_hf.Stage]:
    return [SampleFrames(**OPTIONS), FaceMAEEmbed("random-tiny"), VideoMAEEmbed("random-tiny")]


@pytest.fixture
def mapped(tmp_path: Path, stages: list[Any]) -> Dataset:
    ds = rows(tmp_path / "clips", 1, 2)
    for stage in stages:
        ds = ds.map(stage, batched=True, features=Features({**ds.features, **stage.features}))
    return ds


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("kind", [list, tuple])
def test_several_stages(order: int, kind: Any, mapped: Dataset, stages: list[Any], tmp_path: Path) -> None:
    push(mapped, tmp_path / "shared", made_by=kind(stages[::order]))
    made = manifest(tmp_path / "shared")
    assert [stage["stage"] for stage in made["stages"]] == ["sample_frames", "facemae_embed", "videomae_embed"]
    assert made["stages"][0]["config"]["peak"] == "middle"
    assert made["given"] == []


def test_a_stage_in_a_list_is_the_stage(mapped: Dataset, stages: list[Any], tmp_path: Path) -> None:
    push(mapped, tmp_path / "one", made_by=stages[1])
    push(mapped, tmp_path / "listed", made_by=[stages[1]])
    assert manifest(tmp_path / "one")["stages"] == manifest(tmp_path / "listed")["stages"]
    assert manifest(tmp_path / "one")["given"] == manifest(tmp_path / "listed")["given"] == ["facemae_frames"]


@pytest.mark.parametrize(
    ("made_by", "message"),
    [
        (FaceMAEEmbed, "got the class FaceMAEEmbed, expected a stage such as"),
        ("facemae_embed", "got 'facemae_embed', expected a stage such as"),
        ([FaceMAEEmbed("random-tiny"), "videomae_embed"], "got 'videomae_embed', expected a stage"),
        ([FaceMAEEmbed("random-tiny")] * 2, "facemae_embed stands there twice"),
        ([], "no stage. Name each stage once"),
        (
            FaceMAEEmbed("random-tiny", level="frame"),
            "computes facemae_sequence, which the rows do not have",
        ),
    ],
)
def test_anything_else_is_refused(made_by: Any, message: str, mapped: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ShareError, match=message):
        push(mapped, tmp_path / "shared", made_by=made_by)
    assert not (tmp_path / "shared").exists()
