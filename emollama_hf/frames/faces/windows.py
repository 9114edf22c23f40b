"""Faces looked for around where they must be, instead of in the whole picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.continuation import box_overlaps
from emollama_hf.frames.faces.detect import faces_in, upright_pixels, window_of
from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.working_picture import WorkingPicture

# What a window holds on every side of a face's middle: of its size, and pixels beside.
_REACH, _REACH_PIXELS = 0.75, 16
_MOST_WINDOWS = 0.6  # of the picture: beyond, the picture is searched

#: How far, in sizes, a face may be from where it was looked for, in a window and in the whole picture.
NEAR, FAR = 0.6, 1.5
_GROWTH = 1.5  # how many times larger or smaller it may be
_SAME = 0.3  # overlap of two boxes of one face
_DOUBT = 0.15  # that the network is less sure of: of several people one may then hide another


def in_windows(working: WorkingPicture, guesses: Sequence[Face], roughly: bool = False) -> list[Face] | None:
    """All faces around the guesses, each found in a window; None unless all of the guesses are among them.

    roughly: at half the size; the faces are still guesses then, but good ones.
    """
    if not worth_windows(working, guesses):
        return None
    found: list[Face] = []
    for guess in guesses:
        if nearest_face(found, guess, NEAR / 2) is not None:
            continue  # in another's window
        faces, window = faces_in(working, _window(guess), roughly)
        nearest = nearest_face(faces, guess, NEAR)
        if nearest is None or (len(guesses) > 1 and nearest.score < guess.score - _DOUBT):
            return None
        found += [face for face in faces if face is nearest or _is_whole(face, window, working)]
    found = distinct(found)
    if len({id(nearest_face(found, guess, NEAR)) for guess in guesses}) < len(guesses):
        return None  # people who meet: one face in the place of two
    return [replace(face, is_guess=roughly) for face in found]


def worth_windows(working: WorkingPicture, faces: Sequence[Face]) -> bool:
    """Whether windows around all of the faces are clearly less than the picture."""
    return window_pixels(working, faces) <= _MOST_WINDOWS * working.size[0] * working.size[1]


def window_pixels(working: WorkingPicture, faces: Sequence[Face]) -> int:
    """Pixels of the windows around all of the faces."""
    windows = [window_of(working, _window(face)) for face in faces]
    return sum(int((window[2] - window[0]) * (window[3] - window[1])) for window in windows)


def searched_pixels(working: WorkingPicture, faces: Sequence[Face], roughly: bool = False) -> int:
    """Pixels that `in_windows` searches at most: of the windows, and of tilted faces once more."""
    pixels = window_pixels(working, faces)
    return pixels // 4 if roughly else pixels + upright_pixels(faces)


def _window(face: Face) -> NDArray[np.float32]:
    reach = _REACH * face.size + _REACH_PIXELS
    return np.concatenate([face.centre - reach, face.centre + reach])


def _is_whole(face: Face, window: NDArray[np.int64], working: WorkingPicture) -> bool:
    """Whether a face ends within the window, or where the picture does."""
    low = (face.box[:2] >= window[:2]) | (window[:2] == 0)
    high = (face.box[2:] <= window[2:]) | (window[2:] == working.size)
    return bool(low.all() and high.all())


def nearest_face(faces: Sequence[Face], guess: Face, limit: float) -> Face | None:
    """The face nearest to a guess, within `limit` of its size, and about as large."""
    best, best_distance = None, limit * max(guess.size, 1.0)
    for face in faces:
        distance = math.dist(face.centre.tolist(), guess.centre.tolist())
        growth = max(face.size, guess.size) / max(min(face.size, guess.size), 1e-6)
        if distance <= best_distance and growth <= _GROWTH:
            best, best_distance = face, distance
    return best


def distinct(faces: Sequence[Face]) -> list[Face]:
    """Each face once, though several windows may show it; the earlier of two is kept. In the order of scores."""
    kept: list[Face] = []
    for face in faces:
        if not kept or box_overlaps(face.box[None], np.stack([one.box for one in kept])).max() <= _SAME:
            kept.append(face)
    return sorted(kept, key=lambda face: -face.score)
