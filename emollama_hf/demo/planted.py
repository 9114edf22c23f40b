"""What is planted in each clip of a corpus: labels, folds, and the two scores that depend on the label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Both scores have variance 1 within a class; this share of it is a person's own, the same in all clips.
PERSON_SHARE = 0.2
FOLDS = 4
_FRAMES = (16, 21)  # of a clip: from, up to but not


@dataclass(frozen=True)
class PlantedClip:
    """One clip before it is filmed.

    participant, number: of the person and of the clip among the person's, from 0.
    positive: whether it is labelled MW.
    movement, light: the scores; `amplitude`, `lamp` and `gain` follow from them.
    noise: a number that nothing depends on.
    """

    participant: int
    number: int
    positive: bool
    fold: int
    gender: str
    frames: int
    movement: float
    light: float
    noise: float

    @property
    def file_name(self) -> str:
        return f"{self.participant_id}_{self.number:02d}.mp4"

    @property
    def participant_id(self) -> str:
        return f"P{self.participant + 1:03d}"

    @property
    def label(self) -> str:
        return "MW" if self.positive else "NonMW"

    @property
    def amplitude(self) -> float:
        """Of the parts of the face, in pixels of the portrait."""
        return float(np.exp(0.4 * np.clip(self.movement, -4, 4)))

    @property
    def lamp(self) -> float:
        """Power of the lamp, 0..1, in hundredths."""
        return round(float(np.clip(0.35 + 0.12 * self.light, 0, 1)), 2)

    @property
    def gain(self) -> float:
        """Brightness relative to the portrait."""
        return 0.4 + 1.1 * self.lamp


def plan_clips(participants: int, clips: int, seed: int, *, movement: float, light: float) -> list[PlantedClip]:
    """Draw the clips of a corpus, in the order of persons and of their clips.

    Args:
        participants: persons, 2 at least; folds are dealt out among them, so that no person is in two.
        clips: of each person, 2 at least; about one in four is MW, one at least and never all.
        seed: of everything drawn, 0 or more.
        movement, light: distance of the classes in each score, in standard deviations within a class.

    Raises:
        ValueError: fewer than two participants or clips, a negative seed, a distance that is not finite.
    """
    for name, count in (("participants", participants), ("clips", clips)):
        if count < 2:
            raise ValueError(f"{name}={count}: expected 2 or more, since a corpus has both classes and two groups.")
    for name, distance in (("movement", movement), ("light", light)):
        if not np.isfinite(distance):
            raise ValueError(f"{name}={distance}: expected a finite distance in standard deviations, such as 1.5.")
    if seed < 0:
        raise ValueError(f"seed={seed}: expected 0 or more.")
    rng = np.random.default_rng(seed)
    folds = rng.permutation(participants) % FOLDS
    plan = []
    for person in range(participants):
        gender = str(rng.choice(["f", "m"]))
        positive = _labels(rng, clips)
        scores = positive[:, None] * np.array([movement, light]) + _within_class(rng, clips)
        for number, (moves, shines) in enumerate(scores.tolist()):
            plan.append(
                PlantedClip(
                    person, number, bool(positive[number]), int(folds[person]), gender,
                    int(rng.integers(*_FRAMES)), moves, shines, float(rng.normal()),
                )
            )  # fmt: skip
    return plan


def _labels(rng: np.random.Generator, clips: int) -> NDArray[np.bool_]:
    """Which clips of a person are MW: (clips,)."""
    count = int(np.clip(rng.binomial(clips, 0.25), 1, clips - 1))
    return rng.permutation(clips) < count


def _within_class(rng: np.random.Generator, clips: int) -> NDArray[np.float64]:
    """(clips, 2), movement and light: variance 1, of which `PERSON_SHARE` is common to the clips."""
    person, clip = rng.normal(size=(1, 2)), rng.normal(size=(clips, 2))
    return np.sqrt(PERSON_SHARE) * person + np.sqrt(1 - PERSON_SHARE) * clip
