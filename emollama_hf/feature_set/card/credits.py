"""Whom a card names: those whose methods and models computed the columns of the set."""

from __future__ import annotations

from collections.abc import Sequence

from emollama_hf.encoders.credit import Credit
from emollama_hf.encoders.emotion_llama.credit import EMOTION_LLAMA
from emollama_hf.feature_set.card.markdown import sentence
from emollama_hf.feature_set.manifest import FeatureConfig, Manifest
from emollama_hf.feature_set.plugins import recorded_credits
from emollama_hf.stages import STAGES
from emollama_hf.stages.known_columns import feature_columns
from emollama_hf.stages.known_stages import find_maker, origin_of
from emollama_hf.stages.named_encoder import NamedEncoder
from emollama_hf.text.plural import listed

#: Of every feature set.
TAGS = ("video-features", "emollama_hf")


def credits_of(manifest: Manifest) -> tuple[Credit, ...]:
    """Whom to credit for a set, Emotion-LLaMA first."""
    configs = manifest.configs.values()
    own = [EMOTION_LLAMA] if not configs or any(map(_has_emotion_llama, configs)) else []
    encoders = [Credit(one.name) for config in configs for one in config.encoders if not one.random_weights]
    plugins = [one for config in configs for one in recorded_credits(config.made)]
    return tuple(dict.fromkeys([*own, *encoders, *plugins]))


def title(credits: Sequence[Credit]) -> str:
    """ "Emotion-LLaMA features of video clips"; of columns that nobody is credited for, "Features of video clips"."""
    names = [EMOTION_LLAMA.name] if EMOTION_LLAMA in credits else [one.name for one in credits]
    return f"{listed(names)} features of video clips" if names else "Features of video clips"


def tags(credits: Sequence[Credit]) -> list[str]:
    return list(dict.fromkeys([*(tag for one in credits for tag in one.tags), *TAGS]))


def licences(credits: Sequence[Credit]) -> str:
    """The licences of the models, as Markdown; "" where nobody states one."""
    stated = [one.licence if one is EMOTION_LLAMA else _of_plugin(one) for one in credits if one.licence]
    return f" The models behind them have licences of their own: {', '.join(stated)}." if stated else ""


def citations(credits: Sequence[Credit]) -> str:
    """How to cite the methods, as Markdown; "" where nobody says it."""
    cited = [one.citation if one is EMOTION_LLAMA else sentence(one.citation) for one in credits if one.citation]
    return f" The method{'s' if len(cited) > 1 else ''}: {' '.join(cited)}" if cited else ""


def _of_plugin(credit: Credit) -> str:
    return f"{sentence(credit.name)} ({sentence(credit.licence)})"


def _has_emotion_llama(config: FeatureConfig) -> bool:
    """Whether a model of this package computed features; and where stages of this package ran and no others."""
    computed = [column for column in feature_columns() if column in config.features]
    makers = [maker for column in computed if (maker := find_maker(column)) is not None]
    named = [maker for maker in makers if issubclass(maker, NamedEncoder)]
    makers = [maker for maker in makers if maker not in named]
    if any(origin_of(maker) is None for maker in makers):
        return True
    built_in = {stage.name for stage in STAGES}
    return (
        not makers
        and not named
        and bool(config.made.get("stages"))
        and all(stage["stage"] in built_in for stage in config.made.get("stages", ()))
    )
