"""Classes and configuration objects of transformers by name: from a dict, with no code but transformers' own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from emollama_hf.encoders.library_settings import model_settings, settings_fault
from emollama_hf.errors import ModelError


def checked_settings(config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What of a config.json decides the model, within bounds.

    Args:
        config: config.json, or the part of it that is about one tower.
        where: how errors call the model.

    Raises:
        ModelError: a value is out of bounds.
    """
    settings = model_settings(config)
    fault = settings_fault(settings)
    if fault is not None:
        raise ModelError(f"{where}: config.json {fault}. Fetch the model again from where its weights came from.")
    return settings


def config_object(model_type: str, settings: Mapping[str, Any], where: str) -> Any:
    """transformers' configuration object of a model.

    Args:
        model_type: as config.json has it.
        settings: `checked_settings`.
        where: how errors call the model.

    Raises:
        ModelError: transformers does not know the type, or refuses a value.
    """
    from transformers import CONFIG_MAPPING

    if model_type not in CONFIG_MAPPING:
        raise ModelError(
            f"{where}: model_type {model_type!r} is not known to the installed transformers. Update transformers, or "
            "take a model of another type."
        )
    values = {name: value for name, value in settings.items() if name != "model_type"}
    try:
        return CONFIG_MAPPING[model_type](**values)
    except Exception as error:  # each class has checks of its own
        raise ModelError(
            f"{where}: config.json is refused by transformers ({first_line(error)}). Fetch it again."
        ) from error


def model_class(model_type: str, where: str) -> Any:
    """transformers' class of the encoder without a head.

    Args:
        model_type: as config.json has it, or of a tower.
        where: how errors call the model.

    Raises:
        ModelError: transformers has none.
    """
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    name = MODEL_MAPPING_NAMES.get(model_type)
    names = (name,) if isinstance(name, str) else tuple(name or ())
    if not names:
        raise ModelError(f"{where}: transformers has no model without a head for model_type {model_type!r}.")
    return getattr(transformers, names[0])


def takes(model: Any, argument: str) -> bool:
    """Whether the constructor of a class has an argument."""
    return argument in inspect.signature(model.__init__).parameters


def first_line(error: BaseException) -> str:
    """The first line of an error of a library that says something, at most 200 characters, or its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (" ".join(lines[:2]) if lines else type(error).__name__)[:200]
