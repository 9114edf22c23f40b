"""What a feature set records of the packages whose stages computed it, beside this one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from emollama_hf.encoders.credit import Credit
from emollama_hf.stages.known_stages import origin_of
from emollama_hf.stages.named_encoder import NamedEncoder
from emollama_hf.stages.stage import Stage

#: How `recorded_origin` begins where no distribution is recorded.
MODULE = "the module "


def described_plugins(stages: Iterable[Stage]) -> dict[str, dict[str, Any]]:
    """The part `plugins` of a set's provenance: by stage its distribution, else its module, and whom to credit.

    The version of a distribution is recorded among those of the libraries, where several runs may have had several.
    """
    described: dict[str, dict[str, Any]] = {}
    for stage in stages:
        origin, credit = origin_of(type(stage)), stage.credited()
        if origin is None:
            continue
        found = {"module": origin.module} if origin.distribution is None else {"distribution": origin.distribution}
        described[stage.own_identity()["stage"]] = {**found, **({} if credit is None else {"credit": asdict(credit)})}
    return described


def described_meanings(stages: Iterable[Stage]) -> dict[str, str]:
    """What columns of other packages' stages and of named encoders mean: the part `meanings` of a set's provenance.

    A card says it where the package is missing, too; and which encoder computed a column, its stage's class does not
    know.
    """
    others = [stage for stage in stages if origin_of(type(stage)) is not None or isinstance(stage, NamedEncoder)]
    return {name: column.meaning for stage in others for name, column in stage.outputs().items()}


def plugin_versions(stages: Iterable[Stage]) -> dict[str, str]:
    """Versions of the distributions that stages of other packages come from."""
    origins = [origin for stage in stages if (origin := origin_of(type(stage))) is not None]
    return {one.distribution: str(one.version) for one in origins if one.distribution is not None}


def recorded_origin(made: Mapping[str, Any], stage: str) -> str | None:
    """Where a stage came from: "face-motion 1.0", "the module my_script"; None if nothing is recorded.

    Args:
        made: `made` of a `manifest.FeatureConfig`.
        stage: name of the stage.
    """
    plugin = made.get("plugins", {}).get(stage)
    if plugin is None:
        return None
    if "distribution" not in plugin:
        return f"{MODULE}{plugin['module']}"
    return " ".join(filter(None, (plugin["distribution"], made["libraries"].get(plugin["distribution"]))))


def recorded_credits(made: Mapping[str, Any]) -> list[Credit]:
    """Whom stages of other packages said to credit."""
    credits = [plugin["credit"] for plugin in made.get("plugins", {}).values() if "credit" in plugin]
    return [Credit(one["name"], one["licence"], one["citation"], tuple(one["tags"])) for one in credits]


def recorded_meanings(made: Mapping[str, Any]) -> dict[str, str]:
    """What columns of stages of other packages mean, by column; sets of earlier versions do not record it."""
    return dict(made.get("meanings", {}))
