from dataclasses import dataclass

import numpy as np
import pytest

from emollama_hf.errors import ClipError
from emollama_hf.frames import ClipInfo, SampleSettings
from emollama_hf.frames.peak.peak import Candidate, fixed_peak, most_expressive


@dataclass
class TenSeconds:
    """The two things that a peak rule asks of a clip; reading frames is not among them."""

    info = ClipInfo(250, 25.0, 10.0, 320, 240)

    def index_at(self, time_s):
        if not 0 <= time_s <= 10:
            raise ClipError("bad_peak", "outside")
        return int(time_s * 25)


def peak(rule, value=None, name=None):
    return fixed_peak(TenSeconds(), SampleSettings(peak=rule), value, name)


def error_of(*args) -> ClipError:
    with pytest.raises(ClipError) as caught:
        peak(*args)
    assert caught.value.kind == "bad_peak"
    return caught.value


def test_fixed_rules():
    assert peak("middle") == 125
    assert peak("first") == 0
    assert peak("expressive") is None


@pytest.mark.parametrize("value", [17, np.int64(17), np.uint8(17)])
def test_a_whole_number_is_a_frame(value):
    assert peak("column:apex", value) == 17


@pytest.mark.parametrize("value", [0.7, np.float32(0.7), np.float64(0.7)])
def test_a_float_is_a_time(value):
    assert peak("column:apex", value) == 17


@pytest.mark.parametrize("value", [True, np.bool_(True), "17", None, float("nan"), float("inf"), [17], -1, 250, 11.0])
def test_anything_else_is_a_bad_peak(value):
    error_of("column:apex", value)


def test_the_error_names_the_column_and_what_it_holds():
    assert "column 'apex' holds '17' (str); expected a frame number" in str(error_of("column:apex", "17"))
    assert "frames 0..249" in str(error_of("column:apex", 250))


OPENFACE = """frame, face_id, timestamp, confidence, success, AU01_r, AU12_r, AU12_c
1, 0, 0.000, 0.98, 1, 0.10, 0.20, 1
2, 0, 0.040, 0.98, 1, 1.00, 2.00, 0
3, 0, 0.080, 0.10, 0, 2.00, 2.50, 0
4, 0, 0.120, 0.98, 1, 2.50, 2.00, 1
"""


@pytest.fixture
def openface(tmp_path):
    def write(text, name="clip.csv"):
        (tmp_path / name).write_text(text)
        return f"openface:{tmp_path}"

    return write


def test_openface_takes_the_largest_sum_the_first_of_equals_and_counts_from_1(openface):
    assert peak(openface(OPENFACE), None, "some/folder/clip.mp4") == 2
    assert peak(openface(OPENFACE), None, "s3://bucket/clip.webm") == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has the columns none"),
        ("frame, success\n1, 1\n", "'AU01_r'"),
        ("timestamp, AU01_r\n0, 1\n", "'frame'"),
        ("frame, AU01_r\n", "no row"),
        ("frame, AU01_r\n1, much\n", "line 2"),
        ("frame, AU01_r\n1\n", "line 2"),
        ("frame, AU01_r\n251, 3\n", "frame 251 (counted from 1), and the clip has frames 0..249"),
        ("frame, AU01_r\n0, 3\n", "frame 0"),
    ],
)
def test_openface_files_that_do_not_fit(openface, text, words):
    assert words in str(error_of(openface(text), None, "clip.mp4"))


def test_openface_without_a_file_or_a_name(openface):
    assert "no OpenFace file" in str(error_of(openface(OPENFACE), None, "other.mp4"))
    assert "without a file name" in str(error_of(openface(OPENFACE), None, None))


def candidates(scores, gap=100, detection=None, sharp=None, shots=None):
    count = len(scores)
    detection, sharp, shots = detection or [1.0] * count, sharp or [1.0] * count, shots or [0] * count
    rows = zip(scores, detection, sharp, shots, strict=True)
    return [Candidate(i * gap, shot, s, d, q) for i, (s, d, q, shot) in enumerate(rows)]


def test_the_most_expressive_frame_and_the_first_of_equals():
    assert most_expressive(candidates([0.1, 0.9, 0.3, 0.9])) == 100
    assert most_expressive(candidates([0.5] * 7)) == 0
    assert most_expressive([]) is None


def test_a_blurred_or_unsure_face_does_not_count():
    assert most_expressive(candidates([0.9, 0.2, 0.5, 0.3], sharp=[0.1, 1, 1, 1])) == 200
    assert most_expressive(candidates([0.9, 0.2, 0.5, 0.3], detection=[0.1, 1, 1, 1])) == 200


def test_gates_that_leave_nobody_are_not_applied():
    assert most_expressive(candidates([0.2, 0.6], detection=[0.1, 1], sharp=[1, 0.1])) == 100


def test_one_wild_frame_among_close_neighbours_is_smoothed_away():
    scores = [0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.7, 0.8, 0.8, 0.7, 0.6, 0.1]
    assert most_expressive(candidates(scores, gap=1)) in (7, 8)
    assert most_expressive(candidates(scores, gap=50)) == 100


def test_scores_are_not_smoothed_across_a_cut():
    scores, shots = [0.6, 0.6, 0.6, 0.7, 0.1, 0.1, 0.1], [0, 0, 0, 1, 2, 2, 2]
    assert most_expressive(candidates(scores, gap=1, shots=shots)) == 3


@pytest.mark.parametrize(("steady", "peak_frame"), [(0.50, 2), (0.53, 6)])
def test_scores_are_smoothed_over_two_frames(steady, peak_frame):
    """A grimace of one frame, 0.516 once smoothed, against a steady expression."""
    scores = [0.2, 0.9, 0.2, steady, steady, steady]
    assert most_expressive(candidates(scores, gap=2, shots=[0, 0, 0, 1, 1, 1])) == peak_frame


def test_the_quarter_of_the_least_sharp_faces_does_not_count():
    assert most_expressive(candidates([0.9, 0.8, 0.1, 0.1, 0.1], sharp=[1.0, 2.0, 3.0, 4.0, 5.0])) == 100


@pytest.mark.parametrize("score", [0.1, 0.3, 0.7, 0.9])
@pytest.mark.parametrize("count", [2, 7, 64])
def test_of_equal_scores_the_first_is_the_peak_whatever_the_last_bit_of_a_sum_says(score, count):
    assert most_expressive(candidates([score] * count, gap=1)) == 0
