"""The tensors of a model's files, mapped from them: wrappers and prefixes of training programs recognised and told."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emollama_hf.console.logs import package_logger
from emollama_hf.conversion.pickle_file import model_state, read_checkpoint
from emollama_hf.errors import ModelError
from emollama_hf.tensors.shards import WeightFiles
from emollama_hf.tensors.strict_load import open_safetensors
from emollama_hf.tensors.weight_values import WEIGHT_TYPES, check_types, type_fault, unusable, value_fault
from emollama_hf.text.few_of_many import few_and_more

if TYPE_CHECKING:
    import torch

_log = package_logger(__name__)

#: Entries of a checkpoint under which training programs keep the weights, the better first: a teacher's or an average's
#: weights are what its authors evaluate.
_ENTRIES = (
    "teacher", "model_ema", "state_dict_ema", "ema_state_dict", "state_dict", "model_state_dict", "model_state",
    "model", "net", "network", "module", "backbone", "encoder", "student", "weights", "params",
)  # fmt: skip
#: Words that a training program's classes put before the names of the model within.
_WORDS = (
    "module", "_orig_mod", "_forward_module", "state_dict", "model_state_dict", "model", "backbone", "encoder", "net",
    "network", "base_model", "base_encoder", "feature_extractor", "image_encoder", "visual_encoder", "teacher",
    "student", "trunk",
)  # fmt: skip
_PREFIX = re.compile(rf"(?:(?:{'|'.join(_WORDS)})\.)+")
#: Words of classes that hold one model and nothing else.
_WRAPPER = re.compile(r"(?:(?:module|_orig_mod|_forward_module|state_dict|model_state_dict)\.)+")
_NESTED = 3


@dataclass(frozen=True)
class WeightState:
    """Tensors by name.

    Attributes:
        where: the file or folder, for errors.
        tensors: mapped from the files.
        remarks: what was recognised on the way, a few words each.
        prefix: that was taken off the names.
    """

    where: str
    tensors: dict[str, torch.Tensor]
    remarks: tuple[str, ...] = ()
    prefix: str = ""

    @property
    def values(self) -> int:
        """Numbers in all tensors."""
        return sum(tensor.numel() for tensor in self.tensors.values())

    def tell(self, left_out: Collection[str] = ()) -> None:
        """Log what was recognised and what is left out."""
        from emollama_hf.tensors.tensor_names import compact

        for remark in self.remarks:
            _log.info("%s: %s", self.where, remark)
        if left_out:
            listed = few_and_more(compact((name, "") for name in sorted(left_out)))
            _log.info("%s: left out, no part of the encoder (%d): %s", self.where, len(left_out), listed)


def read_state(files: WeightFiles) -> WeightState:
    """All tensors of a model's files; a pickle is read without running anything in it.

    Args:
        files: safetensors files or pickles of `torch.save`, one or several shards.

    Raises:
        ModelError: a file is damaged, holds code or no tensors, or shards and their index do not belong together.
    """
    remarks: list[str] = []
    held = {name: _tensors_of(files.folder / name, remarks) for name in files.names}
    homes, _ = files.files_of(held, ())
    where = str(files.folder / files.names[0]) if len(files.names) == 1 else str(files.folder)
    return WeightState(where, {name: held[file][name] for name, file in homes.items()}, tuple(remarks))


def _tensors_of(path: Path, remarks: list[str]) -> dict[str, Any]:
    if path.suffix == ".safetensors":
        file = open_safetensors(path)
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no Mapping)
    found = read_checkpoint(path)
    entries: list[str] = []
    while len(entries) < _NESTED and (entry := _entry_of(found)) is not None:
        entries.append(entry)
        found = found[entry]
    if entries:
        remarks.append(f"weights taken from its entry {'.'.join(entries)}")
    return dict(model_state({"model": found}, str(path)))


def _entry_of(found: Mapping[str, Any]) -> str | None:
    """The entry of a checkpoint that holds the weights; None if the checkpoint is a state dict itself."""
    return next((name for name in _ENTRIES if isinstance(found.get(name), Mapping) and found[name]), None)


def without_wrapper(state: WeightState) -> WeightState:
    """The state without what every name of a wrapped model begins with, such as DataParallel's `module.`."""
    prefixes = {match[0] if (match := _WRAPPER.match(name)) else "" for name in state.tensors}
    return stripped(state, prefixes.pop()) if len(prefixes) == 1 else state


