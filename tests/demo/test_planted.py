"""The plan of a corpus: labels, folds and scores, before a pixel is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from emollama_hf.demo.planted import FOLDS, plan_clips


@given(participants=st.integers(2, 12), clips=st.integers(2, 9), seed=st.integers(0, 10_000))
def test_each_person_has_both_classes_one_fold_and_one_gender(participants: int, clips: int, seed: int) -> None:
    plan = plan_clips(participants, clips, seed, movement=1.5, light=1.0)
    assert len({clip.file_name for clip in plan}) == len(plan) == participants * clips
    for person in range(participants):
        own = [clip for clip in plan if clip.participant == person]
        assert len({clip.fold for clip in own}) == len({clip.gender for clip in own}) == 1
        assert {clip.positive for clip in own} == {False, True}
    sizes = np.bincount([clip.fold for clip in plan if clip.number == 0], minlength=FOLDS)
    assert sizes.max() - sizes.min() <= 1
    assert all(0 <= clip.lamp <= 1 and clip.amplitude > 0 for clip in plan)


def test_classes_lie_as_far_apart_as_asked_and_overlap() -> None:
    plan = plan_clips(600, 8, 3, movement=1.5, light=1.0)
    truth = [clip.positive for clip in plan]
    assert 0.25 < np.mean(truth) < 0.3  # one in four, and nobody without
    for name, distance in (("movement", 1.5), ("light", 1.0), ("noise", 0.0)):
        best = 0.5 * (1 + math.erf(distance / 2))  # AUC of two normal distributions
        assert roc_auc_score(truth, [getattr(clip, name) for clip in plan]) == pytest.approx(best, abs=0.02)
    within = [clip.movement - 1.5 * clip.positive for clip in plan]
    assert np.var(within) == pytest.approx(1, abs=0.06)


def test_nothing_else_tells_the_classes_apart() -> None:
    plan = plan_clips(600, 8, 4, movement=3.0, light=3.0)
    truth = [clip.positive for clip in plan]
    for score in (lambda c: c.frames, lambda c: c.gender == "f", lambda c: c.fold, lambda c: c.number):
        assert roc_auc_score(truth, [score(clip) for clip in plan]) == pytest.approx(0.5, abs=0.03)


def test_no_distance_no_signal() -> None:
    plan = plan_clips(600, 8, 5, movement=0.0, light=0.0)
    truth = [clip.positive for clip in plan]
    for name in ("amplitude", "lamp"):
        assert roc_auc_score(truth, [getattr(clip, name) for clip in plan]) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"participants": 1}, "participants=1: expected 2 or more"),
        ({"clips": 1}, "clips=1: expected 2 or more"),
        ({"seed": -1}, "seed=-1: expected 0 or more"),
        ({"movement": math.nan}, "movement=nan: expected a finite distance"),
        ({"light": math.inf}, "light=inf: expected a finite distance"),
    ],
)
def test_what_cannot_be_planned(options: dict[str, float], message: str) -> None:
    asked = {"participants": 2, "clips": 2, "seed": 0, "movement": 1.0, "light": 1.0} | options
    with pytest.raises(ValueError, match=message):
        plan_clips(**asked)  # type: ignore[arg-type]
