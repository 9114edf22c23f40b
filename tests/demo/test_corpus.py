"""A corpus is what it says: clips with faces, tables, movement and light by class and by nothing else."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import emollama_hf
from emollama_hf.demo import Corpus, corpus
from emollama_hf.frames import SampleSettings, open_video, sample_clip
from tests.videos import all_frames


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpus(tmp_path_factory.mktemp("corpus") / "clips", participants=5, clips=3, seed=7)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def crops(path: Path) -> np.ndarray:
    with open_video(str(path)) as clip:
        return sample_clip(clip, SampleSettings(peak="middle")).facemae_frames


def test_a_table_of_labels_and_one_of_what_is_planted(made: Corpus) -> None:
    labels, planted = table(made.labels), table(made.planted)
    assert set(labels[0]) == {
        "file_name", "participant_id", "mw_label", "test_fold_num", "gender", "lamp", "noise"
    }  # fmt: skip
    assert set(planted[0]) == {"file_name", "movement", "light"}
    names = [path.name for path in made.clips]
    assert names == [row["file_name"] for row in labels] == [row["file_name"] for row in planted]
    assert sorted(path.name for path in made.labels.parent.iterdir()) == sorted([*names, "labels.csv", "planted.csv"])
    assert {row["mw_label"] for row in labels} == {"MW", "NonMW"}
    assert len({row["participant_id"] for row in labels}) == 5


def test_a_face_in_every_sampled_frame(made: Corpus) -> None:
    for path in made.clips[::3]:
        with open_video(str(path)) as clip:
            assert (clip.info.width, clip.info.height, clip.info.fps) == (160, 120, 16)
            assert 16 <= clip.info.frame_count <= 20
            assert sample_clip(clip, SampleSettings(peak="middle")).face_coverage == 1


def test_the_lamp_is_brighter_where_the_table_says_so(made: Corpus) -> None:
    """Within each person, whose tint is the same."""
    lamps = {row["file_name"]: float(row["lamp"]) for row in table(made.labels)}
    for own in np.split(np.array(made.clips), 5):
        brightness = [np.mean(all_frames(path)) for path in own]
        assert np.argsort([lamps[path.name] for path in own]).tolist() == np.argsort(brightness).tolist()


def test_the_face_moves_as_planted(tmp_path: Path) -> None:
    """Of clips whose scores lie far apart, also where face crops are aligned."""
    far = corpus(tmp_path / "clips", participants=3, clips=2, seed=1, movement=5.0, light=0.0)
    movement = [np.abs(np.diff(crops(path).astype(np.float32), axis=0)).mean() for path in far.clips]
    positive = np.array([row["mw_label"] == "MW" for row in table(far.labels)])
    assert min(np.array(movement)[positive]) > 1.3 * max(np.array(movement)[~positive])


def test_people_differ_more_than_clips_of_a_person(made: Corpus) -> None:
    chosen = made.clips[:9]
    shapes = [crops(path).mean((0, 3)) for path in chosen]
    shapes = [shape / shape.mean() for shape in shapes]  # not by their light
    people = [int(path.name[1:4]) for path in chosen]
    apart = {True: [], False: []}
    for i in range(len(shapes)):
        for j in range(i):
            apart[people[i] == people[j]].append(float(np.abs(shapes[i] - shapes[j]).mean()))
    assert np.mean(apart[False]) > 1.5 * np.mean(apart[True])


def test_the_same_seed_the_same_corpus_another_seed_another(made: Corpus, tmp_path: Path) -> None:
    again = corpus(tmp_path / "again", participants=5, clips=3, seed=7)
    other = corpus(tmp_path / "other", participants=2, clips=2, seed=8)
    for name in ("labels.csv", "planted.csv"):
        assert (again.labels.parent / name).read_bytes() == (made.labels.parent / name).read_bytes()
    for path in made.clips[::4]:
        assert (again.labels.parent / path.name).read_bytes() == path.read_bytes()
    assert not np.array_equal(all_frames(other.clips[0])[0], all_frames(made.clips[0])[0])


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"is not empty.*Choose another"):
        emollama_hf.demo.corpus(tmp_path, participants=2, clips=2)
    with pytest.raises(FileExistsError, match="Choose another"):
        corpus(tmp_path / "mine.txt", participants=2, clips=2)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_is_written_before_the_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="participants=1"):
        corpus(tmp_path / "clips", participants=1)
    assert not (tmp_path / "clips").exists()
