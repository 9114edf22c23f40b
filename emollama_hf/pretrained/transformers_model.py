"""A model of transformers with all weights of its files: nothing missing, nothing left over, or one error."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from emollama_hf.encoders.transformers_classes import first_line
from emollama_hf.errors import ModelError
from emollama_hf.pretrained.model_size import check_size
from emollama_hf.pretrained.weight_state import (
    WeightState,
    check_values,
    prefixes_of,
    split_left_out,
    stripped,
    without_wrapper,
)
from emollama_hf.tensors.tensor_names import compact

_lock = threading.Lock()


def load_transformers(
    model_class: Any,
    config: Any,
    state: WeightState,
    *,
    left_out: Collection[str],
    dtype: torch.dtype = torch.float32,
    arguments: Mapping[str, Any] | None = None,
) -> Any:
    """A model of transformers with the weights of a state, in evaluation mode on the CPU.

    transformers renames old names of tensors itself. Tensors that need no change of dtype stay mapped to their file.

    Args:
        model_class: of transformers, without a head.
        config: its configuration object.
        state: tensors as they stand in the files.
        left_out: regular expressions of tensors of heads and other towers, matched at the beginning of the names.
        dtype: of the weights.
        arguments: further arguments of the class.

    Returns:
        The model, without gradients.

    Raises:
        ModelError: tensors are missing, unexpected or of another shape, which are all listed; they are no finite
            numbers; or the configuration is of a much larger model than the weights.
    """
    state = without_wrapper(state)
    check_size(lambda: model_class(config, **(arguments or {})), state)
    loaded = _loaded(model_class, config, state, left_out, dtype, arguments or {})
    for prefix in prefixes_of(state.tensors)[1:]:
        if not loaded.faults:
            break
        inner = stripped(state, prefix)
        other = _loaded(model_class, config, inner, left_out, dtype, arguments or {})
        if other.misfits < loaded.misfits:  # errors are about the prefix under which most tensors are found
            state, loaded = inner, other
    if loaded.faults:
        raise ModelError(
            f"{state.where}: the tensors do not fit {model_class.__name__} of the configuration; check that both "
            f"belong to the same model. {'; '.join(loaded.faults)}."
        )
    check_values({name: state.tensors[name] for name in state.tensors if name not in loaded.unused}, dtype, state.where)
    state.tell(loaded.unused)
    return loaded.model.requires_grad_(False).eval()


class _Loaded:
    """A model, the tensors that it has no use for, and what does not fit."""

    def __init__(self, model: Any, found: Mapping[str, Any], left_out: Collection[str], prefix: str) -> None:
        self.model = model
        unexpected, unused = split_left_out(sorted(found["unexpected_keys"]), left_out, prefix)
        self.unused = set(unused)
        missing = sorted(found["missing_keys"])
        misshapen = [
            (name, f" {tuple(shape)} (expected {tuple(expected)})")
            for name, shape, expected in sorted(found["mismatched_keys"])
        ]
        lists = {
            "missing": [(name, "") for name in missing],
            "unexpected": [(name, "") for name in unexpected],
            "of another shape": misshapen,
        }
        self.misfits = sum(map(len, lists.values())) + len(found.get("error_msgs", ()))
        self.faults = [f"{len(some)} {kind}: {', '.join(compact(some))}" for kind, some in lists.items() if some]
        self.faults += [first_line(ValueError(text)) for text in found.get("error_msgs", ())]


def _loaded(
    model_class: Any,
    config: Any,
    state: WeightState,
    left_out: Collection[str],
    dtype: torch.dtype,
    arguments: Mapping[str, Any],
) -> _Loaded:
    with _quiet():
        try:
            model, found = model_class.from_pretrained(
                None,
                config=config,
                state_dict=dict(state.tensors),
                dtype=dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **arguments,
            )
        except Exception as error:  # transformers checks and converts in many places
            raise ModelError(
                f"{state.where}: {model_class.__name__} cannot be loaded ({first_line(error)}). Check that weights and "
                "configuration belong to the same model."
            ) from error
    return _Loaded(model, found, left_out, state.prefix)


def _only_errors(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers prints a table of what does not fit, and a bar; both are judged here."""
    from transformers.utils import logging as own

    logger = logging.getLogger("transformers.modeling_utils")
    with _lock:
        bar = own.is_progress_bar_enabled()
        # A filter: by the level transformers decides what else it checks, and says that.
        logger.addFilter(_only_errors)
        own.disable_progress_bar()
        try:
            yield
        finally:
            logger.removeFilter(_only_errors)
            if bar:
                own.enable_progress_bar()
