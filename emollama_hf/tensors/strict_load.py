"""Weights from safetensors files into an empty network: all of them fit, or an error lists what does not."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

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


def load_strict(module: nn.Module, files: WeightFiles, *, device: str, ignore: Iterable[str] = (), where: str) -> None:
    """Put the tensors of safetensors files into a module on the meta device, in the module's dtype.

    On the CPU and without a change of dtype the parameters are the mapped file: no memory of their own.
    ignore: regular expressions of names that may be in the files and are not used.  where: for the error.
    Raises ModelError with all missing, unexpected and misshapen names, with tensors that are no weights, and with those
    that hold NaN or infinity, or would in the module's dtype.
    """
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
        faults: list[tuple[str, str]] = []
        # One by one, so that a change of dtype or a quantization never holds a second copy of the whole.
        for name in used:
            tensor = homes[name].get_tensor(name)
            check_types([(name, tensor)], where=where)
            if (fault := value_fault(tensor, expected[name][1])) is not None:
                faults.append((name, fault))
            put(module, name, tensor.to(expected[name][1]))
    if faults:
        raise ModelError(unusable(faults, where))


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
