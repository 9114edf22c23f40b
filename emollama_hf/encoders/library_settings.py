"""Settings that a library builds a model from, as a file from anywhere has them: within bounds, and nothing but data.

Values of any architecture cannot be listed key by key. What can be said of all: no number is larger than a model has
use for, no stack of layers is deeper, and no key makes a library run or fetch something.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: Keys of config.json that are about its file, its training or its classes, or that a library would act upon.
_NOT_READ = (
    "_attn_implementation", "_attn_implementation_internal", "_commit_hash", "_experts_implementation",
    "_name_or_path", "adapter_kwargs", "architectures", "attn_implementation", "auto_map", "base_model_tp_plan",
    "custom_pipelines", "device_map", "dtype", "experts_implementation", "finetuning_task", "fusion_config",
    "gguf_file", "id2label", "kernel_config", "label2id", "name_or_path", "num_labels", "problem_type",
    "quantization_config", "task_specific_params", "torch_dtype", "torchscript", "transformers_version",
    "transformers_weights", "trust_remote_code", "use_kernels",
)  # fmt: skip
_DEEP = re.compile(r"layers|depth|blocks|stages")
#: Most layers of a stack, or of several together; most of any other number: entries of a vocabulary, samples.
_MOST_LAYERS, _MOST = 1024, 2**24
_MOST_ENTRIES, _MOST_TEXT = 4096, 4096


def model_settings(found: Mapping[str, Any]) -> dict[str, Any]:
    """Of a config.json, what decides the model: without names of classes, labels, types and code.

    Args:
        found: a JSON object, which may have others in it.

    Example:
        >>> model_settings({"model_type": "vit", "hidden_size": 768, "auto_map": {"AutoModel": "code.Model"}})
        {'model_type': 'vit', 'hidden_size': 768}
    """
    return {
        name: model_settings(value) if isinstance(value, Mapping) else value
        for name, value in found.items()
        if name not in _NOT_READ
    }


def settings_fault(found: Mapping[str, Any], prefix: str = "") -> str | None:
    """What is out of bounds in settings, as a sentence goes on after their name; None if nothing is.

    Args:
        found: a JSON object, which may have others in it.
        prefix: of its keys' names in the sentence.
    """
    if len(found) > _MOST_ENTRIES:
        return f"{prefix}has {len(found):,} entries (expected at most {_MOST_ENTRIES:,})"
    for name, value in found.items():
        fault = settings_fault(value, f"{prefix}{name}.") if isinstance(value, Mapping) else _fault(str(name), value)
        if fault is not None:
            return fault if isinstance(value, Mapping) else f"has {prefix}{name}={_shown(value)} ({fault})"
    return None


def _fault(name: str, value: Any) -> str | None:
    if isinstance(value, str):
        return f"expected at most {_MOST_TEXT:,} characters" if len(value) > _MOST_TEXT else None
    numbers = list(_numbers(value))
    if len(numbers) > _MOST_ENTRIES:
        return f"expected at most {_MOST_ENTRIES:,} numbers"
    if any(abs(number) > _MOST for number in numbers if not isinstance(number, float)):
        return f"expected numbers up to {_MOST:,}"
    layers = sum(number for number in numbers if not isinstance(number, float))
    if _DEEP.search(name) and len(numbers) <= 16 and layers > _MOST_LAYERS:
        return f"expected at most {_MOST_LAYERS:,} layers"
    return None


def _numbers(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [number for entry in value for number in _numbers(entry)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _shown(value: Any) -> str:
    # An int of thousands of digits has no repr.
    if isinstance(value, int) and value.bit_length() > 128:
        return f"a number of {value.bit_length():,} bits"
    return f"{value!r:.60}" if not isinstance(value, list | tuple) else f"a list of {len(value):,}"
