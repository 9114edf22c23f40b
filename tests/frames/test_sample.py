import subprocess
import sys

import cv2
import numpy as np
import pytest

from emollama_hf.encoders.pixels import resize_uint8
from emollama_hf.errors import ClipError
from emollama_hf.frames import SampleSettings, even_indices, open_pictures, open_video, sample_clip, segment_indices
from emollama_hf.frames.faces.detect import detect_faces
from emollama_hf.frames.video.decode import VideoClip
from tests import videos

SMALL = {"size": 64}


def sample(path, clip_name=None, peak_value=None, **settings):
    with open_video(path) as clip:
        return sample_clip(clip, SampleSettings(**settings), peak_value=peak_value, clip_name=clip_name)


def write(folder, frames, **options):
    return videos.write_video(folder / "clip.mp4", frames, **options)


@pytest.fixture(scope="module")
def pan(tmp_path_factory):
    return write(tmp_path_factory.mktemp("pan"), videos.pan(60))


def eyes_found(crop):
    """Where the eyes are in a crop, in pixels of 112."""
    canvas = np.zeros((2 * crop.shape[0], 2 * crop.shape[1], 3), np.uint8)
    y, x = crop.shape[0] // 2, crop.shape[1] // 2
    canvas[y : y + crop.shape[0], x : x + crop.shape[1]] = crop
    (face,) = detect_faces(canvas)
    return (face.landmarks[:2] - [x, y]) * 112 / crop.shape[0]


def test_shapes_types_and_facts(pan):
    result = sample(pan)
    assert result.facemae_frames.shape == result.videomae_frames.shape == (16, 224, 224, 3)
    assert result.facemae_frames.dtype == result.videomae_frames.dtype == result.peak_frame.dtype == np.uint8
    assert result.peak_frame.shape == (240, 320, 3)
    assert (result.face_boxes.shape, result.face_boxes.dtype) == ((16, 4), np.float32)
    assert (result.face_scores.shape, result.face_scores.dtype) == ((16,), np.float32)
    assert result.face_coverage == 1.0
    assert (result.face_scores > 0.9).all()
    assert result.info.frame_count == 60
    assert result.damaged_packets == 0
    assert np.array_equal(result.peak_frame, videos.all_frames(pan)[result.peak_index])


def test_every_crop_shows_the_same_aligned_face(pan):
    result = sample(pan)
    for crop in (*result.facemae_frames[::5], *result.videomae_frames[::5]):
        assert eyes_found(crop) == pytest.approx(np.array([[33, 29], [79, 29]]), abs=5)
        assert not crop[-3:, :60].any()  # masked


def test_boxes_follow_the_face(pan):
    boxes = sample(pan, **SMALL).face_boxes
    middles = (boxes[:, 0] + boxes[:, 2]) / 2
    assert (np.diff(middles) < 0).all()  # the camera pans to the right
    for number, box in zip(even_indices(60).tolist(), boxes, strict=True):
        x = (103.3 - (90 + 60 * number / 59)) * 320 / 200 + 160
        assert (box[0] + box[2]) / 2 == pytest.approx(x, abs=6)


@pytest.mark.parametrize("crop", ["openface", "aligned", "box", "none"])
def test_the_kinds_of_crop(pan, crop):
    result = sample(pan, crop=crop, size=96)
    first = result.facemae_frames[0]
    frame = videos.all_frames(pan)[0]
    assert first.shape == (96, 96, 3)
    assert result.face_coverage == 1.0
    if crop == "none":
        assert np.array_equal(first, resize_uint8(frame, (96, 96)))
    assert (not first[-2:, :20].any()) == (crop == "openface")


def test_both_stacks_are_the_sampled_frames():
    frames = np.stack([np.full((8, 8, 3), i, np.uint8) for i in range(37)])
    with open_pictures(frames) as clip:
        result = sample_clip(clip, SampleSettings(faces="none", size=8, num_frames=12))
    assert result.facemae_frames[:, 0, 0, 0].tolist() == even_indices(37, 12).tolist()
    assert result.videomae_frames[:, 0, 0, 0].tolist() == segment_indices(37).tolist()


def test_with_given_crops_nobody_looks_for_faces():
    crops = np.stack([cv2.resize(f[20:160, 60:200], (112, 112)) for f in videos.zoom(20)])
    with open_pictures(crops) as clip:
        result = sample_clip(clip, SampleSettings(faces="none"))
    assert np.array_equal(result.facemae_frames[0], resize_uint8(crops[0], (224, 224)))
    assert np.isnan(result.face_boxes).all()
    assert np.isnan(result.face_scores).all()
    assert np.isnan(result.face_coverage)
    assert np.array_equal(result.peak_frame, crops[result.peak_index])


