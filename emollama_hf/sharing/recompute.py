"""The stages that made a shared set, once more, from what its provenance states."""

from __future__ import annotations

import os
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from emollama_hf.checkpoints.random_model import RANDOM_MODELS
from emollama_hf.errors import ShareError
from emollama_hf.feature_set.manifest import FeatureConfig
from emollama_hf.feature_set.plugins import MODULE, recorded_origin
from emollama_hf.sharing.recorded_adapter import check_adapter_used, recorded_adapter
from emollama_hf.sharing.recorded_places import recorded_places
from emollama_hf.stages.given_encoders import GivenEncoder
from emollama_hf.stages.known_stages import described, stage_named
from emollama_hf.stages.model_stage import stages_with_weights
from emollama_hf.stages.named_encoder import NamedEncoder
from emollama_hf.stages.options import restored
from emollama_hf.stages.pipeline import Pipeline
from emollama_hf.stages.stage import Stage
from emollama_hf.text.hub_id import is_hub_id


def recorded_pipeline(
    config: FeatureConfig,
    model: str | os.PathLike[str] | None,
    *,
    model_revision: str | None = None,
    tokenizer: str | os.PathLike[str] | None = None,
    adapter: str | os.PathLike[str] | None = None,
    device: str = "auto",
    dtype: str | None = None,
    quantize: str | None = None,
    peak: str | None = None,
    encoders: Mapping[str, GivenEncoder] | None = None,
) -> Pipeline:
    """The stages with the stated settings, for a model that has the stated digests.

    model, model_revision, tokenizer, adapter: by default the model and the adapter that are named. dtype, quantize
    ("none" for none), peak: instead of the stated ones. encoders: by column, where an encoder that was named for it
    lies here; by default the Hub id or architecture that is recorded.
    Raises ShareError if the model or the adapter is another one, or this version computes something else.
    """
    where = {"model": _model(config, model), "revision": model_revision, "device": device}
    named = recorded_places(config, encoders or {})
    check_adapter_used(config, adapter)
    stages = [
        _stage(
            _class_of(stated, config.made),
            stated,
            {
                **where,
                "adapter": recorded_adapter(config, str(stated["stage"]), adapter),
                **named.get(stated["stage"], {}),
            },
            tokenizer,
            dtype,
            quantize,
            peak,
        )
        for stated in config.made["stages"]
    ]
    stated_models = {stated["stage"]: stated["model"] for stated in config.made["stages"]}
    for stage in stages_with_weights(stages):
        if stage.model_digest() == stated_models[stage.name]:
            continue
        if isinstance(stage, NamedEncoder):
            raise ShareError(
                f"{stage.name}: the encoder {stage.encoder} is not the stated one: it has sha256 "
                f"{stage.model_digest()}, stated is {stated_models[stage.name]}. Give that one (--encoder "
                f"{stage.column}=PATH)."
            )
        raise ShareError(
            f"{stage.name}: the model {stage.source.name} is not the stated one: its {stage.part} has sha256 "
            f"{stage.model_digest()}, stated is {stated_models[stage.name]} ({config.model['name']}). Give "
            "that one (--model, and --model-revision or --tokenizer if it was extracted with these)."
        )
    return Pipeline(stages).pinned()


def _model(config: FeatureConfig, model: str | os.PathLike[str] | None) -> str | None:
    if model is not None:
        return os.fspath(model)
    named = config.model.get("name")
    if named is None or named in RANDOM_MODELS or Path(named).is_dir() or is_hub_id(named):
        return named
    raise ShareError(
        f"the features were made with a model directory called {named!r}. Say where it lies here (--model, model=); it "
        "is known by its digests."
    )


def stated_quantization(config: FeatureConfig) -> str:
    """What the decoder was quantized to: "none", "4bit" or "8bit"."""
    return next(
        (stage["config"]["quantize"] for stage in config.made["stages"] if stage["config"].get("quantize")), "none"
    )


def _class_of(stated: Mapping[str, Any], made: Mapping[str, Any]) -> type[Stage]:
    """The stage that is recorded, in its version. Raises ShareError if it is not known here, and says what to do."""
    name, version = stated["stage"], stated["version"]
    cls, recorded = stage_named(name), recorded_origin(made, name)
    if cls is not None and cls.version == version:
        return cls
    made_with = f"the features were made with {name} in version {version}"
    if recorded is None:
        here = "does not know it" if cls is None else f"has version {cls.version}"
        raise ShareError(
            f"{made_with}; this emollama_hf {here}. Install the version of emollama_hf that the card names."
        )
    if cls is not None:
        raise ShareError(
            f"{made_with}, a stage of {recorded}; {described(cls)} has version {cls.version}. Install {recorded}, and "
            "run this again."
        )
    if recorded.startswith(MODULE):
        raise ShareError(
            f"{made_with}, a stage of {recorded}, which is not registered here. Call verify in a Python program that "
            "imports this module and registers the stage (emollama_hf.register)."
        )
    raise ShareError(
        f"{made_with}, a stage of the distribution {recorded}, which is not installed here. Install it, and run this "
        "again; load, info and forget do without it."
    )


def _stage(
    cls: type[Stage],
    stated: Mapping[str, Any],
    where: Mapping[str, Any],
    tokenizer: str | os.PathLike[str] | None,
    dtype: str | None,
    quantize: str | None,
    peak: str | None,
) -> Stage:
    options = restored({name: _plain(value) for name, value in stated["config"].items() if value is not None})
    instead = {
        **where,
        "tokenizer": tokenizer,
        **({} if dtype is None else {"dtype": dtype}),
        **({} if quantize is None else {"quantize": None if quantize == "none" else quantize}),
        **({} if peak is None else {"peak": peak}),
    }
    takes = signature(cls).parameters
    options |= {name: value for name, value in instead.items() if name in takes}
    if peak is None and str(options.get("peak", "")).startswith("openface:"):
        raise ShareError("the peaks were chosen with OpenFace's files. Say where they lie (--peak openface:DIR).")
    stage = cls(**options, on_error="null")
    return stage


def _plain(value: Any) -> Any:
    """Limits are stated as floats, whole ones, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
