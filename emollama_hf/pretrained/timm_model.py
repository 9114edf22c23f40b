"""A model of timm with all weights of its files: nothing missing, nothing left over but a head, or one error."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.image_encoder.timm_images import timm_model
from emollama_hf.pretrained.model_size import check_size
from emollama_hf.pretrained.weight_state import WeightState, check_values, split_left_out, without_prefix
from emollama_hf.tensors.tensor_names import check_names

#: Heads and losses as timm and training programs call them; a name that the model itself has is never one.
#: A norm before a head is part of the feature.
_HEADS = (
    r"(?:fc|classifier|head)(?:\d+|_(?!norm)\w+)?\b",
    r"(?:last_linear|linear|logits|aux_head|heads|cls_head|projector|projection_head)\b",
    r"(?:criterion|loss|loss_fn|loss_func)\b",  # its class weights
)
#: Counts of batches in training, which files from before PyTorch 0.4.1 lack.
_COUNTS = "num_batches_tracked"


def load_timm(config: Config, state: WeightState, *, dtype: torch.dtype = torch.float32) -> nn.Module:
    """A model of timm without its head and with the weights of a state, in evaluation mode on the CPU.

    Tensors that need no change of dtype stay mapped to their file.

    Args:
        config: of the image encoder, library "timm".
        state: tensors as they stand in the files.
        dtype: of the weights.

    Returns:
        The model, without gradients.

    Raises:
        ModelError: tensors are missing, unexpected or of another shape, which are all listed; they are no finite
            numbers; or the configuration is of a much larger model than the weights.
    """
    empty = check_size(lambda: timm_model(config), state)
    expected = empty.state_dict()
    state, left = _fitted(without_prefix(state, expected), config, expected)
    counts = [name for name in expected if name.endswith(_COUNTS) and name not in state.tensors]
    check_names(
        {name: tuple(tensor.shape) for name, tensor in expected.items() if name not in counts},
        {name: tuple(tensor.shape) for name, tensor in state.tensors.items()},
        where=state.where,
        hint=f"check that this is a checkpoint of {config['architecture']}",
    )
    check_values(state.tensors, dtype, state.where)
    state.tell(left)
    model = timm_model(config)
    tensors = {
        name: tensor.to(dtype if tensor.is_floating_point() else tensor.dtype) for name, tensor in state.tensors.items()
    }
    tensors |= {name: torch.zeros_like(expected[name], device="cpu") for name in counts}
    model.load_state_dict(tensors, strict=True, assign=True)
    return model.to(dtype).requires_grad_(False).eval()


def _fitted(state: WeightState, config: Config, expected: Collection[str]) -> tuple[WeightState, list[str]]:
    """(tensors of the model, names of the head's); other origins are renamed as timm renames them."""
    renamed = state
    if any(name not in state.tensors and not name.endswith(_COUNTS) for name in expected):
        renamed = _of_another_origin(state, config, expected)
    own = [name for name in renamed.tensors if name in expected]
    used, left = split_left_out([name for name in renamed.tensors if name not in expected], _HEADS, state.prefix)
    kept = {name: renamed.tensors[name] for name in (*own, *used)}
    return replace(renamed, tensors=kept), left


def _of_another_origin(state: WeightState, config: Config, expected: Collection[str]) -> WeightState:
    """The state as timm's own filter of the architecture renames it, if more names fit then."""
    import timm

    module = importlib.import_module(timm.model_entrypoint(config["architecture"]).__module__)
    rename: Any = getattr(module, "checkpoint_filter_fn", None)
    if rename is None:
        return state
    try:
        tensors = dict(rename(dict(state.tensors), timm_model(config)))
    except Exception:  # a filter that stumbles over the names was not written for them; what is missing is said then
        return state
    if sum(name in tensors for name in expected) <= sum(name in state.tensors for name in expected):
        return state
    remark = f"names changed by timm's checkpoint_filter_fn of {config['architecture']}"
    return WeightState(state.where, tensors, (*state.remarks, remark))
