"""YuNet in torch against the same network in OpenCV, on pictures with faces of every kind and without any."""

from __future__ import annotations

import cv2
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from numpy.typing import NDArray
from torch.utils._python_dispatch import TorchDispatchMode

from emollama_hf.frames.demo_clips import astronaut
from emollama_hf.frames.faces import torch_yunet
from emollama_hf.frames.faces.detect import detect_faces
from emollama_hf.frames.faces.face_network import face_network, opencv_network, searching_with
from emollama_hf.frames.faces.onnx_convolutions import convolutions
from emollama_hf.frames.faces.torch_yunet import TorchYunet
from emollama_hf.frames.faces.yunet import YuNet
from emollama_hf.frames.faces.yunet_file import yunet_onnx
from tests import videos

Frame = NDArray[np.uint8]
SIDES = st.integers(1, 420)


@pytest.fixture(scope="module")
def network() -> TorchYunet:
    return TorchYunet("cpu")


@st.composite
def pictures(draw: st.DrawFn, widths: st.SearchStrategy[int] = SIDES) -> Frame:
    """The portrait, once or repeated beyond its border, turned, scaled, squeezed by its size, darkened; BGR."""
    size = (draw(widths), draw(SIDES))
    turned = cv2.getRotationMatrix2D(videos.FACE, draw(st.floats(-180, 180)), draw(st.floats(0.15, 4)))
    turned[:, 2] += np.array(size) / 2 - np.array(videos.FACE) + draw(st.floats(-100, 100))
    border = draw(st.sampled_from([cv2.BORDER_CONSTANT, cv2.BORDER_WRAP, cv2.BORDER_REFLECT]))
    frame = cv2.warpAffine(astronaut()[..., ::-1], turned, size, borderMode=border)
    return np.clip(frame * draw(st.floats(0.05, 1.5)), 0, 255).astype(np.uint8)


