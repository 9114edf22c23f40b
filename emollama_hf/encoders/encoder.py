"""The description of a family of weights: all that the rest of the package knows about a model."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from emollama_hf.computing.number_types import MIXED, DtypeName
from emollama_hf.encoders.adaptation import Adaptation
from emollama_hf.encoders.config_checks import Config, Keys, checked
from emollama_hf.encoders.conversion import Conversion
from emollama_hf.encoders.credit import Credit
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer
from emollama_hf.errors import ModelError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Activations:
    """What one clip takes at a network's peak, beside the weights.

    values: intermediate values that exist at once, in the type of matrix products.  inputs: values of its pixels or
    samples, which exist as float32 clip by clip, stacked, and in the type of products.
    """

    values: int
    inputs: int


class Encoder(ABC):
    """One family of weights: a folder of a model directory, its network, its memory, and how it is converted.

    Model directories, random models, predictions of memory, `convert`, `info` and `doctor` ask this object and know no
    family by name. A subclass imports torch within its methods only.

        from emollama_hf.encoders.config_checks import whole
        from emollama_hf.encoders.encoder import Activations

        class ToneEncoder(emollama_hf.Encoder):
            name = "tone"
            keys = {"width": whole(1, 4096)}
            tiny, full = {"width": 8}, {"width": 1024}

            def width(self, config):
                return config["width"]

            def network(self, config):
                from tone.network import Tone
                return Tone(config)

            def config_of(self, network):
                return network.config

            def activations(self, config, stream_ratio):
                return Activations(values=16 * config["width"], inputs=16_000)

        >>> ToneEncoder().checked_config({"width": 8, "auto_map": "ignored"}, "tone/config.json")
        {'width': 8}
    """

    #: The folder in a model directory.
    name: ClassVar[str]
    #: What is read of config.json; nothing else of the file reaches the network.
    keys: ClassVar[Keys]
    #: The same classes with toy widths, and the sizes of the published model: random-tiny and random-full.
    tiny: ClassVar[Config]
    full: ClassVar[Config]
    #: How `convert` makes it; None for a family whose folder comes ready.
    conversion: ClassVar[Conversion | None] = None
    #: How adapters change it; None for a family without LoRA.
    adaptation: ClassVar[Adaptation | None] = None
    #: Whether it mixes number types under "float16-mixed"; the others compute in float32 then.
    mixes_types: ClassVar[bool] = False
    #: Whether its `quantizable` layers may keep their weights in 4 or 8 bits.
    quantizes: ClassVar[bool] = False
    #: Whether extraction goes on without it: `doctor` then misses nothing in a model that does not have it.
    optional: ClassVar[bool] = False
    #: Whom a card names for it: its name, its licence, how to cite it. None: nobody.
    credit: ClassVar[Credit | None] = None
    #: Names of families that stay loaded beside it, because the same rows go through all of them.
    beside: ClassVar[tuple[str, ...]] = ()
    #: Attribute of the network whose state dict a model directory stores; empty where that is the network itself.
    stored: ClassVar[str] = ""
    #: Regular expressions of tensors that its files may hold and its network does not use.
    unused: ClassVar[tuple[str, ...]] = ()
    #: Files of a tokenizer beside the weights; empty for a family without one.
    tokenizer_files: ClassVar[tuple[str, ...]] = ()

    # -- the configuration --

    @abstractmethod
    def width(self, config: Config) -> int:
        """Length of the vectors that it computes. Raises ModelError if the configuration does not tell."""

    def misfits(self, config: Config) -> list[str]:
        """What is wrong with sizes that are within bounds each and do not fit each other, a sentence each."""
        return []

    def takes(self, config: Config) -> Mapping[str, int]:
        """Lengths of the vectors of other families that its network takes, by the families' names."""
        return {}

    def result(self, config: Config) -> str:
        """What it computes of a clip, in a few words: "(1024,) a clip"."""
        return f"({self.width(config)},) a clip"

    def checked_config(self, found: Mapping[str, Any], where: str, *, must_fit: bool = True) -> Config:
        """What the network is built from: the keys of `keys`, each within its bounds, and sizes that fit.

        Args:
            found: config.json as it was read.
            where: its name in errors.
            must_fit: whether sizes that do not fit each other are an error here; the conversion says them better.

        Returns:
            The configuration with the keys that are read and nothing else.

        Raises:
            ModelError: lists every value that is out of bounds, or every two that do not fit each other.
        """
        return checked(self.keys, found, where, self.misfits if must_fit else lambda config: [])

    # -- the network --

    @abstractmethod
    def network(self, config: Config) -> nn.Module:
        """The network without weights; called on the meta device.

        It has `blocks()`, the repeated layers in which the work is done.
        """

    def counted_config(self, config: Config) -> Config:
        """A configuration with as many parameters, of the same shapes, whose network is quicker to build.

        Parameters are counted on the meta device before each run.
        """
        return config

    def weights(self, network: Any) -> nn.Module:
        """The module whose state dict a model directory stores, under its own names."""
        module: nn.Module = getattr(network, self.stored) if self.stored else network
        return module

    def config_of(self, network: Any) -> Config:
        """config.json of a network, defaults included: widths are read without the network's library.

        This is what transformers' models have; others override it.
        """
        model: Any = self.weights(network)
        config: Config = json.loads(model.config.to_json_string(use_diff=False))
        return {**config, "architectures": [type(model).__name__]}

    def use_float32_stream(self, network: Any) -> None:
        """Give a network of a half type, on the meta device, a residual stream in float32. For families that mix."""
        raise NotImplementedError(f"{self.name} mixes no types")

    def quantizable(self, network: Any) -> nn.Module | None:
        """The module whose linear layers quantization replaces; None if it replaces nothing."""
        return None

    def complete(self, network: Any, device: str) -> None:  # noqa: B027  (most have nothing to complete)
        """Compute what no file holds, such as rotary tables, once the weights are loaded."""

    def computed_type(self, dtype: DtypeName) -> DtypeName:
        """What it computes in when a model as a whole computes in `dtype`; results are recorded with this type."""
        return "float32" if dtype == MIXED and not self.mixes_types else dtype

    @abstractmethod
    def activations(self, config: Config, stream_ratio: int) -> Activations:
        """What one clip takes at the peak, as measured.

        The attention of torch's scaled_dot_product_attention keeps no matrix of tokens by tokens, on no device.

        Args:
            config: sizes.
            stream_ratio: bytes of a value of the residual stream over those of one of the products: 1 or 2.
        """

    def kept(self, config: Config) -> dict[str, tuple[int, ...]]:
        """Tensors that its files hold for other uses than its network, by name: their shapes.

        `ModelSource.load_kept` reads them; their names match `unused`.
        """
        return {}

    # -- files beside the weights --

    def settings_files(self, config: Config) -> dict[str, Mapping[str, Any]]:
        """JSON files beside config.json, by name."""
        return {}

    def copied_files(self, source: Path) -> list[Path]:
        """Files of a directory that are copied beside the weights. Raises ModelError if it lacks one that is needed."""
        return [source / name for name in self.tokenizer_files if (source / name).is_file()]

    def tokenizer(self, folder: Path) -> PromptTokenizer:
        """The tokenizer whose files lie in a folder. Raises ModelError if they do not."""
        raise ModelError(f"{self.name} has no tokenizer.")

    def random_tokenizer(self, *, any_text: bool) -> PromptTokenizer:
        """The tokenizer of random models. any_text: whether it knows more than the default prompt."""
        raise ModelError(f"{self.name} has no tokenizer.")

    # -- what follows --

    @property
    def options(self) -> tuple[str, ...]:
        """Options of `convert` that it is made of."""
        return tuple(source.option for source in self.conversion.sources) if self.conversion is not None else ()
