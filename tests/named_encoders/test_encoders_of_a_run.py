"""Several encoders in one run: stored, found again, described, published, verified."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from datasets import Dataset, load_dataset

from emollama_hf import AudioEmbed, FaceEmbed, ShareError, extract, push
from emollama_hf.commands.encoder_options import encoders_of
from emollama_hf.feature_set.manifest import read_manifest
from emollama_hf.planning.memory_check import check_memory
from emollama_hf.sharing.verify import verify
from emollama_hf.stages.pipeline import build_pipeline
from tests import videos
from tests.commands.command_line import run
from tests.extraction.crops import stack

TWO = {"one": "random-tiny", "steps": {"encoder": "random-tiny", "kind": "video", "level": "frame"}}


@pytest.fixture(scope="module")
def rows() -> Dataset:
    frames = [stack(seed) for seed in range(3)]
    names = ["a", "b", "c"]
    return Dataset.from_dict(
        {"uuid": names, "facemae_frames": frames, "videomae_frames": frames, "mw_label": [0, 1, 0]}
    )


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for index in range(2):
        videos.write_video(folder / f"clip_{index}.mp4", videos.pan(24 + index, size=(160, 120)))
    return folder


def test_columns_side_by_side(rows: Dataset, tmp_path: Path) -> None:
    done = extract(rows, encoders=TWO, out=tmp_path / "out", device="cpu")
    alone = FaceEmbed("random-tiny", column="one", device="cpu")(rows[:])["one"]
    np.testing.assert_array_equal(np.asarray(done["one"]), alone)
    assert np.asarray(done["steps"]).ndim == 3
    assert done["emollama_status"] == ["ok"] * 3
    assert "facemae" not in done.column_names, "without stages the encoders alone run"
    config = read_manifest(tmp_path / "out").configs["default"]
    assert [one.column for one in config.encoders] == ["one", "steps"]
    assert config.is_random
    assert not config.model
    again = extract(rows, encoders=TWO, out=tmp_path / "out", device="cpu")
    np.testing.assert_array_equal(np.asarray(again["one"]), alone)


def test_stages_with_options_of_their_own(rows: Dataset) -> None:
    stage = FaceEmbed("random-tiny", column="mine", level="frame", device="cpu")
    done = extract(rows, "random-tiny", stages=["facemae_embed", stage], device="cpu")
    assert {"mine", "facemae"} <= {*done.column_names}
    failed = extract(
        Dataset.from_dict(
            {"facemae_frames": [None, stack(1)]},
        ),
        stages=[stage],
    )
    assert failed["emollama_status"] == ["bad_frames", "ok"], "the run says what becomes of failed clips"


def test_another_encoder_later_computes_only_its_own_column(rows: Dataset, tmp_path: Path) -> None:
    first = extract(rows, encoders={"one": "random-tiny"}, out=tmp_path / "out", device="cpu")
    both = extract(rows, encoders=TWO, out=tmp_path / "out", device="cpu")
    assert {*both.column_names} - {*first.column_names} == {"steps"}
    with pytest.raises(FileExistsError, match="steps"):
        extract(rows, encoders={"one": "random-tiny"}, out=tmp_path / "out", device="cpu")


def test_a_card_names_encoders_and_not_emotion_llama(rows: Dataset, tmp_path: Path) -> None:
    extract(rows, encoders=TWO, out=tmp_path / "out", device="cpu")
    card = (tmp_path / "out" / "README.md").read_text()
    title = next(line for line in card.splitlines() if line.startswith("# "))
    assert "Emotion-LLaMA" not in title
    assert "embedding of the face: random-tiny, mean over the face crops" in card
    assert "| `steps` | `random-tiny` |" in card
    assert "random" in card


def test_two_encoders_of_sound_say_once_whether_there_is_any(films: Path, tmp_path: Path) -> None:
    paths = sorted(films.glob("*.mp4"))
    clips = Dataset.from_dict({"uuid": [path.stem for path in paths], "video": [str(path) for path in paths]})
    both = {name: {"encoder": "random-tiny", "kind": "audio"} for name in ("one", "two")}
    done = extract(clips, encoders=both, out=tmp_path / "out", device="cpu")
    assert done.column_names.count("has_audio") == 1
    assert list(done["has_audio"]) == [False, False]
    assert {"one", "two", "has_audio"} <= {*load_dataset(str(tmp_path / "out"), split="train").column_names}
    assert verify(tmp_path / "out", clips, sample=2).holds


def test_published_and_verified_where_nobody_has_named_it(films: Path, tmp_path: Path) -> None:
    out, shared = tmp_path / "out", tmp_path / "shared"
    source = ("extract", str(films), "--out", str(out), "--peak", "middle", "--faces", "none")
    told = run(
        *source, "--encoder", "one=random-tiny", "--encoder", "heard=random-tiny", "--option", "heard.kind=audio"
    )
    assert "encoder" not in told.stderr
    columns = {*load_dataset(str(out), split="train").column_names}
    assert {"one", "heard", "has_audio"} <= columns
    run("push", str(out), str(shared))  # a process that has named no column
    published = load_dataset(str(shared), split="train")
    assert {"one", "heard"} <= {*published.column_names}
    assert "encoder of one: random-tiny" in run("info", str(shared)).stdout
    checked = run("verify", str(shared), "--source", str(films))
    assert "one" in checked.stdout


def test_what_verify_is_told_of_encoders(rows: Dataset, tmp_path: Path) -> None:
    extract(rows, encoders={"one": "random-tiny"}, out=tmp_path / "out", device="cpu")
    assert verify(tmp_path / "out", rows, sample=2).holds
    with pytest.raises(ShareError, match="no named encoder computed such a column"):
        verify(tmp_path / "out", rows, encoders={"two": "random-tiny"})
    with pytest.raises(ShareError, match="is not the stated one"):
        verify(tmp_path / "out", rows, encoders={"one": "random-full"})
    with pytest.raises(ShareError, match="leave them out"):
        verify(tmp_path / "out", rows, encoders={"one": {"encoder": "random-tiny", "level": "frame"}})


def test_a_manifest_that_says_an_encoder_wrongly(rows: Dataset, tmp_path: Path) -> None:
    extract(rows, encoders={"one": "random-tiny"}, out=tmp_path / "out", device="cpu")
    path = tmp_path / "out" / "provenance.json"
    found = json.loads(path.read_text())
    del found["digest"]
    found["configs"]["default"]["encoders"]["face_embed_one"]["model"] = "/home/anna/models"
    path.write_text(json.dumps(found))
    with pytest.raises(ValueError, match="no path"):
        read_manifest(tmp_path / "out")


def test_push_of_rows_that_say_nothing_of_their_making(rows: Dataset, tmp_path: Path) -> None:
    stage = FaceEmbed("random-tiny", column="one", device="cpu")
    mapped = rows.map(stage, batched=True, batch_size=2).select_columns(["uuid", "one", "mw_label", "emollama_status"])
    push(mapped, tmp_path / "shared", made_by=[stage])
    assert read_manifest(tmp_path / "shared").configs["default"].encoders[0].column == "one"


def test_a_card_claims_no_encoder_that_nobody_recorded(rows: Dataset, tmp_path: Path) -> None:
    extract(rows, encoders={"one": "random-tiny"}, out=tmp_path / "out", device="cpu")
    reloaded = load_dataset(str(tmp_path / "out"), split="train")  # which says nothing of how it was made
    push(reloaded, tmp_path / "shared")
    card = (tmp_path / "shared" / "README.md").read_text()
    assert "| `one` |" in card
    assert "Emotion-LLaMA" not in card
    assert "random-tiny" not in card


def test_random_weights_are_said_of_their_columns_alone(rows: Dataset, tmp_path: Path) -> None:
    weights = timm.create_model("resnet18", num_classes=2).state_dict()
    torch.save(weights, tmp_path / "own.pth")
    own = {"encoder": "resnet18", "weights": str(tmp_path / "own.pth")}
    extract(rows, encoders={"one": "random-tiny", "own": own}, out=tmp_path / "out", device="cpu")
    said = "Weights behind one are random"
    assert said in (tmp_path / "out" / "README.md").read_text()
    assert said in run("info", str(tmp_path / "out")).stdout


def test_memory_is_that_of_all_encoders(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="emollama_hf")
    needed = []
    for encoders in ({"one": "random-full"}, {"one": "random-full", "two": "random-full"}):
        caplog.clear()
        check_memory(build_pipeline(None, encoders=encoders, present=["facemae_frames"], device="cpu"), 2)
        needed.append(float(caplog.text.split(" GB at the peak")[0].split()[-1]))
    full = FaceEmbed("random-full", column="one").brought_memory()
    assert needed[1] - needed[0] == pytest.approx(2 * full.weights / 1e9, rel=0.1)


@pytest.mark.parametrize(
    ("encoders", "options", "told"),
    [
        (["one"], [], "expected COLUMN=ENCODER"),
        (["one=a", "one=b"], [], "there twice"),
        (["one=a"], ["two.level=frame"], "no --encoder two"),
        (["one=a"], ["one.level=frame", "one.level=clip"], "there twice"),
        (["one=a"], ["one.layers=x"], "layers"),
        (["one=a"], ["one.strange=x"], "no option 'strange'"),
        (["one=a"], ["one.kind=picture"], "face, video, audio"),
    ],
)
def test_what_is_typed_wrongly(encoders: list[str], options: list[str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        encoders_of(encoders, options)


def test_a_column_of_the_data_set_is_not_replaced(rows: Dataset) -> None:
    for encoders in ({"mw_label": "random-tiny"}, {"mw_label": {"encoder": "random-tiny", "kind": "audio"}}):
        with pytest.raises(ValueError, match="would replace the column 'mw_label' of the data set"):
            extract(rows.add_column("video", ["a"] * 3), encoders=encoders)


def test_what_is_given_wrongly(rows: Dataset) -> None:
    with pytest.raises(ValueError, match="no option 'layers'"):
        extract(rows, encoders={"one": {"encoder": "random-tiny", "layers": (1,)}})
    with pytest.raises(ValueError, match="expected the name of an encoder"):
        extract(rows, encoders={"one": {}})
    with pytest.raises(TypeError, match="expected a mapping"):
        extract(rows, encoders=["random-tiny"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="would both compute 'one'"):
        extract(rows, stages=[FaceEmbed("random-tiny", column="one"), FaceEmbed("random-tiny", column="one")])
    with pytest.raises(ValueError, match="would both compute 'one'"):
        extract(rows, stages=[FaceEmbed("random-tiny", column="one"), AudioEmbed("random-tiny", column="one")])
    with pytest.raises(ValueError, match="stages="):
        extract(rows, stages=[])