def test_the_same_clip_gives_the_same_pixels_again(pan):
    first, second = sample(pan), sample(pan.read_bytes())
    assert np.array_equal(first.facemae_frames, second.facemae_frames)
    assert np.array_equal(first.videomae_frames, second.videomae_frames)
    assert np.array_equal(first.peak_frame, second.peak_frame)
    assert np.array_equal(first.face_boxes, second.face_boxes)


def test_frames_that_were_not_kept_are_decoded_again_with_the_same_result(pan, monkeypatch):
    from emollama_hf.frames import sample as module
    from emollama_hf.frames.held import HeldFrames

    expected = sample(pan)
    monkeypatch.setattr(module, "HeldFrames", lambda: HeldFrames(budget_bytes=200_000))
    got = sample(pan)
    assert got.peak_index == expected.peak_index
    for name in ("facemae_frames", "videomae_frames", "peak_frame", "face_boxes"):
        assert np.array_equal(getattr(got, name), getattr(expected, name)), name


@pytest.mark.parametrize("options", [{"crop": "none"}, {"crop": "box"}, {"faces": "none"}], ids=str)
def test_no_frame_of_a_short_clip_is_decoded_twice(pan, monkeypatch, options):
    again = []
    frames = VideoClip.frames

    def noted(clip, indices):
        again.extend(indices)
        return frames(clip, indices)

    monkeypatch.setattr(VideoClip, "frames", noted)
    for peak in ("middle", "expressive"):
        sample(pan, peak=peak, **options)
        assert again == []


def test_a_clip_without_a_face_gives_the_centre_and_says_so(tmp_path):
    path = write(tmp_path, videos.no_face(30))
    result = sample(path, **SMALL)
    assert result.face_coverage == 0
    assert not result.face_scores.any()
    assert (result.face_boxes == [40, 0, 280, 240]).all()
    assert np.array_equal(result.facemae_frames[0], resize_uint8(videos.all_frames(path)[0][:, 40:280], (64, 64)))
    assert result.peak_index == 15


def test_coverage_counts_the_frames_with_the_face(tmp_path):
    hidden = set(even_indices(60).tolist()[4:8])  # and everything around them, so that no gap is short
    frames = [
        videos.hide_face(f) if min(hidden) - 2 <= i <= max(hidden) + 2 else f for i, f in enumerate(videos.pan(60))
    ]
    result = sample(write(tmp_path, frames), **SMALL)
    assert result.face_coverage == 12 / 16
    assert np.flatnonzero(result.face_scores == 0).tolist() == [4, 5, 6, 7]


def test_in_a_short_gap_the_face_is_where_its_neighbours_say(tmp_path):
    gap = even_indices(60).tolist()[6]
    frames = [videos.hide_face(f) if i == gap else f for i, f in enumerate(videos.pan(60))]
    result = sample(write(tmp_path, frames), **SMALL)
    whole = sample(write(tmp_path, videos.pan(60)), **SMALL)
    assert result.face_coverage == 15 / 16
    assert result.face_scores[6] == 0
    assert result.face_boxes[6] == pytest.approx(whole.face_boxes[6], abs=4)


def test_in_a_long_gap_the_nearest_crop_is_used_again_and_no_old_coordinates(tmp_path):
    frames = [videos.hide_face(f) if 20 <= i < 45 else f for i, f in enumerate(videos.pan(60))]
    result = sample(write(tmp_path, frames), **SMALL)
    indices = even_indices(60).tolist()
    lost = [k for k, n in enumerate(indices) if 20 <= n < 45]
    assert np.flatnonzero(result.face_scores == 0).tolist() == lost
    crops = [*result.facemae_frames, *result.videomae_frames]
    numbers = [*indices, *segment_indices(60).tolist()]
    for k in lost:
        nearest = min((n for n in numbers if not 20 <= n < 45), key=lambda n: (abs(n - indices[k]), n))
        assert np.array_equal(result.facemae_frames[k], crops[numbers.index(nearest)])


def test_a_cut_is_not_bridged(tmp_path):
    # A face on the left, nothing for a while after the cut, then a face on the right.
    left = [videos.place_face(f, (90, 100), 100) for f in videos.no_face(24, seed=3)]
    right = list(videos.darken([videos.place_face(np.full((240, 320, 3), 90, np.uint8), (240, 130), 120)] * 24, to=0.9))
    result = sample(write(tmp_path, [*left, *right]), **SMALL)
    middles = (result.face_boxes[:, 0] + result.face_boxes[:, 2]) / 2
    indices = even_indices(48)
    assert middles[indices < 24] == pytest.approx(90, abs=8)
    assert middles[indices >= 24] == pytest.approx(240, abs=8)


