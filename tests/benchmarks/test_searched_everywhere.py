"""Faces that are followed are those that searching every frame finds, on clips as they are; the rest in benchmarks."""

import numpy as np
import pytest

from benchmarks.searched_everywhere.sample import sample_clip as searched_everywhere
from emollama_hf.frames import SampleSettings, open_video, sample_clip
from emollama_hf.frames.demo_clips import write_demo_clips
from emollama_hf.frames.faces.continuation import box_overlaps
from tests import crowds, videos


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    scenes = {
        "fast": [crowds.swaying(0, 240, 90, 0.6)],
        "two": [crowds.swaying(0, 140, 20, 0.3, height=110), crowds.standing(1, 340, height=70)],
        "small": [crowds.swaying(2, 240, 10, 0.4, height=34)],
    }
    made = [
        videos.write_video(folder / f"{name}.mp4", crowds.Scene(people, 3).frames(24))
        for name, people in scenes.items()
    ]
    return [*write_demo_clips(folder), *made]


def test_boxes_and_coverage_are_those_of_before(clips):
    for path in clips:
        settings = SampleSettings(size=64, peak="middle")
        with open_video(path) as clip:
            before = searched_everywhere(clip, settings)
        with open_video(path) as clip:
            now = sample_clip(clip, settings)
        overlaps = np.diag(box_overlaps(before.face_boxes, now.face_boxes))
        assert np.median(overlaps) > 0.9, path.name
        assert overlaps.min() > 0.5, f"{path.name}: somebody else"
        assert now.face_coverage >= before.face_coverage, path.name
