"""From opened sources to the parts of a model directory: checked as a whole, then made tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from emollama_hf.checkpoints.architecture import Config
from emollama_hf.checkpoints.directory import PART_SOURCES
from emollama_hf.checkpoints.write import PartContent
from emollama_hf.conversion.sources import Source, raise_all
from emollama_hf.encoders.emotion_llama.eva import eva_tensors
from emollama_hf.encoders.emotion_llama.llama import llama_tensors
from emollama_hf.encoders.emotion_llama.lora import Lora, lora_factors
from emollama_hf.encoders.emotion_llama.processor import processor_settings
from emollama_hf.encoders.emotion_llama.projections import projection_tensors
from emollama_hf.encoders.facemae.conversion import facemae_tensors
from emollama_hf.encoders.videomae.conversion import videomae_tensors
from emollama_hf.errors import ModelError
from emollama_hf.tensors.tensor_names import split_unused
from emollama_hf.tensors.weight_values import check_finite, check_types

State = Mapping[str, torch.Tensor]
Tensors = Iterator[tuple[str, torch.Tensor]]


@dataclass(frozen=True)
class Recipe:
    """What decides the result beside the sources.

    configs: of the parts.  targets, alpha: of LoRA; no alpha where there is no LoRA to merge.
    dtype: of every tensor; None keeps the sources', and float32 for what is computed.
    """

    configs: Mapping[str, Config]
    targets: tuple[str, ...]
    alpha: float | None
    dtype: torch.dtype | None


def check_sources(sources: Mapping[str, Source], recipe: Recipe) -> None:
    """Raise ModelError with all tensors of all sources that do not fit, if there are any."""
    errors: list[ModelError] = []
    for kind, source in sources.items():
        try:
            check_types(_used(source), where=source.label)
            # Without LoRA: each source is checked in its own terms before two of them are put together.
            for _ in _tensors(kind, _outline(source), recipe, {}, source.label):
                pass
        except ModelError as error:
            errors.append(error)
    raise_all(errors)


def check_values(sources: Mapping[str, Source], recipe: Recipe) -> None:
    """Raise ModelError with all tensors of checked sources that hold NaN or infinity, or would in the dtype."""
    errors: list[ModelError] = []
    for source in sources.values():
        try:
            check_finite(_used(source), where=source.label, dtype=recipe.dtype)
        except ModelError as error:
            errors.append(error)
    raise_all(errors)


def result_bytes(sources: Mapping[str, Source], recipe: Recipe) -> int:
    """Bytes of all tensors of the result, of sources that were checked."""
    outlines = {kind: _outline(source) for kind, source in sources.items()}
    lora = _lora(outlines, recipe)
    return sum(tensor.nbytes for kind in sources for _, tensor in _tensors(kind, outlines[kind], recipe, lora))


def part_contents(sources: Mapping[str, Source], recipe: Recipe) -> Iterator[tuple[str, PartContent]]:
    """(part, content) for each part that has a source; tensors are made when they are asked for."""
    states = {kind: source.state for kind, source in sources.items()}
    lora = _lora(states, recipe)
    for part, kinds in PART_SOURCES.items():
        present = [kind for kind in kinds if kind in sources]
        if not present:
            continue
        config = recipe.configs[part]
        tensors = _finite(part, (pair for kind in present for pair in _tensors(kind, states[kind], recipe, lora)))
        if "llama" in present:
            yield part, PartContent(config, tensors, sources["llama"].path, _processor(config))
        else:
            yield part, PartContent(config, tensors)


def _tensors(kind: str, state: State, recipe: Recipe, lora: Mapping[str, Lora], where: str = "") -> Tensors:
    """What one source contributes to its part, in the dtype of the result."""
    decoder = recipe.configs["emotion_llama"]
    if kind == "facemae":
        made = facemae_tensors(state, recipe.configs["facemae"], where=where)
    elif kind == "videomae":
        made = videomae_tensors(state, recipe.configs["videomae"], where=where)
    elif kind == "eva":
        made = eva_tensors(state, decoder["vision_config"], where=where)
    elif kind == "emotion_llama":
        made = projection_tensors(state, decoder, recipe.targets, where=where)
    else:
        made = llama_tensors(state, decoder["text_config"], lora, where=where)
    for name, tensor in made:
        yield name, tensor if recipe.dtype is None else tensor.to(recipe.dtype)


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


def _lora(states: Mapping[str, State], recipe: Recipe) -> dict[str, Lora]:
    if "emotion_llama" not in states or recipe.alpha is None:
        return {}
    return lora_factors(states["emotion_llama"], recipe.alpha)


def _processor(config: Config) -> dict[str, Any]:
    vision = config["vision_config"]
    patches = (vision["image_size"] // vision["patch_size"]) ** 2
    return processor_settings(vision["image_size"], patches // config["patches_per_token"])
