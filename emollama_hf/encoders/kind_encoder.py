"""A family whose models are of a few kinds of transformers: sound, video."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.encoder import Activations
from emollama_hf.encoders.model_kind import ModelKind, find_kind
from emollama_hf.encoders.pretrained_encoder import ModelFiles, PretrainedEncoder
from emollama_hf.errors import ModelError

if TYPE_CHECKING:
    from torch import nn


class KindEncoder(PretrainedEncoder):
    """What the configuration of a model becomes is decided by its kind."""

    stored: ClassVar[str] = "encoder"
    #: A new kind is a file and an entry here.
    kinds: ClassVar[tuple[ModelKind, ...]]

    @abstractmethod
    def preprocessing(self, files: ModelFiles) -> Mapping[str, Any] | None:
        """The settings of the model's preprocessing, of the file that transformers reads; None if there is no file."""

    def kind(self, config: Mapping[str, Any], where: str = "config") -> ModelKind:
        """The kind of a configuration. Raises ModelError if there is none."""
        found: ModelKind = find_kind(self.kinds, config.get("model_type"), where)
        return found

    def described(self, files: ModelFiles) -> Config:
        kind = self.kind(files.config, files.where)
        preprocessing = self.preprocessing(files)
        if preprocessing is None:
            raise ModelError(
                f"{files.where}: has none of {', '.join(self.settings_names)}, which say how inputs are prepared. "
                "Fetch the file from where the weights came from."
            )
        return kind.part(files.config, preprocessing, files.where)

    def checked_config(self, found: Mapping[str, Any], where: str, *, must_fit: bool = True) -> Config:
        return self.kind(found, where).checked(found, where)

    def transformers_class(self, config: Config) -> tuple[Any, Any, dict[str, Any]]:
        kind = self.kind(config)
        return kind.library_class(), kind.library_config(config["settings"]), kind.arguments

    def library_model(self, config: Config) -> nn.Module:
        model_class, settings, arguments = self.transformers_class(config)
        model: nn.Module = model_class._from_config(settings, **arguments)
        return model

    def around(self, model: Any, config: Config) -> nn.Module:
        network = self.kind(config).around(model, config)
        network.config = config  # type: ignore[assignment]
        return network

    def activations(self, config: Config, stream_ratio: int) -> Activations:
        return self.kind(config).activations(config["settings"])
