"""OpenCV's threads: one inside, the caller's outside, and none that a forked process would wait for."""

import os

import cv2
import pytest

from emollama_hf.frames.opencv import one_thread


@pytest.fixture(autouse=True)
def _three_threads():
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    yield
    cv2.setNumThreads(before)


def test_one_thread_inside_and_the_callers_number_again_outside_also_after_an_error():
    with one_thread():
        assert cv2.getNumThreads() == 1
        with one_thread():
            assert cv2.getNumThreads() == 1
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == 3
    with pytest.raises(ZeroDivisionError), one_thread():
        raise ZeroDivisionError
    assert cv2.getNumThreads() == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # forking a process with threads, which is the point
def test_the_pool_is_put_away_before_a_fork_and_is_the_parents_again():
    pid = os.fork()
    if pid == 0:
        os._exit(cv2.getNumThreads())
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert cv2.getNumThreads() == 3
