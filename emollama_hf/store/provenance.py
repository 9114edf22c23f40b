"""What a feature data set says of how it was made. A stage's identity names no path of this machine."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from emollama_hf import __version__
from emollama_hf.stage import Stage
from emollama_hf.stages.model_stage import ModelStage
from emollama_hf.stages.pipeline import Pipeline

LIBRARIES = (
    "av", "datasets", "numpy", "opencv-python-headless", "pillow", "pyarrow", "timm", "torch", "transformers",
)  # fmt: skip

#: Recorded where it computes.
QUANTIZING_LIBRARY = "bitsandbytes"

RANDOM_WEIGHTS = "These weights are random: the features mean nothing and only show what the pipeline does."


def library_versions(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def made_with(stages: Iterable[Stage]) -> dict[str, Any]:
    """What computes these stages now: recorded with each shard, since a run may go on for weeks and updates."""
    quantized = any(stage.resolved_config().get("quantize") for stage in stages)
    return {
        "emollama_hf": __version__,
        "python": platform.python_version(),
        "libraries": library_versions((*LIBRARIES, *[QUANTIZING_LIBRARY] * quantized)),
    }


def merged(several: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One `made_with` of several: where they differ, all that took part."""
    parts = list(several)
    names = {name for part in parts for name in part["libraries"]}

    def together(found: Iterable[str | None]) -> str:
        return ", ".join(sorted({one for one in found if one is not None}))

    return {
        "emollama_hf": together(part["emollama_hf"] for part in parts),
        "python": together(part["python"] for part in parts),
        "libraries": {name: together(part["libraries"].get(name) for part in parts) for name in sorted(names)},
    }


def describe_run(pipeline: Pipeline, *, made_with: dict[str, Any]) -> dict[str, Any]:
    """Model, settings and versions of a run, JSON-able: `made` of a `manifest.FeatureConfig`.

    The model is named by its last path component or Hub id and proved by the digests of its parts.
    """
    stages = pipeline.stages
    models = [stage for stage in stages if isinstance(stage, ModelStage)]
    described: dict[str, Any] = {
        **made_with,
        "fingerprint": pipeline.fingerprint,
        "given": pipeline.given,
        "stages": [_identity(stage) for stage in stages],
    }
    if models:
        source = models[0].source
        name = Path(source.name).name if Path(source.name).exists() else source.name
        described["model"] = {
            "name": name,
            "random_weights": source.is_random,
            "digests": {stage.part: stage.model_digest() for stage in models},
            **source.origin(),
        }
    return described


def _identity(stage: Stage) -> dict[str, Any]:
    """All that decides a stage's values: what becomes of failed clips does not."""
    identity = stage.own_identity()
    return {**identity, "config": {key: value for key, value in identity["config"].items() if key != "on_error"}}
