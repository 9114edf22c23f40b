"""Weights from safetensors files into an empty network: all of them fit, or an error lists what does not."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from emollama_hf.errors import ModelError
from emollama_hf.files.small_file import OddFileError, open_regular
from emollama_hf.tensors.quantized import put
from emollama_hf.tensors.safetensors_header import read_safetensors_header
from emollama_hf.tensors.shards import WeightFiles
from emollama_hf.tensors.tensor_names import check_names, split_unused
from emollama_hf.tensors.weight_values import check_types, unusable, value_fault
from emollama_hf.tensors.wrapped_names import wrapping_hint


def load_strict(
    module: nn.Module,
    files: WeightFiles,
    *,
    device: str,
    ignore: Iterable[str] = (),
    where: str,
    changes: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] | None = None,
) -> None:
    """Put the tensors of safetensors files into a module on the meta device, in the module's dtype.

    On the CPU and without a change of dtype the parameters are the mapped file: no memory of their own.

    Args:
        module: on the meta device.
        files: that hold its tensors.
        device: a torch device.
        ignore: regular expressions of names that may be in the files and are not used.
        where: name of the files in errors.
        changes: by a tensor's name, what computes its values from those in the files, on the device and in the dtype
            of the files; the result is cast or quantized afterwards.

    Raises:
        ModelError: all missing, unexpected and misshapen names, tensors that are no weights, and those that hold NaN or
            infinity, or would in the module's dtype.
        ValueError: `changes` names a tensor that the module does not have, or changes a shape.
    """
    changes = changes or {}
    expected = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in module.state_dict().items()}
    with ExitStack() as stack:
        opened = {name: stack.enter_context(open_safetensors(files.folder / name, device)) for name in files.names}
        ignored = tuple(ignore)
        held = {name: list(file.keys()) for name, file in opened.items()}
        homes = {name: opened[file] for name, file in files.files_of(held, ignored)[0].items()}
        used, _ = split_unused(homes, ignored)
        found = {name: tuple(homes[name].get_slice(name).get_shape()) for name in used}
        hint = wrapping_hint(used)
        check_names({name: shape for name, (shape, _) in expected.items()}, found, where=where, hint=hint)
        check_changes(changes, expected)
        faults: list[tuple[str, str]] = []
        # One by one, so that a change of dtype or a quantization never holds a second copy of the whole.
        for name in used:
            tensor = homes[name].get_tensor(name)
            check_types([(name, tensor)], where=where)
            dtype = expected[name][1]
            if name in changes and value_fault(tensor) is None:
                tensor = changed(tensor, changes[name], name)
            if (fault := value_fault(tensor, dtype)) is not None:
                faults.append((name, fault))
            put(module, name, tensor.to(dtype))
    if faults:
        raise ModelError(unusable(faults, where))


def check_changes(changes: Iterable[str], names: Container[str]) -> None:
    """Raise ValueError for changes of tensors that a network does not have."""
    unknown = [name for name in changes if name not in names]
    if unknown:
        raise ValueError(f"changes: the network has no {', '.join(unknown)}. Name tensors as the part's files do.")


@torch.no_grad()
def changed(tensor: torch.Tensor, change: Callable[[torch.Tensor], torch.Tensor], name: str) -> torch.Tensor:
    """A tensor after a change, on the same device. Raises ValueError if the shape is another one then."""
    result = change(tensor)
    if result.shape != tensor.shape:
        raise ValueError(f"changes: {name} is {tuple(tensor.shape)}, and {tuple(result.shape)} after its change.")
    return result.to(tensor.device)


def open_safetensors(path: Path, device: str = "cpu") -> safe_open:
    """A safetensors file, mapped. Raises ModelError for a Git LFS pointer and for a damaged file."""
    check_not_pointer(path)
    try:
        read_safetensors_header(path)  # a long one would be parsed before anything of it is checked
        return safe_open(path, framework="pt", device=device)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"{path} ({path.stat().st_size} bytes): not a whole safetensors file ({error}). "
            "The download or copy is incomplete: fetch it again."
        ) from error


def check_not_pointer(path: Path) -> None:
    """Raise ModelError for a pipe or a device, and for what Git leaves instead of a large file that was not fetched."""
    try:
        with open_regular(path) as file:
            start = file.read(40)
    except OddFileError as error:
        raise ModelError(f"{path} is {error} of weights. Give the file as its authors published it.") from error
    if start.startswith(b"version https://git-lfs"):
        raise ModelError(
            f"{path} is a Git LFS pointer, not the weights. Run git lfs pull in its repository, "
            "or download the file from the Hub."
        )