def test_after_a_cut_to_no_face_no_face_is_shown(tmp_path):
    result = sample(write(tmp_path, [*videos.pan(24), *videos.no_face(24)]), **SMALL)
    after = even_indices(48) >= 24
    assert result.face_coverage == pytest.approx(np.mean(~after))
    assert (result.face_boxes[after] == [40, 0, 280, 240]).all()


def test_the_speaker_is_chosen_and_not_the_larger_face_at_the_edge(tmp_path):
    wall = np.full((240, 320, 3), (150, 140, 120), np.uint8)
    frames = []
    for i in range(30):
        frame = videos.place_face(wall, (150 + i / 3, 110), 90)
        frames.append(videos.place_face(frame, (300, 190), 130, squeeze=0.7))
    path = write(tmp_path, frames)
    assert len(detect_faces(videos.all_frames(path)[0])) == 2
    boxes = sample(path, **SMALL).face_boxes
    assert ((boxes[:, 0] + boxes[:, 2]) / 2 < 200).all()


def test_a_face_that_enters_later_does_not_take_over(tmp_path):
    wall = np.full((240, 320, 3), (150, 140, 120), np.uint8)
    frames = [videos.place_face(wall, (110, 110), 90)] * 40
    frames[25:] = [videos.place_face(f, (240, 110), 100) for f in frames[25:]]
    boxes = sample(write(tmp_path, frames), **SMALL).face_boxes
    assert ((boxes[:, 0] + boxes[:, 2]) / 2 < 160).all()


def test_the_expressive_peak_is_the_smile(tmp_path):
    smile = videos.shot(x=103, y=60, width=110)
    neutral = videos.close_mouth(smile)
    frames = [smile if 30 <= i < 36 else neutral for i in range(60)]
    assert 30 <= sample(write(tmp_path, frames), **SMALL).peak_index < 36


@pytest.mark.parametrize(
    ("settings", "peak_value", "index"),
    [
        ({"peak": "middle"}, None, 30),
        ({"peak": "first"}, None, 0),
        ({"peak": "column:apex"}, 41, 41),
        ({"peak": "column:apex"}, np.float64(0.5), 12),
    ],
)
def test_the_peak_frame_of_each_rule(pan, settings, peak_value, index):
    result = sample(pan, peak_value=peak_value, **SMALL, **settings)
    assert result.peak_index == index
    assert np.array_equal(result.peak_frame, videos.all_frames(pan)[index])


def test_the_peak_from_openface(pan, tmp_path):
    (tmp_path / "pan.csv").write_text("frame, AU01_r\n1, 0.5\n8, 3.5\n")
    result = sample(pan, clip_name="clips/pan.mp4", peak=f"openface:{tmp_path}", **SMALL)
    assert result.peak_index == 7


def test_a_bad_peak_is_known_before_anything_is_decoded(pan):
    with pytest.raises(ClipError) as error:
        sample(pan, peak="column:apex", peak_value="soon")
    assert error.value.kind == "bad_peak"


@pytest.mark.parametrize("count", [1, 2, 9])
def test_clips_of_a_few_frames(tmp_path, count):
    result = sample(write(tmp_path, videos.pan(count)), **SMALL)
    assert result.facemae_frames.shape == result.videomae_frames.shape == (16, 64, 64, 3)
    assert result.face_coverage == 1


def test_a_rotated_phone_video(tmp_path):
    lying = [np.ascontiguousarray(np.rot90(f, -1)) for f in videos.pan(12)]
    result = sample(write(tmp_path, lying, rotation=90), **SMALL)
    assert result.face_coverage == 1
    assert result.peak_frame.shape == (240, 320, 3)


def test_pictures_of_different_sizes(tmp_path):
    frames = [videos.shot(size=(320, 240)) if i % 2 else videos.shot(size=(640, 480)) for i in range(16)]
    with open_pictures(frames) as clip:
        result = sample_clip(clip, SampleSettings(size=64))
    assert result.face_coverage == 1
    assert result.face_boxes[0] == pytest.approx(2 * result.face_boxes[1], abs=12)


def test_memory_does_not_grow_with_the_length_of_a_clip(tmp_path):
    short = videos.write_video(tmp_path / "short.mp4", videos.pan(48, size=(640, 480)), options={"g": "48"})
    long = videos.repeat_video(short, tmp_path / "long.mp4", 50)  # 2,400 frames, 2.2 GB as pictures
    peaks = [peak_mb(path) for path in (short, long)]
    assert peaks[1] - peaks[0] < 40


def peak_mb(path):
    code = (
        "import resource, sys\n"
        "from emollama_hf.frames import open_video, sample_clip\n"
        "with open_video(sys.argv[1]) as clip: sample_clip(clip)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    return float(subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True).stdout)
