"""Faces of a clip's frames, found without searching every frame as a whole.

Frames of one shot come in blocks of about a second. The first and the last frame of a block are searched (S). Between
them a face that may be the one that the clip is about is looked for in a window around where it must be (w), and where
it has hardly moved and looks the same, nobody looks at all (.):

    S . . w . . w . . S . . w . . S   cut   S . . w . . S

Whatever is in doubt is searched as a whole: a face that is at one end of a block only, and one that its window does not
show. So a block costs at most what searching all of it does, and the windows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.clip import Picture
from emollama_hf.frames.faces.appearance import face_appearance
from emollama_hf.frames.faces.continuation import box_overlaps
from emollama_hf.frames.faces.detect import all_faces, clear_faces, faces_in, window_of
from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.faces.likeness import alike, face_grey
from emollama_hf.frames.faces.shots import Look, is_cut, look_at
from emollama_hf.frames.faces.tracks import LIKELY, SeenFrame, face_weight, likely_faces, link_tracks
from emollama_hf.frames.working_picture import WorkingPicture

# A block ends at a frame that needs a detection of its own this long after its beginning, at any frame that long, and
# at the latest when it holds that much.
_BLOCK_S, _MOST_BLOCK_S = 0.9, 1.5
_MOST_FRAMES, _MOST_BYTES = 16, 48 * 2**20

# What a window holds on every side of a face's middle: of its size, and pixels beside.
_REACH, _REACH_PIXELS = 0.75, 16
_CHEAP_PIXELS = 208**2  # a window of so much is looked at rather than guessed for a rating: 1.7 ms
_MOST_WINDOWS = 0.6  # of the picture: beyond, the picture is searched
# How far, in sizes, and how much larger or smaller a face may be than the place where it was looked for.
_NEAR, _FAR, _GROWTH = 0.6, 1.5, 1.5

# Of a face that nobody looks for between two detections: how far they may be apart in sizes if it is midway, for a crop
# and for a rating, and how much it must look the same.
_STILL, _NEARLY_STILL = 0.08, 0.7
_ALIKE, _NEARLY_ALIKE = 0.95, 0.85

_CLEAR_PIXELS = 40  # of the working picture: sizes below are not found for certain at half its size
_SAME = 0.3  # overlap of two boxes of one face


@dataclass
class WatchedFrame:
    """A frame and its faces.

    number: of the frame.  time_s: seconds from the first frame.  shot: counted from 0.
    faces: in pixels of the working picture.
    searched: whether all faces are there, and not only those that were followed.
    looked: whether somebody looked; otherwise the faces are guesses.
    """

    number: int
    time_s: float
    shot: int
    picture: Picture
    working: WorkingPicture
    faces: list[Face] = field(default_factory=list)
    searched: bool = False
    looked: bool = False

    def seen(self) -> SeenFrame:
        """With faces in pixels of the frame."""
        working = self.working
        faces = [face.scaled(working.to_frame) for face in self.faces]
        return SeenFrame(self.number, self.time_s, self.shot, working.width, working.height, faces, self.searched)

    def small(self) -> SeenFrame:
        """With faces in pixels of the working picture, in a shot of its own."""
        return SeenFrame(self.number, self.time_s, 0, *self.working.size, self.faces, self.searched)


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

    def add(self, number: int, time_s: float, picture: Picture) -> list[WatchedFrame]:
        """Take a frame; the frames that are finished with it."""
        working = WorkingPicture.of(picture)
        look = look_at(working.pixels, (working.height, working.width))
        finished: list[WatchedFrame] = []
        if self._look is not None and is_cut(self._look, look, time_s - self._block[-1].time_s):
            finished = self.finish()
            self._shot += 1
        self._look = look
        self._block.append(WatchedFrame(number, time_s, self._shot, picture, working))
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
            _search(first)
        if last is not first:
            _search_again(last, expected=likely_faces(first.small()))
            self._fill(self._block)
        return self._block[self._given :]

    def _fill(self, frames: list[WatchedFrame]) -> None:
        """The frames between the first and the last one, which were searched."""
        if len(frames) < 3:
            return
        people = _people(frames[0], frames[-1])
        if not people or not _worth_windows(frames[0].working, [pair[0] for pair in people]):
            middle = len(frames) // 2
            _search(frames[middle])
            self._fill(frames[: middle + 1])
            self._fill(frames[middle:])
            return
        _Following(frames, people).run(self._detections, self._crops)


class _Following:
    """People between two frames in which both ends know them.

    A place is what is known of a person in a frame: by index of the frame, a face for each person, None if lost.
    """

    def __init__(self, frames: Sequence[WatchedFrame], people: list[tuple[Face, Face]]) -> None:
        self._frames = frames
        self._places: dict[int, list[Face | None]] = {
            0: [first for first, _ in people],
            len(frames) - 1: [last for _, last in people],
        }
        self._greys: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._is_cheap = _window_pixels(frames[0].working, [pair[0] for pair in people]) <= _CHEAP_PIXELS

    def run(self, detections: Collection[int], crops: Collection[int]) -> None:
        inner = range(1, len(self._frames) - 1)
        for index in inner:
            if self._frames[index].number in detections:
                self._look(index)
        # Crops before ratings, which may be rough.
        for index in sorted(inner, key=lambda index: self._frames[index].number not in crops):
            frame = self._frames[index]
            if index in self._places:
                continue
            is_crop = frame.number in crops
            limits = (_STILL, _ALIKE) if is_crop else (_NEARLY_STILL, _NEARLY_ALIKE)
            if (is_crop or not self._is_cheap) and self._is_still(index, *limits):
                frame.faces = [guess for guess in self._guesses(index) if guess is not None]
            else:
                self._look(index, roughly=not (is_crop or self._is_cheap))

    def _look(self, index: int, roughly: bool = False) -> None:
        frame, guesses = self._frames[index], [guess for guess in self._guesses(index) if guess is not None]
        found = _in_windows(frame.working, guesses, roughly)
        limit = _NEAR
        if found is None:
            _search(frame)
            limit = _FAR
        else:
            frame.faces, frame.looked = _with_looks(frame.working, found), True
        self._places[index] = [
            None if guess is None else _nearest(frame.faces, guess, limit) for guess in self._guesses(index)
        ]

    def _around(self, index: int) -> tuple[int, int]:
        """The frames before and after it in which somebody looked."""
        return max(i for i in self._places if i < index), min(i for i in self._places if i > index)

    def _guesses(self, index: int) -> list[Face | None]:
        """Where each person must be: on the way from the last place to the next, or at the only one of them."""
        guesses: list[Face | None] = []
        before, after = self._around(index)
        share = self._share(before, index, after)
        for one, other in zip(self._places[before], self._places[after], strict=True):
            guesses.append(one.between(other, share) if one and other else one or other)
        return guesses

    def _share(self, before: int, index: int, after: int) -> float:
        """How much of the time between two frames has passed in one between them."""
        start, now, end = (self._frames[i].time_s for i in (before, index, after))
        return (now - start) / (end - start) if end > start else 0.5

    def _is_still(self, index: int, limit: float, alikeness: float) -> bool:
        """Whether each person was found before and after, at nearly the same place, and looks the same here."""
        before, after = self._around(index)
        share = self._share(before, index, after)
        near = 4 * share * (1 - share)  # 1 in the middle, less near a frame in which somebody looked
        for person, guess in enumerate(self._guesses(index)):
            one, other = self._places[before][person], self._places[after][person]
            if guess is None or one is None or other is None:
                return False
            moved = np.linalg.norm(one.landmarks - other.landmarks, axis=1).max()
            if moved * near > limit * max(guess.size, 1.0):
                return False
            here = face_grey(self._frames[index].working.pixels, guess.box)
            if min(alike(here, self._grey(i, person)) for i in (before, after)) < alikeness:
                return False
        return True

    def _grey(self, index: int, person: int) -> NDArray[np.float32]:
        if (index, person) not in self._greys:
            face = self._places[index][person]
            assert face is not None
            self._greys[index, person] = face_grey(self._frames[index].working.pixels, face.box)
        return self._greys[index, person]


def _search(frame: WatchedFrame) -> None:
    """Find all faces of a frame."""
    if not frame.searched:
        frame.faces = _with_looks(frame.working, all_faces(frame.working))
        frame.searched = frame.looked = True


def _search_again(frame: WatchedFrame, expected: Sequence[Face]) -> None:
    """Find all faces of a frame of which an earlier one of its shot is known.

    expected: those that were followed there. Half the size will do if all of them are found at it, and so heavy a face
    that no small one that it may miss could be the one that the clip is about.
    """
    working = frame.working
    if expected:
        frame.faces = clear_faces(working)
        weights = _weights(frame)
        smallest = 1.25 * _CLEAR_PIXELS / np.sqrt(working.size[0] * working.size[1])  # as sure, frontal and central
        if weights and max(weights) >= smallest and all(_nearest(frame.faces, one, _FAR) for one in expected):
            followed = likely_faces(frame.small())
            exact = _in_windows(working, followed)
            if exact is not None:
                others = [face for face in frame.faces if not any(face is one for one in followed)]
                frame.faces = _with_looks(working, _distinct([*exact, *others]))
                frame.searched = frame.looked = True
                return
    _search(frame)


def _weights(frame: WatchedFrame) -> list[float]:
    return [face_weight(face, *frame.working.size) for face in frame.faces]


def _people(first: WatchedFrame, last: WatchedFrame) -> list[tuple[Face, Face]] | None:
    """The likely faces of two frames of a shot, each in both; None if one of them is in one frame only."""
    weights = _weights(first) + _weights(last)
    people = []
    for track in link_tracks([first.small(), last.small()]) if weights else ():
        faces = list(track.faces.values())
        if max(face_weight(face, *first.working.size) for face in faces) >= LIKELY * max(weights):
            if len(faces) < 2:
                return None
            people.append((faces[0], faces[1]))
    return people


def _in_windows(working: WorkingPicture, guesses: Sequence[Face], roughly: bool = False) -> list[Face] | None:
    """All faces around the guesses, each found in a window; None unless all of the guesses are among them.

    roughly: at half the size; the faces are still guesses then, but good ones.
    """
    if not _worth_windows(working, guesses):
        return None
    found: list[Face] = []
    for guess in guesses:
        if _nearest(found, guess, _NEAR / 2) is not None:
            continue  # in another's window
        faces, window = faces_in(working, _window(guess), roughly)
        nearest = _nearest(faces, guess, _NEAR)
        if nearest is None:
            return None
        found += [face for face in faces if face is nearest or _is_whole(face, window, working)]
    return [replace(face, is_guess=roughly) for face in _distinct(found)]


def _worth_windows(working: WorkingPicture, faces: Sequence[Face]) -> bool:
    return _window_pixels(working, faces) <= _MOST_WINDOWS * working.size[0] * working.size[1]


def _window_pixels(working: WorkingPicture, faces: Sequence[Face]) -> int:
    windows = [window_of(working, _window(face)) for face in faces]
    return sum(int((window[2] - window[0]) * (window[3] - window[1])) for window in windows)


def _window(face: Face) -> NDArray[np.float32]:
    reach = _REACH * face.size + _REACH_PIXELS
    return np.concatenate([face.centre - reach, face.centre + reach])


def _is_whole(face: Face, window: NDArray[np.int64], working: WorkingPicture) -> bool:
    """Whether a face ends within the window, or where the picture does."""
    low = (face.box[:2] >= window[:2]) | (window[:2] == 0)
    high = (face.box[2:] <= window[2:]) | (window[2:] == working.size)
    return bool(low.all() and high.all())


def _nearest(faces: Sequence[Face], guess: Face, limit: float) -> Face | None:
    """The face nearest to a guess, within `limit` of its size, and about as large."""
    best, best_distance = None, limit * max(guess.size, 1.0)
    for face in faces:
        distance = float(np.linalg.norm(face.centre - guess.centre))
        growth = max(face.size, guess.size) / max(min(face.size, guess.size), 1e-6)
        if distance <= best_distance and growth <= _GROWTH:
            best, best_distance = face, distance
    return best


def _distinct(faces: Sequence[Face]) -> list[Face]:
    """Each face once, though several windows may show it; the earlier of two is kept. In the order of scores."""
    kept: list[Face] = []
    for face in faces:
        if not kept or box_overlaps(face.box[None], np.stack([one.box for one in kept])).max() <= _SAME:
            kept.append(face)
    return sorted(kept, key=lambda face: -face.score)


def _with_looks(working: WorkingPicture, faces: Sequence[Face]) -> list[Face]:
    return [replace(face, appearance=face_appearance(working.pixels, face.box)) for face in faces]
