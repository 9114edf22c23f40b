"""Weights from safetensors files into an empty network: all of them fit, or an error lists what does not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import nn

from emollama_hf.checkpoints.quantized import put
from emollama_hf.checkpoints.tensor_names import check_names, split_unused
from emollama_hf.errors import ModelError

#: Where a saved model with several files says which tensor is in which.
INDEX = "model.safetensors.index.json"


def load_strict(
    module: nn.Module, files: Sequence[Path], *, device: str, ignore: Iterable[str] = (), where: str
) -> None:
    """Put the tensors of safetensors files into a module on the meta device, in the module's dtype.

    On the CPU and without a change of dtype the parameters are the mapped file: no memory of their own.
    ignore: regular expressions of names that may be in the files and are not used.  where: for the error.
    Raises ModelError with every missing, unexpected and misshapen name.
    """
    expected = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in module.state_dict().items()}
    with ExitStack() as stack:
        opened = [stack.enter_context(open_safetensors(path, device)) for path in files]
        homes = {name: file for file in opened for name in file.keys()}  # noqa: SIM118  (no Mapping)
        used, _ = split_unused(homes, ignore)
        found = {name: tuple(homes[name].get_slice(name).get_shape()) for name in used}
        check_names({name: shape for name, (shape, _) in expected.items()}, found, where=where)
        # One by one, so that a change of dtype or a quantization never holds a second copy of the whole.
        for name in used:
            put(module, name, homes[name].get_tensor(name).to(expected[name][1]))


def open_safetensors(path: Path, device: str = "cpu") -> safe_open:
    """A safetensors file, mapped. Raises ModelError for a Git LFS pointer and for a damaged file."""
    check_not_pointer(path)
    try:
        return safe_open(path, framework="pt", device=device)
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} ({path.stat().st_size} bytes): not a whole safetensors file ({error}). "
            "The download or copy is incomplete: fetch it again."
        ) from error


def check_not_pointer(path: Path) -> None:
    """Raise ModelError if a file is what Git leaves in the place of a large file that was not fetched."""
    with path.open("rb") as file:
        if file.read(40).startswith(b"version https://git-lfs"):
            raise ModelError(
                f"{path} is a Git LFS pointer, not the weights. Run git lfs pull in its repository, "
                "or download the file from the Hub."
            )


def weight_files(directory: Path) -> list[Path]:
    """The safetensors files of a saved model: one, or the shards that its index names.

    Raises ModelError if there are none, or if a shard is missing.
    """
    index = directory / INDEX
    if index.is_file():
        try:
            names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        except (ValueError, KeyError, AttributeError) as error:
            raise ModelError(f"{index}: not an index of safetensors shards ({error!r}). Fetch it again.") from error
        absent = [name for name in names if not (directory / name).is_file()]
        if absent:
            raise ModelError(
                f"{directory} lacks {len(absent)} of {len(names)} shards that its index names: "
                f"{', '.join(absent)}. Fetch them again."
            )
        return [directory / name for name in names]
    single = directory / "model.safetensors"
    if single.is_file():
        return [single]
    present = sorted(path.name for path in directory.iterdir())
    raise ModelError(
        f"{directory} has no model.safetensors and no index of shards; it has "
        f"{', '.join(present) or 'nothing'}. Convert the checkpoints with emollama-hf convert, or fetch the "
        "missing files."
    )
