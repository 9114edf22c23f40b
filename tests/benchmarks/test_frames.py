"""The benchmarks of the frames stage measure what they say."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import encoded_again, followed_clips, frames, frames_quality
from benchmarks.frames_steps import REST, STEPS, StepTimer, timed_steps
from benchmarks.markdown_part import MarkdownPart
from benchmarks.searched_everywhere import sample as searched_everywhere
from emollama_hf.frames import even_indices, open_video, sample_clip
from emollama_hf.frames import sample as following
from emollama_hf.frames.faces.tracks import link_tracks
from emollama_hf.frames.video.decode import VideoClip
from tests import videos


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return videos.write_video(tmp_path_factory.mktemp("clips") / "pan.mp4", videos.pan(30))


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_step_within_step_counts_once():
    clock = Clock()
    timer = StepTimer(clock)
    with timer.step("decode"):
        clock.now += 1
        with timer.step("search"):
            clock.now += 10
        clock.now += 2
    clock.now += 100
    with timer.step("decode"):
        clock.now += 4
    assert dict(timer.seconds) == {"decode": 7, "search": 10, REST: 100}


@pytest.mark.parametrize("version", [sample_clip, searched_everywhere.sample_clip])
def test_steps_add_up_to_the_clip(clip, version):
    frames.stage_steps(clip, version)
    start = time.process_time()
    steps = frames.stage_steps(clip, version)
    whole = time.process_time() - start
    assert set(steps) == {*STEPS, REST}
    assert all(seconds > 0 for seconds in steps.values())
    assert sum(steps.values()) == pytest.approx(whole, rel=0.1)


def test_what_a_caller_does_between_frames_is_no_decoding(clip):
    with timed_steps() as timer, open_video(clip) as opened:
        for _ in opened.pictures(range(3)):
            start = time.process_time()
            while time.process_time() - start < 0.1:
                pass
    assert timer.seconds["decode"] < 0.15 < 0.3 <= timer.seconds[REST]


def test_functions_are_the_packages_own_again():
    before = VideoClip.pictures
    with timed_steps():
        assert VideoClip.pictures is not before
    assert VideoClip.pictures is before


def test_function_that_is_gone_is_named(monkeypatch):
    monkeypatch.setitem(STEPS, "search", ("emollama_hf.frames.faces.detect:look_everywhere",))
    with pytest.raises(AttributeError, match="detect:look_everywhere is not there any more"), timed_steps():
        pass


@pytest.mark.parametrize("version", [following, searched_everywhere])
def test_plan_is_what_the_sample_is_cut_by(clip, version):
    with open_video(clip) as opened:
        plan, sample = version.plan_clip(opened), version.sample_clip(opened)
    numbers = even_indices(sample.info.frame_count)
    np.testing.assert_array_equal(plan.crops.boxes(numbers), sample.face_boxes)
    assert plan.peak == sample.peak_index


@pytest.mark.parametrize("kind", ["sway", "expression", "profile"])
def test_faces_are_where_they_were_drawn(kind, tmp_path):
    drawn = followed_clips.draw(kind, 0, tmp_path / "clip.mp4")
    with open_video(drawn.path) as opened:
        for number, pixels in opened.frames(range(0, 20, 5)):
            (place,) = drawn.places(number)
            nearest = min(videos.detect_faces(pixels), key=lambda face: np.hypot(*(face.centre - place[:2])))
            assert np.hypot(*(nearest.centre - place[:2])) < 0.12 * place[2]
            assert float(nearest.box[2] - nearest.box[0]) == pytest.approx(place[2], rel=0.35)


def test_equal_versions_are_equal_and_others_are_not(tmp_path, monkeypatch):
    drawn = followed_clips.draw("cut", 1, tmp_path / "clip.mp4")
    monkeypatch.setattr(following, "plan_clip", searched_everywhere.plan_clip)
    same = frames_quality.compared(drawn)
    assert (same.shots, same.margins, same.peaks_apart) == (3, [], None)
    assert min(same.overlaps) == 1
    assert max(same.landmarks_facemae) < 1e-6
    assert same.truth[0] == same.truth[1]

    def shifted(clip):
        plan = searched_everywhere.plan_clip(clip)
        for track in plan.tracks.values():
            for number, face in track.faces.items():
                moved = face.landmarks + np.float32(0.1 * face.size)
                track.faces[number] = replace(face, box=face.box + np.float32(0.1 * face.size), landmarks=moved)
        return plan

    monkeypatch.setattr(following, "plan_clip", shifted)
    moved = frames_quality.compared(drawn)
    assert max(moved.overlaps) < 0.9
    assert min(moved.landmarks_facemae) > 2
    line = frames_quality.summary("cut", [same, moved])
    assert json.loads(json.dumps(line)) == line
    assert line["truth_after"][0] > line["truth_before"][0]
    assert "| `cut` | 2 | 6 of 6 |" in frames_quality.table([line])


def test_another_face_is_told_with_how_near_the_two_were(tmp_path, monkeypatch):
    drawn = followed_clips.draw("pan", 0, tmp_path / "clip.mp4")

    def other(clip):
        plan = searched_everywhere.plan_clip(clip)
        tracks = sorted(link_tracks(plan.frames), key=lambda track: -sum(track.weights))
        return replace(plan, tracks={0: tracks[1]})

    monkeypatch.setattr(following, "plan_clip", other)
    found = frames_quality.compared(drawn)
    assert len(found.margins) == 1
    assert 0 <= found.margins[0] < 1
    assert "lighter" in frames_quality.table([frames_quality.summary("pan", [found])])


def test_table_has_both_versions_of_a_clip(clip):
    line = {"clip": "pan, 480p, 10 s", **frames.clip_times(clip, rounds=1)}
    head, _, before, after = frames.table([line]).splitlines()
    assert before.split("|")[1:4] == [" pan, 480p ", f" {line['megabit_s']} ", " before "]
    assert f"**{line['after_over_before']:.2f}**" in after
    assert len({head.count("|"), before.count("|"), after.count("|")}) == 1


def test_part_of_a_file_is_replaced_and_nothing_else(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("# Page\n\n<!-- one -->\nold\n<!-- /one -->\n\nand more\n")
    for _ in range(2):
        MarkdownPart(path, "one").fill("| new |\n")
        assert path.read_text() == "# Page\n\n<!-- one -->\n\n| new |\n\n<!-- /one -->\n\nand more\n"
    with pytest.raises(ValueError, match=r"page.md lacks the lines <!-- two --> and <!-- /two -->"):
        MarkdownPart(path, "two")


@pytest.mark.parametrize("program", [frames, frames_quality])
def test_file_without_the_part_ends_the_program_before_anything_is_measured(program, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["program", "--table", str(tmp_path / "none.md")])
    with pytest.raises(SystemExit):
        program.main()
    assert "--table: " in capsys.readouterr().err


def test_readme_has_the_parts():
    readme = Path(frames.__file__).parent / "README.md"
    for name in ("frames steps", "frames quality"):
        MarkdownPart(readme, name)


def test_peaks_of_one_clip_encoded_thrice_are_compared_with_the_first(monkeypatch):
    monkeypatch.setattr(encoded_again, "ENCODINGS", (("ultrafast", 30), ("ultrafast", 30)))
    (before,), (after,) = encoded_again.distances_of("expression", 0).values()
    assert before == after == 0  # the same bytes
    line = encoded_again.summary("expression", {"before": [0.0, 0.04, 0.3], "after": [0.0, 0.0, 0.06]})
    assert line == {"kind": "expression", "pairs": 3, "near_before": 2, "near_after": 2}
