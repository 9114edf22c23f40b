"""Where the files of a named model are: a directory, a checkpoint file, or a Hub repository at one commit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emollama_hf.checkpoints.hub import snapshot
from emollama_hf.errors import ModelError
from emollama_hf.files.links import check_links
from emollama_hf.files.strict_json import read_object
from emollama_hf.tensors.shards import WeightFiles, indexed_files, read_index

#: Weights in the order of preference: the name of one file, its index of shards, and the shards themselves.
_FORMATS = (
    ("model.safetensors", "model.safetensors.index.json", "model-*.safetensors"),
    ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin"),
    # What timm finds, too.
    ("pytorch_model.pth", "", ""),
    ("model.pth", "", ""),
    ("open_clip_model.safetensors", "", ""),
    ("open_clip_pytorch_model.bin", "", ""),
)
CONFIG = "config.json"
#: What decides the preprocessing, too; asked of a repository together.
_SETTINGS = (CONFIG, "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json")


class ModelFolder(ABC):
    """A folder with the files of one model; files of a repository are fetched when they are asked for.

    Args:
        where: how errors call it.
    """

    def __init__(self, where: str) -> None:
        self.where = where

    @property
    def commit(self) -> str | None:
        """The commit of a repository once a file of it was fetched, before that the revision asked for; None here."""
        return None

    @abstractmethod
    def fetched(self, names: Sequence[str]) -> Path:
        """The folder on this machine with those of the named files that exist; `*` stands for any characters.

        Raises:
            ModelError: the repository cannot be had, or a file is a link that leads out of the folder.
        """

    def settings(self, name: str) -> dict[str, Any]:
        """The JSON object of a file of settings; empty if the file does not exist.

        Raises:
            ModelError: the file holds something else.
        """
        path = self.fetched([*dict.fromkeys([name, *_SETTINGS])]) / name
        if not path.is_file():
            return {}
        try:
            return read_object(path)
        except ValueError as error:
            raise ModelError(f"{path}: not JSON of a configuration ({error}). Fetch it again.") from error

    def weights(self) -> WeightFiles:
        """The files that hold the model's tensors.

        Raises:
            ModelError: none exists under a name that timm or transformers reads, or shards are missing.
        """
        for single, index, shards in _FORMATS:
            names = [name for name in (single, index, shards) if name]
            path = self.fetched([*names, CONFIG])  # huggingface_hub warns when nothing matches
            if index and (path / index).is_file():
                return indexed_files(path, index, read_index(path / index))
            if (path / single).is_file():
                return WeightFiles(path, (single,))
        raise ModelError(
            f"{self.where}: has no weights, expected {_FORMATS[0][0]} or {_FORMATS[1][0]}, or an index of shards. "
            "Fetch them from where the configuration came from, or name a checkpoint with weights=."
        )


class LocalFolder(ModelFolder):
    """A directory of this machine."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def fetched(self, names: Sequence[str]) -> Path:
        check_links(self._path)
        return self._path


class HubFolder(ModelFolder):
    """A repository of the Hub by way of huggingface_hub's cache; every file comes from one commit."""

    def __init__(self, repo_id: str, revision: str | None = None) -> None:
        super().__init__(repo_id)
        self._repo_id, self._revision = repo_id, revision
        self._fetched: set[str] = set()
        self._root: Path | None = None

    @property
    def commit(self) -> str | None:
        return self._revision

    def fetched(self, names: Sequence[str]) -> Path:
        if self._root is None or not self._fetched.issuperset(names):
            self._root = snapshot(self._repo_id, self._revision, names)
            self._revision = self._root.name  # a snapshot's folder is named after its commit
            self._fetched |= set(names)
        return self._root


def checkpoint_file(path: Path) -> WeightFiles:
    """One checkpoint file of any name.

    Raises:
        ModelError: the file does not exist, or it has another ending than checkpoints have.
    """
    endings = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
    if path.is_dir() or not path.exists():
        found = "is a directory" if path.is_dir() else "there is no such file"
        raise ModelError(f"weights={str(path)!r}: {found}, expected a checkpoint file. Check the path.")
    if path.suffix.lower() not in endings:
        raise ModelError(
            f"weights={str(path)!r}: expected a checkpoint, one of {', '.join(endings)}. Save the state dict with "
            "safetensors.torch.save_file or torch.save."
        )
    return WeightFiles(path.parent, (path.name,))
