"""What a feature data set says of how it was made. A stage's identity names no path of this machine."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from emollama_hf import __version__
from emollama_hf.checkpoints.adapted import AdaptedSource
from emollama_hf.feature_set.described_adapters import described_adapters
from emollama_hf.feature_set.described_encoders import described_encoders
from emollama_hf.feature_set.plugins import described_meanings, described_plugins, plugin_versions
from emollama_hf.files.digest import json_digest
from emollama_hf.stages.known_stages import known_stages
from emollama_hf.stages.model_stage import stages_with_weights
from emollama_hf.stages.pipeline import Pipeline
from emollama_hf.stages.stage import Stage
from emollama_hf.text.secrets import without_secrets_inside

LIBRARIES = (
    "av", "datasets", "numpy", "opencv-python-headless", "pillow", "pyarrow", "timm", "torch", "transformers",
)  # fmt: skip

#: Recorded where it computes.
QUANTIZING_LIBRARY = "bitsandbytes"

RANDOM_WEIGHTS = "These weights are random: the features mean nothing and only show what the pipeline does."


def library_versions(names: Iterable[str]) -> dict[str, str]:
    found = {name: _installed(name) for name in names}
    return {name: installed for name, installed in found.items() if installed is not None}


@cache  # looking it up reads a file of up to 100 kB, for each of them
def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def made_with(stages: Iterable[Stage]) -> dict[str, Any]:
    """What computes these stages now: recorded with each shard, since a run may go on for weeks and updates."""
    stages = list(stages)
    quantized = any(stage.resolved_config().get("quantize") for stage in stages)
    libraries = library_versions((*LIBRARIES, *[QUANTIZING_LIBRARY] * quantized))
    return {
        "emollama_hf": __version__,
        "python": platform.python_version(),
        "libraries": {**libraries, **plugin_versions(stages)},
    }


def merged(several: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One `made_with` of several: where they differ, all that took part."""
    parts = list(several)
    names = {name for part in parts for name in part["libraries"]}

    def together(found: Iterable[str | None]) -> str:
        return ", ".join(sorted({one for text in found if text is not None for one in text.split(", ")}))

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
    models = stages_with_weights(stages)
    described: dict[str, Any] = {
        **made_with,
        "fingerprint": pipeline.fingerprint,
        "given": pipeline.given,
        "stages": [_identity(stage) for stage in stages],
    }
    plugins, meanings = described_plugins(stages), described_meanings(stages)
    if plugins:
        described["plugins"] = plugins
    if meanings:
        described["meanings"] = meanings
    parts = [stage for stage in models if stage.uses_run_model]
    if parts:
        source = parts[0].source
        if isinstance(source, AdaptedSource):
            source = source.base  # the adapter is described beside the model
        name = Path(source.name).name if Path(source.name).exists() else source.name
        described["model"] = {
            "name": name,
            "random_weights": source.is_random,
            "digests": {stage.part: stage.model_digest() for stage in parts},
            **source.origin(),
        }
    encoders = described_encoders(models)
    if encoders:
        described["encoders"] = encoders
    adapters = described_adapters(models)
    if adapters:
        described["adapters"] = adapters
    # As it is read again, in which a tuple is a list: an option must not differ from itself.
    recorded: dict[str, Any] = json.loads(json.dumps(described))
    return {name: without_secrets_inside(value) for name, value in recorded.items()}


def setting_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Settings, versions and models in which the stages that two runs share differ: "facemae_embed, dtype: ...".

    Nothing if nobody recorded how one of them was made.
    """
    before = {stage["stage"]: stage for stage in there.get("stages", ())}
    found = []
    for stage in here.get("stages", ()):
        earlier = before.get(stage["stage"])
        if earlier is None:
            continue
        old, new = _flat(earlier), _flat(stage)
        for name in dict.fromkeys([*new, *old]):  # an option that is off, such as min_face_coverage, is not recorded
            if old.get(name) != new.get(name):
                found.append(f"{stage['stage']}, {name}: {_value(old, name)} there, {_value(new, name)} here")
    if there and here and there["given"] != here["given"]:
        found.append(f"given columns: {_listed(there['given'])} there, {_listed(here['given'])} here")
    return found


def made_together(there: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, Any]:
    """How a set was made that holds rows of two runs whose shared stages do not differ."""
    if not there or not here:
        return dict(here or there)
    stages = {stage["stage"]: stage for stage in (*there["stages"], *here["stages"])}
    order = [stage.name for stage in known_stages()]
    models = [made["model"] for made in (there, here) if made.get("model")]
    described = {
        **here,
        **merged([there, here]),
        "stages": sorted(
            stages.values(), key=lambda stage: order.index(stage["stage"]) if stage["stage"] in order else 0
        ),
    }
    for name in ("plugins", "meanings", "encoders", "adapters"):
        recorded = {**there.get(name, {}), **here.get(name, {})}
        if recorded:
            described[name] = recorded
    if models:
        described["model"] = {**models[-1], "digests": {k: v for one in models for k, v in one["digests"].items()}}
    if set(stages) != {stage["stage"] for stage in here["stages"]}:
        described["fingerprint"] = (
            there["fingerprint"]
            if len(stages) == len(there["stages"])
            else json_digest([there["fingerprint"], here["fingerprint"]])
        )
    return described


def _flat(stage: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": stage.get("version"), "model": stage.get("model"), **stage.get("config", {})}


def _value(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name)
    return "not set" if value is None else str(value)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _identity(stage: Stage) -> dict[str, Any]:
    """All that decides a stage's values: what becomes of failed clips does not."""
    identity = stage.own_identity()
    return {**identity, "config": {key: value for key, value in identity["config"].items() if key != "on_error"}}
