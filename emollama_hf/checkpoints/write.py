"""Writing a model directory: all of it or nothing, tensor by tensor, and its identity last."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from emollama_hf.checkpoints.model_provenance import write_model_provenance
from emollama_hf.encoders import find_encoder, known_encoders
from emollama_hf.encoders.conversion import KeptFile
from emollama_hf.files.digest import hash_file, remember
from emollama_hf.files.json_text import json_text
from emollama_hf.files.work_directory import work_directory
from emollama_hf.tensors.shards import INDEX

#: Largest file of weights; one tensor more than this has a file of its own. Tensors that are computed on the way
#: (merged, cast) wait in memory until their file is full.
SHARD_BYTES = 2_000_000_000


@dataclass(frozen=True)
class PartContent:
    """What one part of a model directory consists of.

    config: config.json, without a dtype.  tensors: names and values in the order of the file.
    copied: files that are copied beside the weights.  settings: JSON files beside config.json, by name.
    kept: safetensors files beside the weights, by name, which the network does not read.
    """

    config: Mapping[str, Any]
    tensors: Iterable[tuple[str, torch.Tensor]]
    copied: Sequence[Path] = ()
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    kept: Mapping[str, KeptFile] = field(default_factory=dict)


def write_model(
    directory: str | os.PathLike[str],
    *,
    tokenizer: str | os.PathLike[str] | None = None,
    provenance: Mapping[str, Any],
    **networks: Any,
) -> Path:
    """A model directory with the given networks, by the names of their families; weights have their bits and dtypes.

    tokenizer: a directory whose tokenizer files are copied beside the weights of families that have a tokenizer.
    provenance: JSON-able facts to keep (sources, options, versions); each part's files and digest are added.
    An interrupted call leaves nothing that looks like a model. Raises ModelError if `directory` exists and is not
    empty.
    """
    parts: dict[str, PartContent] = {}
    for encoder in known_encoders():
        network = networks.pop(encoder.name, None)
        if network is not None:
            config = encoder.config_of(network)
            copied = [] if tokenizer is None else encoder.copied_files(Path(tokenizer))
            tensors = encoder.weights(network).state_dict().items()
            parts[encoder.name] = PartContent(config, tensors, copied, encoder.settings_files(config))
    for name in networks:
        find_encoder(name)
    with work_directory(directory) as work:
        for name, content in parts.items():
            write_part(work / name, content)
        write_model_provenance(work, provenance)
    return Path(directory)


def write_part(folder: Path, content: PartContent, written: Callable[[int], None] = lambda _: None) -> None:
    """Write one part.  written: called with the bytes of each tensor as it goes to the disk."""
    folder.mkdir()
    sizes = _save_weights(folder, content.tensors, written)
    # transformers loads in this type unless told otherwise; the one that most of the weights have.
    dtype = sizes.most_common(1)[0][0] if sizes else "float32"
    (folder / "config.json").write_text(json_text({**content.config, "dtype": dtype}), encoding="utf-8")
    for name, settings in content.settings.items():
        (folder / name).write_text(json_text(settings), encoding="utf-8")
    for name, kept in content.kept.items():
        tensors = {key: tensor.contiguous() for key, tensor in kept.tensors.items()}
        save_file(tensors, folder / name, metadata={**kept.metadata, "format": "pt"})
        written(sum(tensor.nbytes for tensor in tensors.values()))
    for file in content.copied:
        shutil.copyfile(file, folder / file.name)
    for file in folder.glob("*.safetensors"):
        shutil.copymode(folder / "config.json", file)  # safetensors leaves them readable by the owner only


def _save_weights(
    folder: Path, tensors: Iterable[tuple[str, torch.Tensor]], written: Callable[[int], None]
) -> Counter[str]:
    """model.safetensors, or shards with an index as transformers names and reads them; returns bytes by dtype.

    Holds one shard at a time, and hashes it while the next one is made. Not huggingface_hub's function for this: it
    takes tensors that are mapped from one file for copies of each other.
    """
    places: dict[str, int] = {}
    sizes: Counter[str] = Counter()
    parts: list[tuple[Path, Future[str]]] = []
    with ThreadPoolExecutor(1) as hashing:
        for number, shard in enumerate(_shards(tensors)):
            path = folder / f"{number}.part"  # the name says how many there are, and the folder appears as a whole
            save_file(shard, path, metadata={"format": "pt"})
            parts.append((path, hashing.submit(hash_file, path)))
            for name, tensor in shard.items():
                places[name] = number
                sizes[str(tensor.dtype).removeprefix("torch.")] += tensor.nbytes
                written(tensor.nbytes)
            shard.clear()  # or it would be held while the next one is made
    count = len(parts)
    names = [f"model-{number + 1:05d}-of-{count:05d}.safetensors" for number in range(count)]
    if count == 1:
        names = ["model.safetensors"]
    for (path, sha256), name in zip(parts, names, strict=True):
        remember(path.rename(folder / name), sha256.result())
    if count > 1:
        weight_map = {name: names[number] for name, number in places.items()}
        index = {"metadata": {"total_size": sizes.total()}, "weight_map": weight_map}
        (folder / INDEX).write_text(json_text(index), encoding="utf-8")
    return sizes


def _shards(tensors: Iterable[tuple[str, torch.Tensor]]) -> Iterator[dict[str, torch.Tensor]]:
    shard: dict[str, torch.Tensor] = {}
    storages: set[int] = set()
    room = SHARD_BYTES
    for name, tensor in tensors:
        if shard and tensor.nbytes > room:
            yield shard
            shard, storages, room = {}, set(), SHARD_BYTES
        shard[name] = tensor.contiguous()
        # A checkpoint may say one tensor under two names, or keep small ones as views of a large one.
        storage = tensor.untyped_storage()
        if storage.nbytes() != tensor.nbytes or storage.data_ptr() in storages:
            shard[name] = shard[name].clone()
        storages.add(storage.data_ptr())
        room -= tensor.nbytes
    yield shard
