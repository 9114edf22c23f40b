"""A family of any architecture of timm or transformers: what its configuration holds, and how a network comes of it.

    config.json, preprocessor_config.json, names of the tensors ─► ModelFiles ─► Config ─► network without weights
                                                                                      └─► the library's model, loaded

The configuration is a JSON-able dict: "library", "architecture" (timm) or "model_type" (transformers), "settings" (what
the library builds the model from), "preprocessing", "width", and what else a family records.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from emollama_hf.encoders.config_checks import Config, one_of, whole
from emollama_hf.encoders.encoder import Encoder
from emollama_hf.encoders.library_settings import settings_fault
from emollama_hf.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

#: Most values of a vector.
_WIDTH = whole(1, 65_536)
_LIBRARY = one_of("timm", "transformers")


@dataclass(frozen=True)
class ModelFiles:
    """What is known of a model before its weights are read.

    Attributes:
        where: how errors call the model.
        config: config.json; empty for an architecture of timm that is named with a checkpoint.
        others: the other settings files that exist, by their names.
        tensors: names of the tensors in the weights' files, as they stand there.
        architecture: of timm, with its tag, where no config.json says it.
    """

    where: str
    config: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tensors: Collection[str] = ()
    architecture: str | None = None


class PretrainedEncoder(Encoder):
    """A family whose weights are given by the name of a published model, and in no folder of a model directory."""

    keys: ClassVar = {}
    stored: ClassVar[str] = "model"
    #: Files of settings beside config.json that decide what is computed.
    settings_names: ClassVar[tuple[str, ...]] = ("preprocessor_config.json", "processor_config.json")
    #: Regular expressions of tensors of heads and other towers, as the library names them: they are left out.
    left_out: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def described(self, files: ModelFiles) -> Config:
        """The configuration of a model from its files. Imports torch and the library, and reads no weights.

        Raises:
            ModelError: the library does not know the architecture, or the settings are incomplete or out of bounds.
        """

    @abstractmethod
    def around(self, model: Any, config: Config) -> nn.Module:
        """The network of this family around a model of the library: with weights, or empty on the meta device.

        Args:
            model: as `library_model` builds it, or as transformers has loaded it.
            config: of the model.
        """

    @abstractmethod
    def library_model(self, config: Config) -> nn.Module:
        """The library's model without weights, on the device that is torch's default at the time."""

    def transformers_class(self, config: Config) -> tuple[Any, Any, dict[str, Any]]:
        """Of a model of transformers: its class, its configuration object and further arguments of its constructor."""
        raise ModelError(f"{self.name}: {config.get('library')!r} is no library that loads this.")

    def network(self, config: Config) -> nn.Module:
        return self.around(self.library_model(config), config)

    def config_of(self, network: Any) -> Config:
        config: Config = network.config
        return config

    def width(self, config: Config) -> int:
        return int(config["width"])

    def checked_config(self, found: Mapping[str, Any], where: str, *, must_fit: bool = True) -> Config:
        name = "architecture" if found.get("library") == "timm" else "model_type"
        wrong = [
            f"{key}={found.get(key)!r:.60} (expected {expected})"
            for key, expected in (("library", _LIBRARY(found.get("library"))), ("width", _WIDTH(found.get("width"))))
            if expected
        ]
        wrong += [f"no {name}"] if not isinstance(found.get(name), str) else []
        for key in ("settings", "preprocessing"):
            value = found.get(key)
            fault = settings_fault(value) if isinstance(value, Mapping) else "is no object"
            wrong += [f"{key} {fault}"] if fault else []
        if wrong:
            raise ModelError(f"{where}: {'; '.join(wrong)}. Fetch the model again from where its weights came from.")
        return dict(found)

    def complete(self, network: Any, device: str) -> None:
        """Give buffers that no file holds the values that the library computes, beside random weights."""
        empty = {name for name, buffer in network.named_buffers() if buffer.is_meta}
        if not empty:
            return
        computed = self.network(network.config)
        for name, buffer in computed.named_buffers():
            if name in empty:
                folder, _, last = name.rpartition(".")
                module = network.get_submodule(folder)
                persistent = last not in module._non_persistent_buffers_set
                module.register_buffer(last, buffer.to(device), persistent=persistent)
