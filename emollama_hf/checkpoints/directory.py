"""A model directory: one folder a part, and provenance.json beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emollama_hf.checkpoints.digest import files_digest, sha256_file
from emollama_hf.checkpoints.llama_tokenizer import TOKENIZER_FILES, LlamaTokenizer
from emollama_hf.checkpoints.source import PARTS, Dtype, ModelSource, Part
from emollama_hf.errors import ModelError
from emollama_hf.prompt import PromptTokenizer

PROVENANCE = "provenance.json"
#: What `emollama-hf convert` calls the source of each part.
_OPTIONS = {
    "facemae": "--facemae",
    "videomae": "--videomae",
    "emotion_llama": "--eva, --emotion-llama and --llama",
}


class DirectorySource(ModelSource):
    """A directory as `write_model` leaves it, or one saved by hand with the same layout."""

    def __init__(self, name: str, tokenizer: PromptTokenizer | None = None) -> None:
        super().__init__(name, tokenizer)
        self._configs: dict[Part, dict[str, Any]] = {}

    def config(self, part: Part) -> dict[str, Any]:
        if part not in self._configs:
            path = self._settings(part) / "config.json"
            if not path.is_file():
                raise ModelError(
                    f"model directory {self.name}: {part}/ has no config.json, expected the configuration of "
                    "its weights. Convert the part again, or copy the file from where the weights came from."
                )
            try:
                self._configs[part] = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ModelError(f"{path}: not JSON ({error}). Fetch or convert it again.") from error
        return self._configs[part]

    def _weights_digest(self, part: Part) -> str:
        root = self._weights(part)
        return recorded_digest(root, part) or files_digest(
            (path.name, sha256_file(path)) for path in part_files(root / part)
        )

    def _own_tokenizer(self) -> PromptTokenizer:
        return LlamaTokenizer(self._settings("emotion_llama"))

    def _load(self, part: Part, dtype: Dtype, device: str) -> Any:
        import torch

        from emollama_hf.checkpoints.build import empty_network, ready, weights_of
        from emollama_hf.checkpoints.strict_load import load_strict, weight_files

        folder = self._weights(part) / part
        network = empty_network(part, self.config(part), getattr(torch, dtype))
        load_strict(
            weights_of(network),
            weight_files(folder),
            device=device,
            ignore=network_ignores(part),
            where=str(folder),
        )
        return ready(network, device)

    def _settings(self, part: Part) -> Path:
        """The part's folder with at least its small files: configuration and tokenizer."""
        return self._existing(Path(self.name), part)

    def _weights(self, part: Part) -> Path:
        """The model directory with all of the part's files."""
        self._existing(Path(self.name), part)
        return Path(self.name)

    def _existing(self, root: Path, part: Part) -> Path:
        folder = root / part
        if not folder.is_dir():
            there = ", ".join(f"{p}/" for p in PARTS if (root / p).is_dir()) or "no part of a model"
            raise ModelError(
                f"model directory {self.name} has no {part}/: it was not converted (it has {there}). "
                f"Run emollama-hf convert with {_OPTIONS[part]} to add it."
            )
        return folder


def network_ignores(part: Part) -> tuple[str, ...]:
    """Tensors that a part's files may hold and its network does not use."""
    return (r"^lm_head\.",) if part == "emotion_llama" else ()


def part_files(folder: Path) -> list[Path]:
    """The files of a part that decide what it computes: weights, configuration, tokenizer."""
    wanted = {"config.json", *TOKENIZER_FILES}
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and (path.name in wanted or path.suffix == ".safetensors" or "index.json" in path.name)
    ]


def recorded_digest(root: Path, part: Part) -> str | None:
    """The part's digest from provenance.json, if that still describes the files that are there.

    It does while every file has the recorded size and none is newer than provenance.json, written last.
    """
    provenance = root / PROVENANCE
    if not provenance.is_file():
        return None
    try:
        recorded = json.loads(provenance.read_text(encoding="utf-8"))["parts"][part]
        sizes = {name: entry["size"] for name, entry in recorded["files"].items()}
        digest = str(recorded["digest"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    files = part_files(root / part)
    written = provenance.stat().st_mtime_ns
    unchanged = {path.name: path.stat().st_size for path in files} == sizes and all(
        path.stat().st_mtime_ns <= written for path in files
    )
    return digest if unchanged else None
