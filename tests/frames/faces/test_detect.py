import os
import signal
import time

import cv2
import numpy as np
import pytest

from emollama_hf.frames.demo_clips import astronaut
from emollama_hf.frames.faces.detect import detect_faces
from emollama_hf.frames.faces.face import LEFT_EYE, RIGHT_EYE, Face
from tests import second_process, videos


def test_the_face_of_the_small_portrait():
    (face,) = detect_faces(astronaut())
    # skimage's full picture has it at (178, 63)-(268, 176) of 512 pixels.
    assert face.box == pytest.approx(np.array([178, 63, 268, 176]) * 236 / 512, abs=4)
    assert face.score > 0.9
    assert face.landmarks[LEFT_EYE] == pytest.approx([93.9, 48.3], abs=1.5)
    assert face.landmarks[RIGHT_EYE] == pytest.approx([113.7, 49.2], abs=1.5)


@pytest.mark.parametrize("size", [(96, 96), (320, 240), (240, 320), (1280, 960), (641, 479)])
def test_coordinates_are_those_of_the_frame_whatever_its_size(size):
    frame = videos.shot(size=size, width=236)
    (face,) = detect_faces(frame)
    scale = size[0] / 236
    centre = np.array([103.3 - 118, 54.9 - 88]) * scale + np.array(size) / 2
    assert face.centre == pytest.approx(centre, abs=0.03 * size[0])


@pytest.mark.parametrize("degrees", [-25, 25])
def test_a_tilted_face_is_as_tilted_as_it_is(degrees):
    frame = videos.shot(x=110, y=65, width=150, size=(640, 480))
    upright = detect_faces(frame)[0]
    turn = cv2.getRotationMatrix2D([float(v) for v in upright.centre], degrees, 1)
    tilted = detect_faces(cv2.warpAffine(frame, turn, (640, 480)))[0]
    expected = upright.landmarks @ turn[:, :2].T + turn[:, 2]
    eyes = np.linalg.norm(upright.landmarks[RIGHT_EYE] - upright.landmarks[LEFT_EYE])
    assert np.linalg.norm(tilted.landmarks - expected, axis=1).mean() < 0.15 * eyes


def test_a_face_that_fills_the_picture_is_found_at_the_smaller_size():
    close = cv2.resize(astronaut()[33:80, 84:123], (640, 771), interpolation=cv2.INTER_CUBIC)
    assert detect_faces(close)


def test_a_dark_face_is_found():
    assert len(detect_faces((astronaut() * 0.1).astype(np.uint8))) == 1


@pytest.mark.parametrize(
    "frame", [*videos.no_face(2), np.zeros((240, 320, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)]
)
def test_where_there_is_no_face_none_is_found(frame):
    assert detect_faces(frame) == []


def test_a_face_from_the_front_is_more_frontal_than_one_turned_away():
    def face(nose_x: float) -> Face:
        landmarks = np.array([[10, 10], [30, 10], [nose_x, 20], [12, 30], [28, 30]], np.float32)
        return Face(np.array([0, 0, 40, 40], np.float32), landmarks, 1.0)

    assert [face(x).frontality for x in (20, 25, 30, 35, 5)] == pytest.approx([1, 0.5, 0, 0, 0])


def test_opencv_is_left_as_it_was():
    logging = getattr(cv2.utils, "logging", None)
    before = cv2.getNumThreads(), logging and logging.getLogLevel()
    detect_faces(astronaut())
    assert (cv2.getNumThreads(), logging and logging.getLogLevel()) == before


def test_making_the_detector_prints_nothing():
    code = "from emollama_hf.frames.faces.detect import detect_faces as d\n"
    code += "import numpy as n; d(n.zeros((64, 64, 3), n.uint8))"
    result = second_process.run(code, check=True)
    assert (result.stdout, result.stderr) == ("", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # forking a process with threads, which is the point
def test_a_forked_worker_of_a_process_that_has_used_every_pool_finds_the_same_face():
    # OpenCV's pool exists in the parent, and torch's.
    import torch

    from emollama_hf.frames.peak.expression import expressiveness

    cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (2000, 2000, 3), np.uint8), (31, 31), 5)
    torch.randn(1000, 1000) @ torch.randn(1000, 1000)
    patch = np.full((1, 64, 64), 128, np.uint8)
    expected = detect_faces(astronaut())[0].box, expressiveness(patch)
    child = os.fork()
    if child == 0:
        got = detect_faces(astronaut())[0].box, expressiveness(patch)
        os._exit(0 if all(np.array_equal(a, b) for a, b in zip(got, expected, strict=True)) else 1)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the worker hangs")
