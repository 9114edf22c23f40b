"""Whether two sets of features may stand in one configuration: only if they were made in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasets import Features

from emollama_hf.feature_set.manifest import DEFAULT_CONFIG, FeatureConfig, Manifest
from emollama_hf.stages.known_columns import compared_columns, feature_columns


def differences(made: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Settings and models in which two makings differ: "emollama_embed, layout: fork there, upstream here"."""
    if not made or not other:
        return [] if not made and not other else [_unknown(made)]
    there, here = _flat(made), _flat(other)
    return [
        f"{name}: {there.get(name, 'nothing')} there, {here.get(name, 'nothing')} here"
        for name in dict.fromkeys([*there, *here])
        if there.get(name) != here.get(name)
    ]


def type_differences(there: Features, here: Features) -> list[str]:
    """Feature columns that are not on both sides, or not of one type."""
    names = [name for name in compared_columns() if name in there or name in here]
    return [
        f"column {name}: {there.get(name, 'absent')} there, {here.get(name, 'absent')} here"
        for name in names
        if there.get(name) != here.get(name)
    ]


def choose_config(manifest: Manifest | None, made: Mapping[str, Any], features: Features) -> str:
    """The configuration that rows belong to, when nobody says: the one that was made in the same way.

    A set of other columns gets one of its own, named after them; the first one is "default". Rows that have the
    columns of one and were made otherwise get that one, too, so that the difference is shown.
    """
    configs = manifest.configs if manifest is not None else {}
    if not configs:
        return DEFAULT_CONFIG
    alike = [name for name, config in configs.items() if _columns(config.features) == _columns(features)]
    same = [name for name in alike if not differences(configs[name].made, made)]
    own = "-".join(name for name in feature_columns() if name in features)
    return next(iter([*same, *alike]), own or "features")


def check_same(config: FeatureConfig, made: Mapping[str, Any], features: Features) -> list[str]:
    """All that keeps rows from standing in a configuration; nothing if they may."""
    return [*differences(config.made, made), *type_differences(config.features, features)]


def _columns(features: Features) -> list[str]:
    return [name for name in compared_columns() if name in features]


def _flat(made: Mapping[str, Any]) -> dict[str, str]:
    flat = {"given columns": ", ".join(made["given"]) or "none"}
    for stage in made["stages"]:
        flat[f"{stage['stage']}, version"] = str(stage["version"])
        if stage["model"] is not None:
            flat[f"{stage['stage']}, model"] = f"sha256 {stage['model']}"
        for setting, value in stage["config"].items():
            flat[f"{stage['stage']}, {setting}"] = str(value)
    return flat


def _unknown(made: Mapping[str, Any]) -> str:
    known, unknown = ("there", "here") if made else ("here", "there")
    return f"how the features were made: recorded {known}, not recorded {unknown}"
