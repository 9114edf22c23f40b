"""From opened sources to the parts of a model directory: checked as a whole, then made tensor by tensor."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from emollama_hf.checkpoints.write import PartContent
from emollama_hf.conversion.sources import Source, raise_all
from emollama_hf.encoders import find_encoder, known_encoders
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.conversion import KeptFile, Recipe
from emollama_hf.encoders.encoder import Encoder
from emollama_hf.encoders.sections import Values
from emollama_hf.encoders.weight_source import WeightDirectory
from emollama_hf.errors import ModelError
from emollama_hf.tensors.tensor_names import split_unused
from emollama_hf.tensors.weight_values import check_finite, check_types

State = Mapping[str, torch.Tensor]
Tensors = Iterator[tuple[str, torch.Tensor]]


@dataclass(frozen=True)
class Request:
    """What decides the result beside the sources.

    configs: of the parts.  sections: of the architecture.  options: settled values such as LoRA's alpha.
    dtype: of every tensor; None keeps the sources', and float32 for what is computed.
    """

    configs: Mapping[str, Config]
    sections: Mapping[str, Values]
    options: Mapping[str, Any]
    dtype: torch.dtype | None

    def recipe(self, part: str) -> Recipe:
        """What decides one part."""
        return Recipe(self.configs[part], self.sections, self.options)


def check_sources(sources: Mapping[str, Source], request: Request) -> None:
    """Raise ModelError with all tensors of all sources that do not fit, if there are any."""
    errors: list[ModelError] = []
    for kind, source in sources.items():
        try:
            check_types(_used(source), where=source.label)
            # By itself: each source is checked in its own terms before two of them are put together.
            for _ in _tensors(kind, {kind: _outline(source)}, request, source.label):
                pass
        except ModelError as error:
            errors.append(error)
    raise_all(errors)


def check_values(sources: Mapping[str, Source], request: Request) -> None:
    """Raise ModelError with all tensors of checked sources that hold NaN or infinity, or would in the dtype."""
    errors: list[ModelError] = []
    for source in sources.values():
        try:
            check_finite(_used(source), where=source.label, dtype=request.dtype)
        except ModelError as error:
            errors.append(error)
    raise_all(errors)


def result_bytes(sources: Mapping[str, Source], request: Request) -> int:
    """Bytes of all tensors of the result, of sources that were checked."""
    outlines = {kind: _outline(source) for kind, source in sources.items()}
    weights = sum(tensor.nbytes for kind in sources for _, tensor in _tensors(kind, outlines, request))
    kept = [file for encoder in known_encoders() for file in _kept(encoder, outlines, request).values()]
    return weights + sum(tensor.nbytes for file in kept for tensor in file.tensors.values())


def parts_that_do_not_fit(sources: Collection[str], configs: Mapping[str, Config]) -> list[str]:
    """A sentence for each part that computes vectors of another length than another part takes.

    Each of the two is of use by itself, so that this is no error before both are used together.

    Args:
        sources: options of `convert` that were given.
        configs: of the parts.
    """
    given = [encoder for encoder in known_encoders() if any(option in sources for option in encoder.options)]
    widths = {encoder.name: encoder.width(configs[encoder.name]) for encoder in given}
    return [
        f"{encoder.name}/ takes vectors of {wanted:,} numbers from {name}/, which computes {widths[name]:,}: the two "
        "cannot be used together. Each can be used by itself."
        for encoder in given
        for name, wanted in encoder.takes(configs[encoder.name]).items()
        if widths.get(name, wanted) != wanted
    ]


def part_contents(sources: Mapping[str, Source], request: Request) -> Iterator[tuple[str, PartContent]]:
    """(part, content) for each part that has a source; tensors are made when they are asked for."""
    states = {kind: source.state for kind, source in sources.items()}
    for encoder in known_encoders():
        present = [kind for kind in encoder.options if kind in sources]
        if not present:
            continue
        config = request.configs[encoder.name]
        made = (pair for kind in present for pair in _tensors(kind, states, request))
        copied, settings = _files_beside(encoder, config, sources)
        yield (
            encoder.name,
            PartContent(config, _finite(encoder.name, made), copied, settings, _kept(encoder, states, request)),
        )


def _kept(encoder: Encoder, states: Mapping[str, State], request: Request) -> Mapping[str, KeptFile]:
    return {} if encoder.conversion is None else encoder.conversion.kept(states, request.options)


def _files_beside(
    encoder: Encoder, config: Config, sources: Mapping[str, Source]
) -> tuple[list[Path], Mapping[str, Mapping[str, Any]]]:
    """(files that are copied beside a part's weights, JSON files there), once the source that brings them is given."""
    wanted = encoder.conversion.sources if encoder.conversion is not None else ()
    bringing = [source.option for source in wanted if isinstance(source, WeightDirectory) and source.brings_files]
    folders = [sources[option].path for option in bringing if option in sources]
    if bringing and not folders:
        return [], {}
    return [file for folder in folders for file in encoder.copied_files(folder)], encoder.settings_files(config)


def _tensors(kind: str, states: Mapping[str, State], request: Request, where: str = "") -> Tensors:
    """What one source contributes to its part, in the dtype of the result."""
    encoder = find_encoder(next(encoder.name for encoder in known_encoders() if kind in encoder.options))
    assert encoder.conversion is not None  # it has options
    for name, tensor in encoder.conversion.tensors(kind, states, request.recipe(encoder.name), where=where):
        yield name, tensor if request.dtype is None else tensor.to(request.dtype)


def _used(source: Source) -> Iterator[tuple[str, torch.Tensor]]:
    """The source's tensors that the result is made of."""
    return ((name, source.state[name]) for name in split_unused(source.state, source.unused)[0])


def _finite(part: str, tensors: Tensors) -> Tensors:
    """The same tensors; ModelError where finite sources give a sum that is not finite."""
    for name, tensor in tensors:
        check_finite([(name, tensor)], where=f"{part}/")
        yield name, tensor


def _outline(source: Source) -> dict[str, torch.Tensor]:
    """The source's tensors without values: what will be made of them is tried on these, and nothing is read."""
    return {name: tensor.to("meta") for name, tensor in source.state.items()}
