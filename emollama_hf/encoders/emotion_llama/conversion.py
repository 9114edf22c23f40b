"""EVA, the projections with LoRA, and Llama, as one part of a model directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.conversion import Conversion, KeptFile, Recipe
from emollama_hf.encoders.emotion_llama.adaptation import EmotionLlamaAdaptation, kept_factors
from emollama_hf.encoders.emotion_llama.config_json import FULL, emotion_llama_config, vision_config
from emollama_hf.encoders.emotion_llama.config_keys import text_config
from emollama_hf.encoders.emotion_llama.sources import EVA, LLAMA, PROJECTIONS
from emollama_hf.encoders.sections import VISION_SIZES, Section, Values, chosen, lacks
from emollama_hf.encoders.weight_source import OpenedSource
from emollama_hf.errors import ModelError

if TYPE_CHECKING:
    import torch


def _target_faults(values: Values) -> list[str]:
    targets = values.get("target_modules", [])
    listed = list(targets) if isinstance(targets, list | tuple) else [targets]
    good = not isinstance(targets, str) and all(isinstance(target, str) for target in listed)
    return [] if good else [f"target_modules={targets!r}"]


_EVA_SECTION = Section(
    "eva", VISION_SIZES, ("mlp_ratio", "mlp_hidden", "layer_norm_eps", "ln_vision_eps", "patches_per_token")
)


class EmotionLlamaConversion(Conversion):
    """Each source in its own terms; LoRA is merged into Llama's q and v projections where both are given."""

    sources = (EVA, PROJECTIONS, LLAMA)
    sections = (
        _EVA_SECTION,
        Section("llama", by_name=True),
        Section("lora", numbers=("alpha", "lora_alpha", "r", "lora_r"), other_faults=_target_faults),
        Section("projections", numbers=("patches_per_token",)),  # describes what follows from the others
    )

    def config(
        self, sections: Mapping[str, Values], extras: Mapping[str, Mapping[str, Any]], others: Mapping[str, Config]
    ) -> Config:
        vision, joining = _vision(sections.get("eva"))
        text, where = sections.get("llama", FULL["text_config"]), "architecture: section llama"
        if LLAMA.option in extras:  # which knows its own sizes better
            text, where = extras[LLAMA.option], "the Llama directory's config.json"
        return emotion_llama_config(
            vision=vision,
            text=text_config(text, where),
            feature_size=others["facemae"]["num_features"],
            **joining,
        )

    def tensors(
        self, option: str, states: Mapping[str, Mapping[str, torch.Tensor]], recipe: Recipe, *, where: str
    ) -> Iterator[tuple[str, torch.Tensor]]:
        from emollama_hf.encoders.emotion_llama.eva import eva_tensors
        from emollama_hf.encoders.emotion_llama.llama import llama_tensors
        from emollama_hf.encoders.emotion_llama.lora import TARGETS, lora_factors
        from emollama_hf.encoders.emotion_llama.projections import projection_tensors

        state, config = states[option], recipe.config
        if option == EVA.option:
            return eva_tensors(state, config["vision_config"], where=where)
        if option == PROJECTIONS.option:
            targets = recipe.sections.get("lora", {}).get("target_modules", TARGETS)
            return projection_tensors(state, config, tuple(targets), where=where)
        alpha = recipe.options.get("lora_alpha")
        trained = states.get(PROJECTIONS.option)
        lora = {} if trained is None or alpha is None else lora_factors(trained, alpha)
        return llama_tensors(state, config["text_config"], lora, where=where)

    def kept(self, states: Mapping[str, Mapping[str, torch.Tensor]], options: Mapping[str, Any]) -> dict[str, KeptFile]:
        """The LoRA factors that were merged, under their own names and in their own dtype."""
        alpha = options.get("lora_alpha")
        if alpha is None or not {PROJECTIONS.option, LLAMA.option} <= states.keys():
            return {}
        kept = kept_factors(states[PROJECTIONS.option], alpha)
        return {EmotionLlamaAdaptation.lora_file: kept} if kept.tensors else {}

    def settled(
        self, options: Mapping[str, Any], sections: Mapping[str, Values], sources: Mapping[str, OpenedSource]
    ) -> dict[str, Any]:
        from emollama_hf.encoders.emotion_llama.lora_scale import lora_alpha

        merged = {PROJECTIONS.option, LLAMA.option} <= sources.keys()
        trained = sources[PROJECTIONS.option] if merged else None
        alpha, said_by = lora_alpha(options.get("lora_alpha"), sections, trained)
        return {"lora_alpha": alpha, "lora_alpha_from": said_by}

    def summary(self, options: Mapping[str, Any]) -> list[str]:
        alpha, said_by = options["lora_alpha"], options["lora_alpha_from"]
        return [] if alpha is None else [f"LoRA was merged with alpha {alpha:g} (from the {said_by})."]


def _vision(given: Values | None) -> tuple[Config, dict[str, Any]]:
    """(EVA's configuration, what joins it to the decoder) of section `eva`."""
    if given is None:
        return FULL["vision_config"], {}
    sizes = _EVA_SECTION.sizes_of(given)
    if "mlp_hidden" not in given and "mlp_ratio" not in given:
        raise ModelError(lacks("eva", "mlp_hidden"))
    hidden = given.get("mlp_hidden") or int(given["embed_dim"] * given["mlp_ratio"])
    joining = chosen(given, "patches_per_token")
    if "ln_vision_eps" in given:
        joining["image_norm_eps"] = given["ln_vision_eps"]
    return vision_config(**sizes, mlp_hidden=hidden, **chosen(given, "layer_norm_eps")), joining
