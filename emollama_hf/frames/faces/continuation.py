"""How badly each face of a frame continues each track: by distance from where the track should be, looks and size.

Costs of all pairs of a frame are (tracks, faces) arrays, since a crowd has tens of thousands of pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emollama_hf.frames.faces.appearance import OTHER, SAME, appearance_distances

if TYPE_CHECKING:
    from emollama_hf.frames.faces.tracks import SeenFrame, Track

# How far a face may be from where it was or should be, in face sizes (square roots of the box's area).
_MIN_OVERLAP = 0.3  # of two boxes: near in any case
_REACH_PER_S = 10.0  # somebody who walks past at about two metres a second
_MAX_REACH = 2.5  # where nothing but the distance is known, after any time
# Of a face that looks the same, after no time (pictures without times lie any time apart) and after any time; half as
# far for a face that looks half the same.
_ALIKE_REACH, _MAX_ALIKE_REACH = 4.0, 10.0
_MAX_GROWTH = 2.0  # of the size from one detection to the next

# What a pair costs at most, by each measure. Looks count for more than the distance, since people turn back and cameras
# start to pan, and the distance is all there is to tell twins apart.
_DISTANCE_COST, _LOOKS_COST, _GROWTH_COST = 1.0, 1.5, 0.5
_AGE_COST = 0.1  # a second since the track's last detection, up to one second: of two tracks the fresher
#: The cost of a track and a face that both stay alone: a pair that is possible at all costs hardly ever as much.
ALONE_COST = 3.0


def continuation_costs(frame: SeenFrame, tracks: Sequence[Track]) -> NDArray[np.float64]:
    """(tracks, faces) float64: the cost of a face of the frame continuing a track, inf where it cannot."""
    last = [track.last for track in tracks]
    faces = frame.faces
    last_centre, centre = np.stack([f.centre for f in last]), np.stack([f.centre for f in faces])
    last_size, size = np.array([[f.size] for f in last]), np.array([f.size for f in faces])
    gap_s = np.array([[max(0.0, frame.time_s - track.times_s[-1])] for track in tracks])
    shift = np.stack([track.expected_shift(frame.time_s) for track in tracks])

    mean_size = np.maximum((last_size + size) / 2, 1e-6)
    moved = np.linalg.norm(centre[None] - last_centre[:, None], axis=2) / mean_size
    off = np.linalg.norm(centre[None] - (last_centre + shift)[:, None], axis=2) / mean_size
    growth = np.maximum(last_size, size) / np.maximum(np.minimum(last_size, size), 1e-6)

    looks = appearance_distances([track.appearance for track in tracks], [face.appearance for face in faces])
    likeness = np.clip((OTHER - looks) / (OTHER - SAME), 0, 1)
    reach = np.where(
        np.isnan(looks),
        np.minimum(_MAX_REACH, _REACH_PER_S * gap_s),
        np.minimum(_MAX_ALIKE_REACH, _ALIKE_REACH + _REACH_PER_S * gap_s) * likeness,
    )

    boxes, last_boxes = np.stack([f.box for f in faces]), np.stack([f.box for f in last])
    overlap = np.maximum(box_overlaps(last_boxes, boxes), box_overlaps(last_boxes + np.tile(shift, 2), boxes))
    is_near = (np.minimum(moved, off) <= reach) & (growth <= _MAX_GROWTH)
    costs = (
        _DISTANCE_COST * off / (off + 1)
        + _LOOKS_COST * np.minimum(np.nan_to_num(looks) / OTHER, 1)
        + _GROWTH_COST * np.log2(growth)
        + _AGE_COST * np.minimum(gap_s, 1)
    )
    is_possible = (np.minimum(last_size, size) > 0) & ((overlap > _MIN_OVERLAP) | is_near)
    return np.where(is_possible, costs, np.inf)


def box_overlaps(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of each box of `a`, (N, 4), with each of `b`, (M, 4), x1 y1 x2 y2: (N, M), 0..1."""
    a, b = a[:, None].astype(np.float64), b[None].astype(np.float64)
    sides = np.maximum(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0)
    shared = sides.prod(2)
    areas = [np.maximum(box[..., 2:] - box[..., :2], 0).prod(2) for box in (a, b)]
    union = areas[0] + areas[1] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
