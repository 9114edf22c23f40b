"""What a feature set records of encoders that were named for a column: the part `encoders` of its provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from emollama_hf.stages.known_stages import stage_named
from emollama_hf.stages.model_stage import ModelStage
from emollama_hf.stages.named_encoder import NamedEncoder


@dataclass(frozen=True)
class RecordedEncoder:
    """The encoder of a stage.

    Attributes:
        stage: name of the stage.
        column: that it computes.
        name: of the encoder: a Hub id, an architecture, the last part of a path; and of its weights.
        model: what to open: a Hub id, an architecture or a random model; the last part of a path.
        weights: name of the file of its weights; None where the encoder brings them.
        revision: commit of a Hub repository; None elsewhere.
        random_weights: whether its features mean nothing.
        digest: of its weights, its configuration and its preprocessing.
        origin: what its loading left out, and what else is known of the files.
    """

    stage: str
    column: str
    name: str
    model: str
    weights: str | None
    revision: str | None
    random_weights: bool
    digest: str
    origin: Mapping[str, Any]


def described_encoders(stages: Iterable[ModelStage]) -> dict[str, dict[str, Any]]:
    """By the name of a stage what is recorded of its encoder."""
    described = {}
    for stage in stages:
        if not isinstance(stage, NamedEncoder):
            continue
        model, weights = stage.given_names
        described[stage.name] = {
            "column": stage.column,
            "name": stage.encoder,
            "model": model,
            "weights": weights,
            "revision": stage.source.commit,
            "random_weights": stage.source.is_random,
            "digest": stage.model_digest(),
            "origin": stage.source.origin(),
        }
    return described


def recorded_encoders(made: Mapping[str, Any]) -> list[RecordedEncoder]:
    """The encoders of a set, whose stages are known from now on.

    Args:
        made: `made` of a `manifest.FeatureConfig`.
    """
    found = [RecordedEncoder(stage=name, **values) for name, values in made.get("encoders", {}).items()]
    for one in found:
        stage_named(one.stage)
    return found


def know_encoders(made: Mapping[str, Any]) -> None:
    """Make the stages of a set's named encoders known, whose columns are computed ones then."""
    recorded_encoders(made)
