"""A corpus of synthetic people, with one signal, one confound and nothing else that tells the classes apart."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emollama_hf.demo.planted import PlantedClip, plan_clips
from emollama_hf.demo.synthetic_face import FPS, draw_face, film
from emollama_hf.frames.demo_clips import encode

LABELS, PLANTED = "labels.csv", "planted.csv"


@dataclass(frozen=True)
class Corpus:
    """The files of a corpus.

    clips: the mp4 files, in the order of the rows of both tables.
    labels: what a lab would have: `file_name`, `participant_id`, `mw_label`, `test_fold_num`, `gender`, `lamp`,
        and `noise`, a number that nothing depends on.
    planted: what nobody has of a real corpus: `file_name`, `movement`, `light`, the scores that decide how much the
        face moves and how bright the lamp is.
    """

    clips: tuple[Path, ...]
    labels: Path
    planted: Path


def corpus(
    out: str | Path,
    participants: int = 24,
    clips: int = 8,
    seed: int = 0,
    *,
    movement: float = 1.8,
    light: float = 0.8,
) -> Corpus:
    """Write short clips of synthetic people, their labels, and what is planted in them, so that the answer is known.

    The portrait that ships with the package, warped and tinted, is filmed for a second (160 x 120 pixels, H.264) while
    parts of the face move. About one clip in four is labelled MW, and differs from the others in two ways alone: the
    face moves more (the signal), and the lamp is brighter (the confound, which the column `lamp` records). In both the
    classes overlap, so that no classifier is right every time.

    Args:
        out: a folder that is new or empty.
        participants: synthetic people, 2 at least; `gender` is drawn for each, and means nothing.
        clips: of each person, 2 at least.
        seed: of everything drawn, 0 or more: the same seed gives the same clips and tables.
        movement: how far the classes lie apart in movement, in standard deviations within a class; 0 plants no signal.
        light: the same of the lamp; 0 plants no confound.

    Returns:
        Where everything is.

    Raises:
        ValueError: fewer than two participants or clips, a negative seed, a distance that is not finite.
        FileExistsError: the folder holds something.

        >>> made = corpus("clips", participants=4, clips=2)
        >>> len(made.clips)
        8
    """
    plan = plan_clips(participants, clips, seed, movement=movement, light=light)
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not empty, and a corpus is written into a new folder. Choose another.")
    folder.mkdir(parents=True, exist_ok=True)
    for clip in plan:
        face = draw_face(np.random.default_rng([seed, 1, clip.participant]))
        rng = np.random.default_rng([seed, 2, clip.participant, clip.number])
        encode(
            folder / clip.file_name,
            film(face, rng, frames=clip.frames, movement=clip.amplitude, gain=clip.gain),
            fps=FPS,
        )
    made = Corpus(tuple(folder / clip.file_name for clip in plan), folder / LABELS, folder / PLANTED)
    _write_table(made.labels, [_label_row(clip) for clip in plan])
    _write_table(made.planted, [_planted_row(clip) for clip in plan])
    return made


def _label_row(clip: PlantedClip) -> dict[str, object]:
    return {
        "file_name": clip.file_name,
        "participant_id": clip.participant_id,
        "mw_label": clip.label,
        "test_fold_num": clip.fold,
        "gender": clip.gender,
        "lamp": clip.lamp,
        "noise": round(clip.noise, 4),
    }


def _planted_row(clip: PlantedClip) -> dict[str, object]:
    return {"file_name": clip.file_name, "movement": round(clip.movement, 6), "light": round(clip.light, 6)}


def _write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