def prefixes_of(names: Iterable[str]) -> list[str]:
    """The prefixes of known words that names begin with, from the shortest; "" first.

    Example:
        >>> prefixes_of(["module.model.conv1.weight", "module.head.weight"])
        ['', 'module.', 'module.model.']
    """
    found: set[str] = set()
    for name in names:
        words = match[0].split(".")[:-1] if (match := _PREFIX.match(name)) else []
        found |= {"".join(f"{word}." for word in words[:count]) for count in range(1, len(words) + 1)}
    return ["", *sorted(found, key=lambda prefix: (len(prefix), prefix))]


def without_prefix(state: WeightState, expected: Collection[str]) -> WeightState:
    """The state without the prefix under which most of the expected names are found.

    A prefix of other words than training programs usually have ("resnet.") counts if all expected names are under it.

    Args:
        state: as it was read.
        expected: names of the library's model.
    """
    counts = {
        prefix: sum(f"{prefix}{name}" in state.tensors for name in expected) for prefix in prefixes_of(state.tensors)
    }
    best = max(counts, key=lambda prefix: counts[prefix])
    if counts[best] < len(expected):
        best = next(_whole_prefixes(state.tensors, expected), best)
    return stripped(state, best)


def _whole_prefixes(names: Collection[str], expected: Collection[str]) -> Iterator[str]:
    """The prefixes, of any words, under which all expected names are found."""
    some = max(expected, key=len, default="")  # every name will do, and few others end as a long one does
    for name in names:
        prefix = name.removesuffix(some)
        if prefix.endswith(".") and all(f"{prefix}{one}" in names for one in expected):
            yield prefix


def stripped(state: WeightState, prefix: str) -> WeightState:
    """The state with a prefix taken off the names that begin with it. Raises ModelError if two names become one."""
    if not prefix:
        return state
    tensors: dict[str, Any] = {}
    for name, tensor in state.tensors.items():
        short = name.removeprefix(prefix)
        if short in tensors or (short != name and short in state.tensors):
            raise ModelError(
                f"{state.where}: two tensors are named {short}, with and without the prefix {prefix}. Save the model "
                "that is meant alone, and give that file."
            )
        tensors[short] = tensor
    remark = f"prefix {prefix} taken off the names"
    return WeightState(state.where, tensors, (*state.remarks, remark), state.prefix + prefix)


def check_values(tensors: Mapping[str, torch.Tensor], dtype: torch.dtype, where: str) -> None:
    """Check that tensors are weights that can be computed with, or whole numbers of a buffer.

    Args:
        tensors: those that are used.
        dtype: the type that is computed in.
        where: for errors.

    Raises:
        ModelError: lists all that are quantized, complex or sparse, and all with NaN or infinite values.
    """
    import torch

    whole = (torch.int64, torch.int32, torch.bool)
    floats = {
        name: tensor for name, tensor in tensors.items() if type_fault(tensor) is None or tensor.dtype not in whole
    }
    check_types(floats.items(), where=where)
    faults = [
        (name, fault)
        for name, tensor in floats.items()
        if tensor.dtype in WEIGHT_TYPES and (fault := value_fault(tensor, dtype)) is not None
    ]
    if faults:
        raise ModelError(unusable(faults, where))


def split_left_out(names: Iterable[str], patterns: Iterable[str], prefix: str = "") -> tuple[list[str], list[str]]:
    """(names that no pattern matches at their beginning, names that one does).

    Args:
        names: of tensors.
        patterns: regular expressions.
        prefix: that was taken off other names: a head may stand beside the model, under the first words of it.

    Example:
        >>> split_left_out(["conv1.weight", "module.fc.weight"], ["fc"], "module.backbone.")
        (['conv1.weight'], ['module.fc.weight'])
    """
    words = prefix.split(".")[:-1]
    outer = "|".join(re.escape("".join(f"{word}." for word in words[:count])) for count in range(len(words) + 1))
    heads = re.compile(rf"(?:{outer})(?:{'|'.join(patterns) or '(?!)'})")
    used: list[str] = []
    left: list[str] = []
    for name in names:
        (left if heads.match(name) else used).append(name)
    return used, left
