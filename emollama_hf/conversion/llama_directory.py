"""A Llama directory as transformers writes it: configuration, tokenizer, and weights in either of two formats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from emollama_hf.checkpoints.directory import check_links
from emollama_hf.conversion.fetch import Folder
from emollama_hf.conversion.licences import LICENCE_FILES
from emollama_hf.conversion.pickle_file import model_state, read_checkpoint
from emollama_hf.encoders.emotion_llama.tokenizer import TOKENIZER_FILES, LlamaTokenizer
from emollama_hf.errors import ModelError
from emollama_hf.files.strict_json import read_object
from emollama_hf.tensors.shards import WeightFiles, indexed_files, read_index
from emollama_hf.tensors.strict_load import open_safetensors

#: In the order of preference: an index of shards, and the single file that stands for it.
_WEIGHTS = (
    ("model.safetensors.index.json", "model.safetensors"),
    ("pytorch_model.bin.index.json", "pytorch_model.bin"),
)
_SMALL = ("config.json", *TOKENIZER_FILES, *(index for index, _ in _WEIGHTS), *LICENCE_FILES)


@dataclass(frozen=True)
class LlamaDirectory:
    """path: where the files lie here.  config: of config.json.  weights: the files that hold tensors."""

    path: Path
    config: dict[str, Any]
    weights: WeightFiles

    def read_files(self) -> tuple[str, ...]:
        """Names of all files that the conversion reads."""
        names = ("config.json", *TOKENIZER_FILES, *self.weights.names)
        return tuple(name for name in names if (self.path / name).is_file())

    def state(self, unused: Iterable[str] = ()) -> tuple[dict[str, torch.Tensor], list[str]]:
        """(all tensors, mapped from their files; what lies in other files than the index says, and is left out).

        unused: regular expressions of names that index and files need not agree on.
        Raises ModelError for a file that is not whole, and for an index that does not belong to the files.
        """
        held = {name: _tensors_of(self.path / name) for name in self.weights.names}
        files, stale = self.weights.files_of(held, unused)
        return {name: held[file][name] for name, file in files.items()}, stale


def open_llama(folder: Folder, location: str) -> LlamaDirectory:
    """Fetch what is needed of a Llama directory.

    Raises ModelError if configuration, tokenizer or weights are missing, or if it is another kind of model.
    """
    path = folder.fetch(_SMALL)
    check_links(path)
    if not (path / "config.json").is_file():
        original = (path / "params.json").is_file() or (path / "consolidated.00.pth").is_file()
        advice = "This is Meta's own format: take" if original else "Give"
        raise ModelError(
            f"{location}: has no config.json. {advice} the directory of Llama-2-7b-chat-hf "
            "(config.json, tokenizer.model, weights)."
        )
    config = _json(path / "config.json")
    kind = config.get("model_type")
    if kind != "llama":
        raise ModelError(
            f"{location}: config.json says model_type {kind!r}, expected 'llama'. "
            "Give the directory of Llama-2-7b-chat-hf."
        )
    if not (path / "tokenizer.model").is_file():
        raise ModelError(
            f"{location}: has no tokenizer.model, which the prompt needs. Fetch it from where the weights "
            "came from; tokenizer.json alone does not do."
        )
    LlamaTokenizer(path)  # a damaged one is said now, and not by the first prompt
    weights = _weights(folder, path, location)
    check_links(path)
    return LlamaDirectory(path, config, weights)


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
