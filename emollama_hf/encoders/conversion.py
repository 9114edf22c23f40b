"""How the published checkpoints of a family become its part of a model directory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.sections import Section, Values
from emollama_hf.encoders.weight_source import OpenedSource, WeightSource

if TYPE_CHECKING:
    import torch

    State: TypeAlias = Mapping[str, torch.Tensor]
    Tensors: TypeAlias = Iterator[tuple[str, torch.Tensor]]


@dataclass(frozen=True)
class Recipe:
    """What decides the tensors of a part beside its sources.

    Attributes:
        config: the part's configuration.
        sections: of `convert(architecture=)`, checked.
        options: what `Conversion.settled` has found.
    """

    config: Config
    sections: Mapping[str, Values] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class KeptFile:
    """A safetensors file that a conversion writes beside a part's weights, and the part's network does not read.

    Attributes:
        tensors: by name, as the source has them.
        metadata: of the file.
    """

    tensors: Mapping[str, torch.Tensor]
    metadata: Mapping[str, str]


class Conversion(ABC):
    """From one or more sources to one part: sizes, then names and values, each source in its own terms."""

    #: What the part is made of, in the order of its files.
    sources: ClassVar[tuple[WeightSource, ...]]
    #: Sections of an architecture that are about it.
    sections: ClassVar[tuple[Section, ...]] = ()

    @abstractmethod
    def config(
        self, sections: Mapping[str, Values], extras: Mapping[str, Mapping[str, Any]], others: Mapping[str, Config]
    ) -> Config:
        """The part's configuration; the published sizes where nothing else is said.

        Args:
            sections: of the architecture, checked.
            extras: `OpenedSource.extra` of each source that was opened, by its option.
            others: configurations of the families before this one, by their names.

        Raises:
            ModelError: a section lacks a size, or a value is out of bounds.
        """

    @abstractmethod
    def tensors(self, option: str, states: Mapping[str, State], recipe: Recipe, *, where: str) -> Tensors:
        """What one source contributes: names in the part's files, and values, in the checkpoint's dtypes.

        Args:
            option: the source's.
            states: state dicts by option. With that source's alone, for a check, nothing of another is merged into it.
            recipe: sizes and options.
            where: the source's name in errors.

        Raises:
            ModelError: lists all missing, unexpected and misshapen tensors.
        """

    def settled(
        self, options: Mapping[str, Any], sections: Mapping[str, Values], sources: Mapping[str, OpenedSource]
    ) -> dict[str, Any]:
        """Options of the conversion that this family understands, each with the one value that holds.

        Args:
            options: as they were given to `convert`.
            sections: of the architecture, checked.
            sources: those that were opened; called with none before, so that a fault of an option is said early.

        Returns:
            JSON-able values, which provenance.json records and `tensors` is given.
        """
        return {}

    def kept(self, states: Mapping[str, State], options: Mapping[str, Any]) -> dict[str, KeptFile]:
        """Files beside the part's weights, by name, with what would be lost in them.

        Args:
            states: state dicts by option, checked.
            options: what `settled` has found.
        """
        return {}

    def summary(self, options: Mapping[str, Any]) -> list[str]:
        """Sentences about the `settled` options, for whoever has run the conversion."""
        return []


class OneSourceConversion(Conversion):
    """A part whose tensors are those of one source, under the names of its network."""

    def tensors(self, option: str, states: Mapping[str, State], recipe: Recipe, *, where: str) -> Tensors:
        return self.renamed(states[option], recipe.config, where=where)

    @abstractmethod
    def renamed(self, state: State, config: Config, *, where: str) -> Tensors:
        """Names in the part's files, and values, in the checkpoint's dtypes.

        Args:
            state: the source's tensors by their names.
            config: the part's configuration.
            where: the source's name in errors.

        Raises:
            ModelError: lists all missing, unexpected and misshapen tensors.
        """
