"""Faces of a clip's frames, found without searching every frame as a whole.

Frames of one shot come in blocks of about a second. The first and the last frame of a block are searched (S). Between
them a face that may be the one that the clip is about is looked for in a window around where it must be (w), and where
it has hardly moved and looks the same, nobody looks at all (.):

    S . . w . . w . . S . . w . . S   cut   S . . w . . S

Whatever is in doubt is searched as a whole: a face that is at one end of a block only, and one that its window does not
show. What is tried before that is counted (`Allowance`), so that a clip never costs more than searching all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from emollama_hf.frames.clip import Picture
from emollama_hf.frames.faces.allowance import Allowance
from emollama_hf.frames.faces.detect import clear_faces
from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.faces.following import Following, people_of
from emollama_hf.frames.faces.shots import Look, is_cut, look_at
from emollama_hf.frames.faces.tracks import face_weight, likely_faces
from emollama_hf.frames.faces.watched_frame import WatchedFrame
from emollama_hf.frames.faces.windows import FAR, distinct, nearest_face, worth_windows
from emollama_hf.frames.working_picture import WorkingPicture

# A block ends at a frame that needs a detection of its own this long after its beginning, at any frame that long, and
# at the latest when it holds that much.
_BLOCK_S, _MOST_BLOCK_S = 0.9, 1.5
_MOST_FRAMES, _MOST_BYTES = 16, 48 * 2**20

_HALF, _QUARTER = 1 / 4, 1 / 16  # of a picture is what it takes at half its size, and at a quarter
_CLEARLY_HEAVIER = 1.2  # than it must be at the end of a block, at its beginning, for a try at a quarter of the size
# Of the working picture: sizes below 40 pixels are not found for certain at half its size.
_CLEAR_FOR_CERTAIN = 1.25 * 40


class FaceWatch:
    """Takes the frames of a clip in the order of time, and gives them back with their faces, a block at a time.

    detections: numbers of frames that need a detection of their own.  crops: of those that a crop is cut from.
    """

    def __init__(self, detections: Collection[int], crops: Collection[int]) -> None:
        self._detections, self._crops = frozenset(detections), frozenset(crops)
        self._block: list[WatchedFrame] = []
        self._given = 0  # frames of the block that were given back with the last one
        self._look: Look | None = None
        self._shot = 0
        self._allowance = Allowance()

    def add(self, number: int, time_s: float, picture: Picture) -> list[WatchedFrame]:
        """Take a frame; the frames that are finished with it."""
        working = WorkingPicture.of(picture)
        look = look_at(working.pixels, (working.height, working.width))
        finished: list[WatchedFrame] = []
        if self._look is not None and is_cut(self._look, look, time_s - self._block[-1].time_s):
            finished = self.finish()
            self._shot += 1
        self._look = look
        self._block.append(WatchedFrame(number, time_s, self._shot, picture, working, self._allowance))
        if self._is_full():
            finished += self._close()
            self._block, self._given = [self._block[-1]], 1
        return finished

    def finish(self) -> list[WatchedFrame]:
        """The frames that are left, at the end of a shot or of the clip."""
        finished = self._close() if len(self._block) > self._given else []
        self._block, self._given = [], 0
        return finished

    def _is_full(self) -> bool:
        first, last = self._block[0], self._block[-1]
        passed = last.time_s - first.time_s
        nbytes = sum(frame.picture.nbytes + frame.working.pixels.nbytes for frame in self._block)
        return len(self._block) > 1 and (
            passed >= (_BLOCK_S if last.number in self._detections else _MOST_BLOCK_S)
            or len(self._block) >= _MOST_FRAMES
            or nbytes >= _MOST_BYTES
        )

    def _close(self) -> list[WatchedFrame]:
        first, last = self._block[0], self._block[-1]
        if not first.searched:
            first.search()
        if last is not first:
            _search_again(last, expected=likely_faces(first.small()))
            self._fill(self._block)
        return self._block[self._given :]

    def _fill(self, frames: list[WatchedFrame]) -> None:
        """The frames between the first and the last one, which were searched."""
        if len(frames) < 3:
            return
        people = people_of(frames[0], frames[-1])
        if not people or not worth_windows(frames[0].working, [pair[0] for pair in people]):
            middle = len(frames) // 2
            frames[middle].search()
            self._fill(frames[: middle + 1])
            self._fill(frames[middle:])
            return
        Following(frames, people).run(self._detections, self._crops)


def _search_again(frame: WatchedFrame, expected: Sequence[Face]) -> None:
    """Find all faces of a frame of which an earlier one of its shot is known.

    expected: those that were followed there. A smaller picture will do if all of them are found in it, and so heavy a
    face that no small one that it may miss could be the one that the clip is about: at half the size, or at a quarter
    where they were that heavy before.
    """
    working = frame.working
    smallest = _CLEAR_FOR_CERTAIN / np.sqrt(working.size[0] * working.size[1])  # as sure, frontal and central
    heaviest = max((face_weight(face, *working.size) for face in expected), default=0.0)
    quarter = heaviest >= _CLEARLY_HEAVIER * 2 * smallest
    share = _QUARTER if quarter else _HALF
    if expected and worth_windows(working, expected) and frame.allowance.allows(share):
        frame.faces = clear_faces(working, quarter)
        frame.allowance.spend(share)
        heaviest = max(frame.weights(), default=0.0)
        is_clear = heaviest >= (2 * smallest if quarter else smallest)
        if is_clear and all(nearest_face(frame.faces, one, FAR) for one in expected):
            followed = likely_faces(frame.small())
            exact = frame.in_windows(followed)
            if exact is not None:
                others = [face for face in frame.faces if not any(face is one for one in followed)]
                frame.found(distinct([*exact, *others]))
                frame.searched = True
                return
    frame.search()