def sure(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without faces that rounding may move across the threshold."""
    return rows[rows[:, 14] > 0.601]


def assert_same_faces(ours: NDArray[np.float32], others: NDArray[np.float32]) -> None:
    assert ours.dtype == others.dtype == np.float32
    ours, others = sure(ours), sure(others)
    assert ours.shape == others.shape
    if len(ours):  # equal scores may come in another order
        nearest = np.abs(ours[:, None, :2] - others[:, :2]).sum(-1).argmin(1)
        assert sorted(nearest) == list(range(len(others)))
        assert ours[:, :14] == pytest.approx(others[nearest, :14], abs=1e-2)
        assert ours[:, 14] == pytest.approx(others[:, 14], abs=1e-3)


@settings(max_examples=150)
@given(bgr=pictures())
@example(bgr=np.zeros((0, 0, 3), np.uint8))
@example(bgr=np.zeros((1, 1, 3), np.uint8))
@example(bgr=np.full((33, 65, 3), 255, np.uint8))
def test_faces_are_those_that_opencv_finds(network: TorchYunet, bgr: Frame) -> None:
    assert_same_faces(network.rows(bgr), opencv_network().rows(bgr))


def test_a_crowd_of_two_hundred(network: TorchYunet) -> None:
    face = cv2.resize(astronaut()[28:90, 78:128, ::-1], (40, 48), interpolation=cv2.INTER_AREA)
    crowd = np.tile(face, (13, 16, 1))
    rows = network.rows(crowd)
    assert len(rows) >= 200
    assert_same_faces(rows, opencv_network().rows(crowd))


def test_a_picture_may_be_a_view_that_is_not_contiguous(network: TorchYunet) -> None:
    bgr = astronaut()[..., ::-1]
    assert network.rows(bgr[::2, ::-1]) == pytest.approx(network.rows(np.ascontiguousarray(bgr[::2, ::-1])))


@settings(max_examples=15)
@given(data=st.data())
def test_several_together_give_what_each_gives_alone(network: TorchYunet, data: st.DataObject) -> None:
    some = data.draw(st.lists(pictures(st.sampled_from([64, 97])), max_size=5))
    together = network.rows_of_each(some)
    assert len(together) == len(some)
    for bgr, rows in zip(some, together, strict=True):
        assert_same_faces(rows, network.rows(bgr))


def test_more_than_memory_allows_together_are_searched_in_turn(
    network: TorchYunet, monkeypatch: pytest.MonkeyPatch
) -> None:
    bgr = np.ascontiguousarray(videos.shot()[..., ::-1])
    alone = network.rows(bgr)
    searched: list[int] = []
    search = network._search
    monkeypatch.setattr(network, "_search", lambda some: searched.append(len(some)) or search(some))
    monkeypatch.setattr(torch_yunet, "MOST_PIXELS", 2 * 256 * 320)
    together = network.rows_of_each([bgr] * 5)
    assert searched == [2, 2, 1]
    assert all(rows == pytest.approx(alone, abs=1e-2) for rows in together)


def test_detection_uses_the_network_that_was_chosen_for_this_thread(network: TorchYunet) -> None:
    frame = videos.shot(x=110, y=65, width=150, size=(640, 480))
    expected = detect_faces(frame)
    with searching_with(network):
        assert face_network() is network
        found = detect_faces(frame)
    assert face_network() is opencv_network()
    assert len(found) == len(expected) == 1
    assert found[0].box == pytest.approx(expected[0].box, abs=0.05)
    assert found[0].landmarks == pytest.approx(expected[0].landmarks, abs=0.05)


class Counted(TorchDispatchMode):
    """Counts what torch would launch on a GPU, and where it would wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[str] = []

    def __torch_dispatch__(self, function, types, arguments=(), named=None):  # type: ignore[no-untyped-def]
        self.operations.append(str(function.overloadpacket).removeprefix("aten."))
        return function(*arguments, **(named or {}))


def test_a_batch_launches_as_much_however_many_pictures_it_has(network: TorchYunet) -> None:
    bgr = np.ascontiguousarray(videos.shot()[..., ::-1])
    counts = []
    for number in (1, 6):
        with Counted() as counted:
            network.rows_of_each([bgr] * number)
        counts.append(counted.operations)
    assert counts[0] == counts[1]
    assert counts[0].count("nonzero_numpy") == 1, "its result has as many rows as faces, which the host must know"
    assert counts[0].count("conv2d") == 35, "53, and three instead of twelve heads"


def test_the_weights_are_those_of_the_file() -> None:
    file = convolutions(yunet_onnx())
    loaded = YuNet.of(file)
    assert sum(weight.size + bias.size for weight, bias in file) == sum(p.numel() for p in loaded.parameters())
    for own in (loaded.stem[0], loaded.levels[2][3], loaded.laterals[2][0]):
        assert any(np.array_equal(own.weight.numpy(), weight) for weight, _ in file)


def test_weights_of_another_network_are_refused() -> None:
    file = convolutions(yunet_onnx())
    with pytest.raises(ValueError, match=r"expected the 53 convolutions of YuNet 2023mar, got 52"):
        YuNet.of(file[:-1])
    with pytest.raises(ValueError, match=r"expected weights of shape \(16, 3, 3, 3\), got \(16, 16, 1, 1\)"):
        YuNet.of([file[1], *file[1:]])


def test_a_file_that_ends_early_is_no_network() -> None:
    with pytest.raises(ValueError, match="ONNX file"):
        convolutions(yunet_onnx()[:1000])


def test_float32_is_not_computed_in_tf32(network: TorchYunet) -> None:
    seen = []
    handle = network._network.register_forward_pre_hook(
        lambda *_: seen.append(torch.backends.cudnn.conv.fp32_precision)
    )
    try:
        network.rows(np.zeros((32, 32, 3), np.uint8))
    finally:
        handle.remove()
    assert seen
    assert "tf32" not in seen
