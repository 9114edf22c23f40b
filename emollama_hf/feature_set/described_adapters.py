"""What a feature set records of the adapters of its decoder: the part `adapters` of its provenance."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emollama_hf.checkpoints.adapted import AdaptedSource
from emollama_hf.checkpoints.adapter import Adapter
from emollama_hf.stages.model_stage import ModelStage


@dataclass(frozen=True)
class RecordedAdapter:
    """The adapter of a stage.

    Attributes:
        stage: name of the stage.
        name: Hub id, or the last part of a path.
        revision: commit of a Hub repository; None elsewhere.
        digest: of its tensors and of how they are added to the model.
        recipe: of its training; None where its provenance does not say it.
        label: the column of labels that it was trained for; None as above.
    """

    stage: str
    name: str
    revision: str | None
    digest: str
    recipe: str | None
    label: str | None


def described_adapters(stages: Iterable[ModelStage]) -> dict[str, dict[str, Any]]:
    """By the name of a stage what is recorded of its adapter."""
    described = {}
    for stage in stages:
        source = stage.source
        if isinstance(source, AdaptedSource):
            adapter = source.adapter
            described[stage.name] = {
                "name": _told(adapter),
                "revision": adapter.commit,
                "digest": adapter.digest,
                "recipe": _text(adapter.provenance, "training", "recipe"),
                "label": _text(adapter.provenance, "labels", "column"),
            }
    return described


def recorded_adapters(made: Mapping[str, Any]) -> list[RecordedAdapter]:
    """The adapters of a set. made: of a `manifest.FeatureConfig`."""
    return [RecordedAdapter(stage=name, **values) for name, values in made.get("adapters", {}).items()]


def _told(adapter: Adapter) -> str:
    return adapter.name if adapter.commit is not None else Path(os.path.abspath(adapter.name)).name


def _text(provenance: Mapping[str, Any], part: str, name: str) -> str | None:
    found = provenance.get(part)
    value = found.get(name) if isinstance(found, Mapping) else None
    return value if isinstance(value, str) else None
