"""One kind of model of transformers: what is read of its two configurations, with transformers' own defaults. No torch.

An encoder of sound or video is one of a few kinds, which differ in what their inputs are and how their tokens lie. Each
kind lists the settings that decide its result, so that nothing else of a file reaches transformers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emollama_hf.encoders.config_checks import WIDTH, Config, Keys, ObjectOf, checked, one_of
from emollama_hf.encoders.encoder import Activations
from emollama_hf.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

_REMEDY = "Fetch the model again from where its weights came from, or name another."


@dataclass(frozen=True)
class ModelKind(ABC):
    """A `model_type` of transformers.

    Attributes:
        model_type: of config.json.
        class_name: of the model without a head, in transformers.
        keys: settings of config.json that are read.
        defaults: what transformers assumes for the settings that config.json leaves out.
        preprocessing_keys, preprocessing_defaults: the same of the file of preprocessing.
        fixed: settings that inference needs, whatever config.json says.
        arguments: of the model's constructor.
        old_names: names that settings had in earlier versions of transformers, and their names now.
    """

    model_type: str
    class_name: str
    keys: Keys
    defaults: Config
    preprocessing_keys: Keys
    preprocessing_defaults: Config
    fixed: Config = field(default_factory=dict)
    arguments: Config = field(default_factory=dict)
    old_names: Mapping[str, str] = field(default_factory=dict)

    @abstractmethod
    def width(self, settings: Mapping[str, Any]) -> int:
        """Length of the vectors."""

    @abstractmethod
    def activations(self, settings: Mapping[str, Any]) -> Activations:
        """What one clip takes at the peak, as measured."""

    @abstractmethod
    def around(self, model: Any, config: Config) -> nn.Module:
        """The network around a model of transformers, with weights or empty."""

    def misfits(self, settings: Mapping[str, Any], preprocessing: Mapping[str, Any]) -> list[str]:
        """What does not fit among settings that are within bounds each, a sentence each."""
        return []

    def library_class(self) -> Any:
        """transformers' class of the model."""
        import transformers

        return getattr(transformers, self.class_name)

    def library_config(self, settings: Mapping[str, Any]) -> Any:
        """transformers' configuration object."""
        from transformers import CONFIG_MAPPING

        return CONFIG_MAPPING[self.model_type](**{**settings, **self.fixed})

    def part(self, config: Mapping[str, Any], preprocessing: Mapping[str, Any], where: str) -> Config:
        """The configuration of the part, from a model's files.

        Args:
            config: config.json.
            preprocessing: the feature extractor's or the processor's settings.
            where: how errors call the model.

        Raises:
            ModelError: lists all values that are out of bounds, or that do not fit each other.
        """
        renamed = {self.old_names.get(name, name): value for name, value in config.items()}
        found = {
            "library": "transformers",
            "model_type": self.model_type,
            "settings": {**self.defaults, **_chosen(renamed, self.keys)},
            "preprocessing": {**self.preprocessing_defaults, **_chosen(preprocessing, self.preprocessing_keys)},
        }
        return self.checked(found, where)

    def checked(self, found: Mapping[str, Any], where: str) -> Config:
        """A configuration as `part` returns it, from a place that is not trusted. Raises ModelError as `part` does."""
        keys: Keys = {
            "library": one_of("transformers"),
            "model_type": one_of(self.model_type),
            "settings": ObjectOf(self.keys),
            "preprocessing": ObjectOf(self.preprocessing_keys),
            "width": WIDTH,
        }

        def misfits(kept: Config) -> list[str]:
            missing = [f"no {name}" for name in ("library", "model_type") if name not in kept]
            for part, names in (("settings", self.defaults), ("preprocessing", self.preprocessing_defaults)):
                missing += [f"no {part}.{name}" for name in names if name not in kept.get(part, {})]
            return missing or self.misfits(kept["settings"], kept["preprocessing"])

        kept = checked(keys, found, where, misfits, _REMEDY)
        return {**kept, "width": self.width(kept["settings"])}


def find_kind(kinds: Sequence[ModelKind], model_type: Any, where: str) -> Any:
    """The kind of that `model_type`. Raises ModelError if there is none."""
    found = next((kind for kind in kinds if kind.model_type == model_type), None)
    if found is None:
        known = ", ".join(kind.model_type for kind in kinds)
        raise ModelError(f"{where}: model_type {model_type!r:.60} is none of {known}. Name a model of one of these.")
    return found


def _chosen(found: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    return {name: found[name] for name in keys if name in found}
