"""Which frame is the peak: by expression, by position, from a column, or from OpenFace's action units."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emollama_hf.errors import ClipError, SourceError
from emollama_hf.files.small_file import TABLE_BYTES, OddFileError, read_small
from emollama_hf.files.tables import csv_lines
from emollama_hf.frames.clip import Clip
from emollama_hf.frames.settings import SampleSettings
from emollama_hf.frames.source import local_path

_SIGMA = 2.0  # frames
_GATE_PERCENTILE = 25


@dataclass(frozen=True)
class Candidate:
    """A frame that may become the peak, by the face of the chosen track in it.

    expressiveness: 0..1.  detection_score: 0..1.  sharpness: any unit, the same for all candidates of a clip.
    is_guess: whether the face was not looked for in this very frame.
    """

    number: int
    shot: int
    expressiveness: float
    detection_score: float
    sharpness: float
    is_guess: bool = False


def most_expressive(candidates: Sequence[Candidate]) -> int | None:
    """Number of the most expressive frame, the first of equals; None without candidates.

    Only faces whose detection score and sharpness reach the clip's 25th percentile count: a blurred or half
    hidden face looks like any expression. Scores are then smoothed over the frames of one shot, Gaussian,
    sigma 2 frames, by their true distances.
    Source: stands in for OpenFace's action units (`openface_peak`), which Emotion-LLaMA's authors used.
    """
    if not candidates:
        return None
    scores = peak_scores(candidates)
    return candidates[int(np.argmax(scores))].number


def peak_scores(candidates: Sequence[Candidate]) -> NDArray[np.float64]:
    """How good a peak each candidate is, 0..1, or below 0 for those that do not count. See `most_expressive`."""
    # Scores of guesses are between others, so that there are no low ones among them.
    detected = [c for c in candidates if not c.is_guess] or candidates
    least_score = np.percentile([c.detection_score for c in detected], _GATE_PERCENTILE)
    least_sharpness = np.percentile([c.sharpness for c in candidates], _GATE_PERCENTILE)
    counts = np.array([c.detection_score >= least_score and c.sharpness >= least_sharpness for c in candidates])
    if not counts.any():  # the two gates together can shut out everyone
        counts[:] = True
    numbers_ = np.array([c.number for c in candidates])
    shots = np.array([c.shot for c in candidates])
    raw = np.array([c.expressiveness for c in candidates])
    distance = (numbers_[:, None] - numbers_[None]) / _SIGMA
    weight = np.exp(-0.5 * distance**2) * (shots[:, None] == shots[None]) * counts
    smoothed = (weight @ raw) / np.maximum(weight.sum(1), np.finfo(float).tiny)
    # Equal scores must tie, whatever the last bit of a sum says.
    return np.where(counts, np.round(smoothed, 6), raw - 1)


def fixed_peak(
    clip: Clip, settings: SampleSettings, peak_value: Any = None, clip_name: str | None = None
) -> int | None:
    """Number of the peak frame where no pixels are needed to know it; None for peak="expressive".

    Raises ClipError("bad_peak").
    """
    count = clip.info.frame_count
    if settings.peak == "middle":
        return count // 2
    if settings.peak == "first":
        return 0
    rule, _, argument = settings.peak.partition(":")
    if rule == "column":
        return _from_value(clip, argument, peak_value)
    if rule == "openface":
        return openface_peak(Path(argument), clip_name, count)
    return None


def _from_value(clip: Clip, column: str, value: Any) -> int:
    expected = "expected a frame number (int, from 0) or a time in seconds (float)"
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise ClipError("bad_peak", f"column {column!r} holds {value!r} ({type(value).__name__}); {expected}.")
    if isinstance(value, numbers.Integral):
        return _inside(int(value), clip.info.frame_count, f"column {column!r} holds frame {value}")
    if not math.isfinite(value):
        raise ClipError("bad_peak", f"column {column!r} holds {value!r}; {expected}.")
    return clip.index_at(float(value))


def _inside(number: int, frame_count: int, found: str) -> int:
    if not 0 <= number < frame_count:
        raise ClipError(
            "bad_peak", f"{found}, and the clip has frames 0..{frame_count - 1}. Does it belong to this clip?"
        )
    return number


def openface_file(folder: Path, clip_name: str) -> Path:
    """The CSV that OpenFace wrote for a clip."""
    return folder / f"{(local_path(clip_name) or Path(clip_name)).stem}.csv"


def openface_peak(folder: Path, clip_name: str | None, frame_count: int) -> int:
    """The frame with the largest sum of action unit intensities in folder/{clip's stem}.csv, the first of equals.

    Source: Emotion-LLaMA's choice of the peak frame. Like it, rows that OpenFace marks as failed (success 0) take
    part. OpenFace counts frames from 1, and writes spaces before its column names.
    Raises ClipError("bad_peak").
    """
    if clip_name is None:
        raise ClipError("bad_peak", f"a clip without a file name, so no OpenFace CSV in {folder} can be its own.")
    path = openface_file(folder, clip_name)
    try:
        lines = list(csv_lines(path, read_small(path, at_most=TABLE_BYTES)))
    except OddFileError as error:
        raise ClipError("bad_peak", f"{path}: this is {error}. Run OpenFace on the clip again.") from error
    except OSError as error:
        raise ClipError("bad_peak", f"no OpenFace file {path} ({error.strerror}). Run OpenFace on the clip.") from error
    except SourceError as error:
        raise ClipError("bad_peak", f"{error} Run OpenFace on the clip again.") from error
    header = lines[0][1] if lines else []
    units = [i for i, name in enumerate(header) if name.endswith("_r")]
    if "frame" not in header or not units:
        raise ClipError(
            "bad_peak",
            f"{path} has the columns {', '.join(header[:8]) or 'none'}{' ...' if len(header) > 8 else ''}; expected "
            "'frame' and action unit intensities ('AU01_r' ...), as OpenFace's FeatureExtraction writes them.",
        )
    best, best_sum = None, -math.inf
    for line, row in lines[1:]:
        if not any(cell.strip() for cell in row):
            continue
        try:
            number = int(float(row[header.index("frame")]))
            total = math.fsum(float(row[i]) for i in units)
        except (ValueError, IndexError, OverflowError) as error:
            raise ClipError("bad_peak", f"{path}, line {line}: {error}. Run OpenFace on the clip again.") from error
        if total > best_sum:
            best, best_sum = number, total
    if best is None:
        raise ClipError("bad_peak", f"{path} has no row with action unit intensities. Run OpenFace on the clip again.")
    return _inside(best - 1, frame_count, f"{path} has its maximum in frame {best} (counted from 1)")
