"""Weights in several files, and the index that says which tensor is in which: the index decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from emollama_hf.errors import ModelError
from emollama_hf.files.strict_json import read_object
from emollama_hf.tensors.tensor_names import compact, split_unused
from emollama_hf.text.plain_names import name_fault

#: Where a saved model with several files says which tensor is in which.
INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class WeightFiles:
    """The files of a saved model.

    folder: where they lie.  names: of the files.  weight_map: the file of each tensor as `index` says; None where one
    file holds all.
    """

    folder: Path
    names: tuple[str, ...]
    weight_map: Mapping[str, str] | None = None
    index: str = INDEX

    def files_of(self, held: Mapping[str, Iterable[str]], unused: Iterable[str]) -> tuple[dict[str, str], list[str]]:
        """(file of each tensor, what lies in a file that is not the tensor's).

        held: names of the tensors that each file holds.  unused: regular expressions of names that do not matter,
        whether index and files agree on them or not.
        Raises ModelError with all tensors that the index names and their files lack, and the other way round.
        """
        if self.weight_map is None:
            return {name: file for file, names in held.items() for name in names}, []
        pairs = [(name, file) for file, names in held.items() for name in names]
        present, patterns = set(pairs), tuple(unused)
        elsewhere = dict(pairs)
        absent = [
            (name, f" ({file}{f'; it is in {elsewhere[name]}' if name in elsewhere else ''})")
            for name in split_unused(self.weight_map, patterns)[0]
            if (name, file := self.weight_map[name]) not in present
        ]
        nameless = [(name, f" (in {elsewhere[name]})") for name in elsewhere if name not in self.weight_map]
        nameless = [pair for pair in nameless if split_unused([pair[0]], patterns)[0]]
        if absent or nameless:
            lists = [
                f"{what} ({len(some)}): {', '.join(compact(some))}"
                for what, some in (
                    ("tensors that are not in the file that it names", absent),
                    ("tensors that are in files and not in it", nameless),
                )
                if some
            ]
            raise ModelError(
                f"{self.folder / self.index}: index and files do not belong together; {'; '.join(lists)}. "
                "Fetch both from the same place again."
            )
        files = {name: file for name, file in pairs if self.weight_map.get(name, file) == file}
        return files, [f"{name} of {file}" for name, file in pairs if files[name] != file]


def weight_files(directory: Path) -> WeightFiles:
    """The safetensors files of a saved model: one, or the shards that its index names.

    Raises ModelError if there are none, or if a shard is missing.
    """
    if (directory / INDEX).is_file():
        return indexed_files(directory, INDEX, read_index(directory / INDEX))
    if (directory / "model.safetensors").is_file():
        return WeightFiles(directory, ("model.safetensors",))
    present = sorted(path.name for path in directory.iterdir())
    raise ModelError(
        f"{directory} has no model.safetensors and no index of shards; it has "
        f"{', '.join(present) or 'nothing'}. Convert the checkpoints with emollama-hf convert, or fetch the "
        "missing files."
    )


def indexed_files(directory: Path, index: str, weight_map: Mapping[str, str]) -> WeightFiles:
    """The files that an index names. Raises ModelError if one of them is missing."""
    names = tuple(sorted(set(weight_map.values())))
    absent = [name for name in names if not (directory / name).is_file()]
    if absent:
        raise ModelError(
            f"{directory}: lacks {len(absent)} of {len(names)} shards that {index} names: {', '.join(absent)}. "
            "Fetch them again."
        )
    return WeightFiles(directory, names, weight_map, index)


def read_index(path: Path) -> dict[str, str]:
    """The file of each tensor, as an index of shards says.

    Raises ModelError for what is no index, for files of other folders, and for a tensor that it names twice.
    """
    try:
        weight_map = read_object(path)["weight_map"]
        faults = {file: name_fault(file) for file in weight_map.values()}
        if not all(isinstance(file, str) for file in faults):
            raise TypeError("names of files are texts")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(f"{path}: not an index of shards ({error!r}). Fetch it again.") from error
    if not faults:
        raise ModelError(f"{path}: names no tensor. Fetch it again.")
    for name, fault in faults.items():
        if fault is not None:
            raise ModelError(
                f"{path}: names files of other folders, or with strange names ({name!r:.120}: {fault}). Fetch the "
                "directory from its authors."
            )
    return dict(weight_map)
