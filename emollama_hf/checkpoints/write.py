"""Writing a model directory: all of it or nothing, and its identity last."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from emollama_hf.checkpoints.build import weights_of
from emollama_hf.checkpoints.digest import files_digest, sha256_file
from emollama_hf.checkpoints.directory import PROVENANCE, part_files
from emollama_hf.checkpoints.llama_tokenizer import TOKENIZER_FILES
from emollama_hf.checkpoints.strict_load import INDEX
from emollama_hf.errors import ModelError
from emollama_hf.models import EmotionLlamaModel, FaceMAE, VideoMAE

#: Largest file of weights; one tensor more than this has a file of its own.
SHARD_BYTES = 5_000_000_000


def write_model(
    directory: str | os.PathLike[str],
    *,
    facemae: FaceMAE | None = None,
    videomae: VideoMAE | None = None,
    emotion_llama: EmotionLlamaModel | None = None,
    tokenizer: str | os.PathLike[str] | None = None,
    provenance: Mapping[str, Any],
) -> Path:
    """A model directory with the given parts; its weights have the bits and dtypes of the networks'.

    tokenizer: a directory whose tokenizer files are copied beside the decoder.
    provenance: JSON-able facts to keep (sources, options, versions); each part's files and digest are added.
    Everything is written beside `directory` and moved there at the end: an interrupted call leaves nothing that
    looks like a model. Raises ModelError if `directory` exists and is not empty.
    """
    target = Path(directory)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ModelError(f"{target} exists and is not empty. Remove it, or write to another directory.")
    target.parent.mkdir(parents=True, exist_ok=True)
    work = target.parent / f".{target.name}.{os.getpid()}.partial"
    work.mkdir()
    try:
        if facemae is not None:
            _write_part(work / "facemae", weights_of(facemae), facemae.config)
        if videomae is not None:
            _write_part(work / "videomae", weights_of(videomae), _config_of(videomae.encoder))
        if emotion_llama is not None:
            _write_part(work / "emotion_llama", emotion_llama, _config_of(emotion_llama))
            if tokenizer is not None:
                copy_tokenizer(Path(tokenizer), work / "emotion_llama")
        write_provenance(work, provenance)
        work.replace(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return target


def write_provenance(root: Path, facts: Mapping[str, Any]) -> None:
    """provenance.json with name, size and sha256 of every part's files, and each part's digest."""
    parts = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        hashes = {path.name: sha256_file(path) for path in part_files(folder)}
        files = {name: {"size": (folder / name).stat().st_size, "sha256": sha} for name, sha in hashes.items()}
        parts[folder.name] = {"digest": files_digest(hashes.items()), "files": files}
    _write_json(root / PROVENANCE, {**facts, "parts": parts})


def copy_tokenizer(source: Path, folder: Path) -> None:
    """Copy the tokenizer files of a directory. Raises ModelError if it has no vocabulary."""
    names = [name for name in TOKENIZER_FILES if (source / name).is_file()]
    if "tokenizer.model" not in names:
        raise ModelError(
            f"{source} has no tokenizer.model, expected a Llama directory with its tokenizer. Fetch the missing file."
        )
    for name in names:
        shutil.copyfile(source / name, folder / name)


def _write_part(folder: Path, module: nn.Module, config: Mapping[str, Any]) -> None:
    folder.mkdir()
    _write_json(folder / "config.json", config)
    save_weights(folder, module.state_dict())
    for file in folder.glob("*.safetensors"):
        shutil.copymode(folder / "config.json", file)  # safetensors leaves them readable by the owner only


def save_weights(folder: Path, state: Mapping[str, torch.Tensor]) -> None:
    """model.safetensors, or shards with an index as transformers names and reads them.

    Not huggingface_hub's function for this: it takes tensors that are mapped from one file for copies of
    each other.
    """
    shards: list[dict[str, torch.Tensor]] = [{}]
    room = SHARD_BYTES
    for name, tensor in state.items():
        if shards[-1] and tensor.nbytes > room:
            shards.append({})
            room = SHARD_BYTES
        shards[-1][name] = tensor.contiguous()
        room -= tensor.nbytes
    if len(shards) == 1:
        save_file(shards[0], folder / "model.safetensors", metadata={"format": "pt"})
        return
    places = {}
    for number, shard in enumerate(shards, start=1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        save_file(shard, folder / file, metadata={"format": "pt"})
        places.update(dict.fromkeys(shard, file))
    total = sum(tensor.nbytes for tensor in state.values())
    _write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": places})


def _config_of(model: Any) -> dict[str, Any]:
    """A transformers model's configuration, defaults included: the widths are read without transformers."""
    config: dict[str, Any] = json.loads(model.config.to_json_string(use_diff=False))
    config["architectures"] = [type(model).__name__]
    config["dtype"] = str(next(model.parameters()).dtype).removeprefix("torch.")
    return config


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
