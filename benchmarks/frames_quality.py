"""What following faces finds, against searching every frame: `python -m benchmarks.frames_quality`.

Prints a JSON line a kind of clip and one for all; `--table FILE` puts them into a Markdown file as a table. Clips are
those of `benchmarks.followed_clips`; `before` is `benchmarks.searched_everywhere`, `after` the package's stage.

shots, same: shots in which both follow a face, and in how many it is the same.  others: where it is not, how much
lighter the second heaviest face was before than the heaviest; up to 0.03 the two tie (`ties`).
overlap: of the two boxes where both detected that same face, in the frames for FaceMAE: median and 10th percentile.
landmarks_facemae, landmarks_videomae: how far eyes and mouth corners lie apart in the two crops of a frontal face, in
pixels of 112, by the encoder that the crops are for: median and 90th percentile.
coverage_before, coverage_after: means.  most_lost, most_gained: of one clip.
peaks_near: share of the clips whose two peaks are at most 5 % of the clip apart. Only where an expression comes and
goes: with one expression all frames tie.  broadest_before, broadest_after: share of them whose peak is at most 5 % of
the clip from the broadest smile that was drawn.
truth_before, truth_after: from the face's middle to where the nearest face was drawn, in widths of that: median and
90th percentile of all frames that are cropped.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.followed_clips import KINDS, ComparedClip, Place, draw
from benchmarks.markdown_part import add_option, part_asked_for
from benchmarks.searched_everywhere import sample as searched_everywhere
from emollama_hf.frames import even_indices, open_video, segment_indices
from emollama_hf.frames import sample as following
from emollama_hf.frames.faces.align import TEMPLATE, TEMPLATE_POINTS, similarity
from emollama_hf.frames.faces.continuation import box_overlaps
from emollama_hf.frames.faces.face import Face
from emollama_hf.frames.faces.motion import FaceMotion, FacePlace
from emollama_hf.frames.faces.tracks import link_tracks
from emollama_hf.frames.sample import ClipPlan

_OTHER = 0.3  # overlap of two boxes below which they are of two people
_TIE = 0.03
_FRONTAL = 0.5  # of `Face.frontality`
_NEAR_PEAK = 0.05  # of the clip


def main() -> None:
    """Print a line a kind and one for all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", choices=KINDS, default=list(KINDS), help="kinds of clip")
    parser.add_argument("--clips", type=int, default=8, help="clips of each kind")
    parser.add_argument("--processes", type=int, default=1)
    add_option(parser)
    options = parser.parse_args()
    part = part_asked_for(parser, options.table, "frames quality")
    everything: list[Comparison] = []
    lines = []
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for kind in options.only:
            found = pool.starmap(drawn_and_compared, [(kind, number) for number in range(options.clips)], chunksize=1)
            everything += found
            lines.append(summary(kind, found))
            print(json.dumps(lines[-1]), flush=True)
    lines.append(summary("all", everything))
    print(json.dumps(lines[-1]), flush=True)
    if part:
        part.fill(table(lines))


def drawn_and_compared(kind: str, number: int) -> Comparison:
    with tempfile.TemporaryDirectory() as name:
        return compared(draw(kind, number, Path(name) / "clip.mp4"))


@dataclass
class Comparison:
    """One clip, before and after; see this module for each number. margins: one for each shot with another face."""

    shots: int = 0
    margins: list[float] = field(default_factory=list)
    overlaps: list[float] = field(default_factory=list)
    landmarks_facemae: list[float] = field(default_factory=list)
    landmarks_videomae: list[float] = field(default_factory=list)
    coverage: tuple[float, float] = (0.0, 0.0)
    peaks_apart: float | None = None
    from_broadest: tuple[float, float] | None = None
    truth: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))


@dataclass(frozen=True)
class _Seen:
    """What one version knows of a clip. places: by number of the cropped frames in which the face is anywhere."""

    plan: ClipPlan
    places: dict[int, FacePlace]
    shots: dict[int, int]


def compared(clip: ComparedClip) -> Comparison:
    """Both versions of one clip."""
    with open_video(clip.path) as opened:
        count = opened.info.frame_count
    facemae, videomae = even_indices(count), segment_indices(count)
    before, after = (_seen(clip.path, plan) for plan in (searched_everywhere.plan_clip, following.plan_clip))
    result = Comparison()
    others = _compare_people(before, after, result)
    scores = [one.plan.crops.scores(facemae) for one in (before, after)]
    result.coverage = (float(np.mean(scores[0] > 0)), float(np.mean(scores[1] > 0)))
    for number in facemae[(scores[0] > 0) & (scores[1] > 0)].tolist():
        if before.shots[number] not in others:
            result.overlaps.append(_overlap(before.places[number], after.places[number]))
    of_facemae = set(facemae.tolist())
    for number in sorted({*of_facemae, *videomae.tolist()}):
        ours, theirs = after.places.get(number), before.places.get(number)
        if ours is None or theirs is None:
            continue
        is_frontal = Face(theirs.box, theirs.landmarks, 1.0).frontality >= _FRONTAL
        if is_frontal and before.shots[number] not in others:
            kept = result.landmarks_facemae if number in of_facemae else result.landmarks_videomae
            kept.append(_landmarks_apart(theirs.landmarks, ours.landmarks))
        drawn = clip.places(number)
        if drawn:
            for distances, place in zip(result.truth, (theirs, ours), strict=True):
                distances.append(_distance(place, drawn))
    if clip.smiles is not None:
        result.peaks_apart = abs(before.plan.peak - after.plan.peak) / count
        broadest = int(clip.smiles.argmax())
        result.from_broadest = (abs(before.plan.peak - broadest) / count, abs(after.plan.peak - broadest) / count)
    return result


