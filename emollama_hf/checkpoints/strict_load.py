"""Weights from safetensors files into an empty network: all of them fit, or an error lists what does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import nn

from emollama_hf.errors import ModelError

Shape = tuple[int, ...]


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
        homes = {name: file for name, file in homes.items() if not any(re.search(i, name) for i in ignore)}
        found = {name: tuple(file.get_slice(name).get_shape()) for name, file in homes.items()}
        check_names({name: shape for name, (shape, _) in expected.items()}, found, where=where)
        # Moved one by one, so that a change of dtype never holds a second copy of the whole.
        tensors = {name: file.get_tensor(name).to(expected[name][1]) for name, file in homes.items()}
    module.load_state_dict(tensors, strict=True, assign=True)


def check_names(expected: Mapping[str, Shape], found: Mapping[str, Shape], *, where: str) -> None:
    """Raise ModelError that lists all missing, unexpected and misshapen tensors, if there are any."""
    missing = [f"{name} {expected[name]}" for name in expected if name not in found]
    unexpected = [f"{name} {found[name]}" for name in found if name not in expected]
    misshapen = [
        f"{name} {found[name]} (expected {expected[name]})"
        for name in expected
        if name in found and found[name] != expected[name]
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    lists = [f"{len(names)} {kind}: {', '.join(names)}" for kind, names in kinds.items() if names]
    if lists:
        raise ModelError(
            f"{where}: the tensors do not fit the architecture. {'; '.join(lists)}. "
            "Check that this is the file for this part, and its sizes in the configuration."
        )


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
    index = directory / "model.safetensors.index.json"
    if index.is_file():
        try:
            names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        except (ValueError, KeyError, AttributeError) as error:
            raise ModelError(
                f"{index}: not an index of safetensors shards ({error!r}). Fetch it again."
            ) from error
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
        f"{', '.join(present) or 'nothing'}. Convert the checkpoints with emollama-hf convert, or fetch the missing files."
    )
