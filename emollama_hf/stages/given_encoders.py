"""Encoders as somebody names them for a run: {"resnet50": "timm/resnet50.a1_in1k"}."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any

from emollama_hf.checkpoints.random_model import RANDOM_MODELS
from emollama_hf.stages.config import check_choice
from emollama_hf.stages.named_encoder import (
    NamedEncoder,
    column_class,
    family_of_kind,
    opened_encoder,
    stage_of_part,
)

#: An encoder, or an encoder with options of its stage: {"encoder": "resnet50", "weights": "affectnet_resnet50.pth"}.
GivenEncoder = str | os.PathLike[str] | Mapping[str, Any]
#: What an encoder reads, where its name does not tell.
KINDS = ("face", "video", "audio")


@dataclass(frozen=True)
class NamedRun:
    """The class of a stage, and the options that are its alone."""

    stage: type[NamedEncoder]
    options: Mapping[str, Any]


def given_encoders(encoders: Mapping[str, GivenEncoder]) -> list[NamedRun]:
    """The stages of some encoders; which kind each is follows from its configuration.

    Args:
        encoders: by column an encoder, or a mapping of "encoder" and options of its stage: level, weights, revision,
            layers, no_audio, ...; and "kind" ("face", "video" or "audio") for random weights.

    Raises:
        TypeError: what was given is no mapping of encoders.
        ValueError: an unknown option, kind or column.
        ModelError: there is no such encoder.
    """
    if not isinstance(encoders, Mapping):
        raise TypeError(
            f"encoders is {type(encoders).__name__}, expected a mapping such as {{'resnet50': 'timm/resnet50.a1_in1k'}}"
        )
    return [_one(column, given) for column, given in encoders.items()]


def _one(column: str, given: GivenEncoder) -> NamedRun:
    options: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {"encoder": given}
    kind = options.pop("kind", None)
    encoder = options.pop("encoder", None)
    if not isinstance(encoder, str | os.PathLike) or not os.fspath(encoder):
        raise ValueError(f"encoders[{column!r}]: expected the name of an encoder, such as 'timm/resnet50.a1_in1k'")
    encoder = os.fspath(encoder)
    family = _family(encoder, kind, options)
    valid = [name for name in signature(family).parameters if name not in ("encoder", "column")]
    strange = [name for name in options if name not in valid]
    if strange:
        raise ValueError(f"encoder {column!r} has no option {strange[0]!r}. Valid: kind, {', '.join(valid)}")
    stage = column_class(family, column, options.get("level", "clip"))
    return NamedRun(stage, {"encoder": encoder, **options})


def _family(encoder: str, kind: str | None, options: Mapping[str, Any]) -> type[NamedEncoder]:
    if kind is not None:
        check_choice("kind", kind, KINDS)
        return family_of_kind(kind)
    if encoder in RANDOM_MODELS:
        return family_of_kind("face")
    weights = options.get("weights")
    return stage_of_part(
        opened_encoder(encoder, options.get("revision"), None if weights is None else os.fspath(weights)).part
    )