def _seen(path: Path, plan_clip: Callable[..., ClipPlan]) -> _Seen:
    with open_video(path) as clip:
        plan = plan_clip(clip)
        seconds_per_frame = 1 / clip.info.fps
    motion = {shot: FaceMotion(track, seconds_per_frame) for shot, track in plan.tracks.items()}
    shots = {frame.number: frame.shot for frame in plan.frames}
    found = {n: motion[shots[n]].place(n) for n in plan.crops.source if shots[n] in motion}
    return _Seen(plan, {n: place for n, place in found.items() if place is not None}, shots)


def _compare_people(before: _Seen, after: _Seen, result: Comparison) -> set[int]:
    """Count the shots, and name those, by their number before, whose face is another one."""
    others = set()
    tracks = link_tracks(before.plan.frames)
    for shot in before.plan.tracks:
        both = [n for n, place in before.places.items() if before.shots[n] == shot and n in after.places]
        if not both:
            continue
        result.shots += 1
        if np.median([_overlap(before.places[n], after.places[n]) for n in both]) < _OTHER:
            others.add(shot)
            weights = sorted((sum(track.weights) for track in tracks if track.shot == shot), reverse=True)
            result.margins.append(1 - weights[1] / weights[0] if len(weights) > 1 else 1.0)
    return others


def _overlap(one: FacePlace, other: FacePlace) -> float:
    return float(box_overlaps(one.box[None], other.box[None])[0, 0])


def _landmarks_apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean distance in pixels of a crop at which two crops show a face's eyes and mouth corners."""
    points = one[TEMPLATE_POINTS]
    first, second = (similarity(landmarks[TEMPLATE_POINTS], TEMPLATE) for landmarks in (one, other))
    apart = points @ (second - first)[:, :2].T + (second - first)[:, 2]
    return float(np.linalg.norm(apart, axis=1).mean())


def _distance(place: FacePlace, drawn: Sequence[Place]) -> float:
    middle = (place.box[:2] + place.box[2:]) / 2
    return min(float(np.hypot(middle[0] - x, middle[1] - y)) / width for x, y, width in drawn)


def summary(kind: str, found: Sequence[Comparison]) -> dict[str, Any]:
    """What this module says of a kind of clip, JSON-ready."""
    margins = [margin for one in found for margin in one.margins]
    coverage = np.array([one.coverage for one in found])
    gained = coverage[:, 1] - coverage[:, 0]
    apart = [one.peaks_apart for one in found if one.peaks_apart is not None]
    return {
        "kind": kind,
        "clips": len(found),
        "shots": sum(one.shots for one in found),
        "same": sum(one.shots - len(one.margins) for one in found),
        "ties": sum(margin <= _TIE for margin in margins),
        "others": [round(margin, 3) for margin in margins],
        "overlap": _percentiles([value for one in found for value in one.overlaps], 50, 10),
        "landmarks_facemae": _percentiles([value for one in found for value in one.landmarks_facemae], 50, 90),
        "landmarks_videomae": _percentiles([value for one in found for value in one.landmarks_videomae], 50, 90),
        "coverage_before": round(float(coverage[:, 0].mean()), 3),
        "coverage_after": round(float(coverage[:, 1].mean()), 3),
        "most_lost": round(float(max(-gained.min(), 0.0)) + 0.0, 3),
        "most_gained": round(float(max(gained.max(), 0.0)), 3),
        "peaks_near": _near(apart),
        "broadest_before": _near([one.from_broadest[0] for one in found if one.from_broadest]),
        "broadest_after": _near([one.from_broadest[1] for one in found if one.from_broadest]),
        "truth_before": _percentiles([value for one in found for value in one.truth[0]], 50, 90),
        "truth_after": _percentiles([value for one in found for value in one.truth[1]], 50, 90),
    }


def _near(apart: Sequence[float]) -> float | None:
    return round(float(np.mean(np.array(apart) <= _NEAR_PEAK)), 3) if apart else None


def _percentiles(values: Sequence[float], *which: int) -> list[float] | None:
    return np.percentile(values, which).round(3).tolist() if values else None


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Lines of `summary` as Markdown."""
    columns = (
        "clips",
        "",
        "same face, of shots",
        "overlap: median, 10th",
        "landmarks, FaceMAE: median, 90th",
        "VideoMAE",
        "coverage before, after",
        "most lost, gained",
        "peaks within 5 %",
        "at the broadest smile before, after",
        "from the truth before: median, 90th",
        "after",
    )
    rows = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for line in lines:
        same = f"{line['same']} of {line['shots']}"
        if line["others"]:
            same += f" (the second {', '.join(f'{100 * margin:.1f} %' for margin in line['others'])} lighter)"
        near = line["peaks_near"]
        cells = [
            f"`{line['kind']}`" if line["kind"] != "all" else "all",
            str(line["clips"]),
            same,
            _pair(line["overlap"], 2),
            _pair(line["landmarks_facemae"], 2),
            _pair(line["landmarks_videomae"], 2),
            f"{line['coverage_before']:.3f}, {line['coverage_after']:.3f}",
            f"{line['most_lost']:.3f}, {line['most_gained']:.3f}",
            "" if near is None else f"{100 * near:.0f} %",
            "" if near is None else f"{100 * line['broadest_before']:.0f}, {100 * line['broadest_after']:.0f} %",
            _pair(line["truth_before"], 3),
            _pair(line["truth_after"], 3),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _pair(values: Sequence[float] | None, digits: int) -> str:
    return "" if values is None else ", ".join(f"{value:.{digits}f}" for value in values)


if __name__ == "__main__":
    main()
