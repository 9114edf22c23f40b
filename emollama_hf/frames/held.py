"""What is kept of the decoded frames until the crops are cut, within a budget of bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from emollama_hf.frames.clip import Picture
from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.frame_view import FrameView, inside
from emollama_hf.frames.working_picture import WorkingPicture

# With the decoder, the networks, the index of a long file and a block of `FaceWatch` this stays well below 300 MB.
BUDGET_BYTES = 88 * 2**20

_AROUND = 0.3  # of a face's size, kept on every side: crops reach beyond the box, and smoothing moves them


class HeldFrames:
    """Whole pictures and the surroundings of faces, by frame number.

    Beyond the budget the least promising whole pictures go first; what is gone is decoded again if needed.
    """

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self._budget_bytes = budget_bytes
        self._whole: dict[int, tuple[float, Picture]] = {}
        self._faces: dict[int, FrameView] = {}
        self._nbytes = 0

    def keep(self, number: int, picture: Picture, promise: float) -> None:
        """Hold a whole picture while there is room. promise: how likely it is needed again; inf for certain."""
        if number not in self._whole:
            self._nbytes += picture.nbytes
        self._whole[number] = promise, picture
        self._make_room()

    def update(self, promises: dict[int, float]) -> None:
        """Promises of held whole pictures that have become known; never that of one certainly needed."""
        for number, promise in promises.items():
            if number in self._whole and self._whole[number][0] < np.inf:
                self._whole[number] = promise, self._whole[number][1]

    def keep_faces(self, number: int, picture: Picture, working: WorkingPicture, faces: list[Face]) -> None:
        """Hold what a crop of any of the faces needs; the whole picture if that is smaller, or shows no face."""
        if faces:
            boxes = np.stack([np.r_[f.box[:2] - _AROUND * f.size, f.box[2:] + _AROUND * f.size] for f in faces])
            area = np.r_[boxes[:, :2].min(0), boxes[:, 2:].max(0)]
            left, top, right, bottom = inside(area, *picture.size)
            if 3 * (right - left) * (bottom - top) < picture.nbytes:
                view = FrameView.whole(working.pixels) if working.size == picture.size else picture.part(area)
                part = view.part(area)
                self._faces[number] = part
                self._nbytes += part.pixels.nbytes
                self._make_room()
                return
        self.keep(number, picture, np.inf)

    def _make_room(self) -> None:
        while self._nbytes > self._budget_bytes and self._whole:
            # Of equals the latest goes, so that what has to be decoded again lies together at the end.
            worst = min(self._whole, key=lambda n: (self._whole[n][0], -n))
            self._nbytes -= self._whole.pop(worst)[1].nbytes
        while self._nbytes > self._budget_bytes and self._faces:
            self._nbytes -= self._faces.pop(max(self._faces)).pixels.nbytes

    def view(self, number: int, area: ArrayLike) -> FrameView | None:
        """Something that holds an area of a frame, or None."""
        part = self._faces.get(number)
        if part is not None and part.holds(area):
            return part
        whole = self._whole.get(number)
        return None if whole is None else FrameView.whole(whole[1].rgb())
