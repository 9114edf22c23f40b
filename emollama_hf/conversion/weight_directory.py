"""A directory as transformers writes it: configuration, weights in either of two formats, and what lies beside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from emollama_hf.conversion.fetch import Folder
from emollama_hf.conversion.licences import LICENCE_FILES
from emollama_hf.conversion.pickle_file import model_state, read_checkpoint
from emollama_hf.encoders.weight_source import WeightDirectory
from emollama_hf.errors import ModelError
from emollama_hf.files.links import check_links
from emollama_hf.files.strict_json import read_object
from emollama_hf.tensors.shards import WeightFiles, indexed_files, read_index
from emollama_hf.tensors.strict_load import open_safetensors

#: In the order of preference: an index of shards, and the single file that stands for it.
_WEIGHTS = (
    ("model.safetensors.index.json", "model.safetensors"),
    ("pytorch_model.bin.index.json", "pytorch_model.bin"),
)
_SMALL = ("config.json", *(index for index, _ in _WEIGHTS), *LICENCE_FILES)


@dataclass(frozen=True)
class OpenedDirectory:
    """path: where the files lie here.  config: of config.json, and of other settings by the names of their
    files.  weights: the files that hold tensors.

    files: those that are read beside.
    """

    path: Path
    config: dict[str, Any]
    weights: WeightFiles
    files: tuple[str, ...]

    def read_files(self) -> tuple[str, ...]:
        """Names of all files that the conversion reads."""
        names = ("config.json", *self.files, *self.weights.names)
        return tuple(name for name in names if (self.path / name).is_file())

    def state(self, unused: Iterable[str] = ()) -> tuple[dict[str, torch.Tensor], list[str]]:
        """(all tensors, mapped from their files; what lies in other files than the index says, and is left out).

        unused: regular expressions of names that index and files need not agree on.
        Raises ModelError for a file that is not whole, and for an index that does not belong to the files.
        """
        held = {name: _tensors_of(self.path / name) for name in self.weights.names}
        files, stale = self.weights.files_of(held, unused)
        return {name: held[file][name] for name, file in files.items()}, stale


def open_directory(source: WeightDirectory, folder: Folder, location: str) -> OpenedDirectory:
    """Fetch what is needed of a directory.

    Raises ModelError if configuration, weights or a file that is required are missing, or if it is another kind of
    model.
    """
    path = folder.fetch([*_SMALL, *source.files])
    check_links(path)
    if not (path / "config.json").is_file():
        found = [name for name, files in source.foreign if any((path / file).is_file() for file in files)]
        advice = f"This is {found[0]}: take" if found else "Give"
        raise ModelError(
            f"{location}: has no config.json. {advice} the directory of {source.example} ({source.contents})."
        )
    config = _json(path / "config.json")
    kind = config.get("model_type")
    if kind not in source.model_types:
        expected = " or ".join(map(repr, source.model_types))
        raise ModelError(
            f"{location}: config.json says model_type {kind!r}, expected {expected}. "
            f"Give the directory of {source.example}."
        )
    for name, said in source.required.items():
        if not (path / name).is_file():
            raise ModelError(f"{location}: has no {name}, {said}")
    source.check(path)
    weights = _weights(folder, path, location)
    check_links(path)
    settings = {name: _json(path / name) for name in source.settings if (path / name).is_file()}
    return OpenedDirectory(path, {**config, **settings}, weights, source.files)


def _tensors_of(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix != ".safetensors":
        return model_state(read_checkpoint(path), str(path))
    file = open_safetensors(path)
    return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (no Mapping)


def _weights(folder: Folder, path: Path, location: str) -> WeightFiles:
    for index, single in _WEIGHTS:
        if (path / index).is_file():
            weight_map = read_index(path / index)
            folder.fetch(sorted(set(weight_map.values())))
            return indexed_files(path, index, weight_map)
        if (folder.fetch(["config.json", single]) / single).is_file():
            return WeightFiles(path, (single,))
    raise ModelError(
        f"{location}: has no weights, expected {' or '.join(single for _, single in _WEIGHTS)}, or an index "
        "of shards. Fetch them from where the configuration came from."
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        return read_object(path)
    except ValueError as error:
        raise ModelError(f"{path}: not JSON of a configuration ({error}). Fetch it again.") from error
