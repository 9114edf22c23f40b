"""An adapter and the model directory that it was trained for in, a model directory out.

adapter ─► its base, checked by digests ─► tensors that it changes merged, the others as they are ─► provenance
                                      └──► the other parts copied, or moved
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from emollama_hf.checkpoints.adapted import AdaptedSource
from emollama_hf.checkpoints.adapter import Adapter
from emollama_hf.checkpoints.adapter_facts import ADAPTER_WEIGHTS
from emollama_hf.checkpoints.directory import DirectorySource
from emollama_hf.checkpoints.model_provenance import (
    MODEL_PROVENANCE,
    conversion_facts,
    file_facts,
    read_model_provenance,
    write_model_provenance,
)
from emollama_hf.checkpoints.open_model import open_model
from emollama_hf.checkpoints.write import PartContent, write_part
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.conversion.licences import FOLDER
from emollama_hf.conversion.result_disk import Progress, check_room, counter, disk_errors
from emollama_hf.encoders import find_encoder, known_encoders, weight_sources
from emollama_hf.encoders.adaptation import Changes
from emollama_hf.encoders.weight_source import option_flag
from emollama_hf.errors import MissingPartError, ModelError
from emollama_hf.files.links import leads_out
from emollama_hf.files.strict_json import read_object
from emollama_hf.files.work_directory import work_directory
from emollama_hf.tensors.shards import INDEX, weight_files
from emollama_hf.tensors.strict_load import changed, check_changes, open_safetensors
from emollama_hf.tensors.weight_values import check_finite
from emollama_hf.text.secrets import without_secrets_inside

#: Bytes of a value, by the types' names in safetensors.
_ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


def check_request(
    locations: Mapping[str, str], model: str | None, adapter: str | None, options: Mapping[str, Any]
) -> None:
    """Raise ModelError for arguments of `convert` that say nothing, or two things, about an adapter's base.

    options: those of a conversion from the original's files.
    """
    if adapter is None:
        raise ModelError(
            "--model is what an adapter is merged into, and no --adapter was given. Give it, or leave --model out."
        )
    if model is None and not locations:
        flags = ", ".join(source.flag for source in weight_sources())
        raise ModelError(
            f"--adapter {adapter}: nothing to merge it into. Name the model directory that it was trained for with "
            f"--model, or the original's files with {flags}."
        )
    if model is not None:
        given = [*locations, *(name for name, value in options.items() if value is not None)]
        if given:
            raise ModelError(
                f"--model {model}: a model that was converted already, and {', '.join(map(option_flag, given))} is for "
                "a conversion from the original's files. Leave one of them out."
            )


def check_sources_of(adapter: Adapter, locations: Mapping[str, str]) -> None:
    """Raise ModelError if the original's files do not make the part that an adapter changes."""
    absent = [option for option in find_encoder(adapter.part).options if option not in locations]
    if absent:
        raise ModelError(
            f"--adapter {adapter.name} changes {adapter.part}, which needs {', '.join(map(option_flag, absent))} as "
            "well. Give these, or a model directory with --model."
        )


@no_secrets()
def merge_adapter(
    out: Path,
    model: str,
    adapter: Adapter,
    *,
    dtype: torch.dtype | None = None,
    move: bool = False,
    progress: Progress = lambda done, total: None,
) -> None:
    """Write a model directory that computes what a model with an adapter computes.

    Its `load_lora` has the adapter's factors, with the adapter's alpha.

    Args:
        out: directory to write; it must be new or empty.
        model: the model directory, or Hub id, that the adapter was trained for.
        adapter: what was trained.
        dtype: of the tensors that the adapter changes; None for float32.
        move: whether the parts that the adapter does not change are moved, and not copied.
        progress: called with the bytes that were written and their total.

    Raises:
        ModelError: the adapter was trained for another model, or does not fit; the model has no files; the disk is
            full.
    """
    base = open_model(model)
    if not isinstance(base, DirectorySource):
        raise ModelError(
            f"--model {model}: has random weights and no files to merge an adapter into. Name a model directory or a "
            "Hub id."
        )
    roots = dict(_roots(base))
    if adapter.part not in roots:
        base.whole(adapter.part)  # raises what is missing
    adapter.check_base(base, [part for part in adapter.base_parts if part in roots])
    root = roots[adapter.part]
    changes = AdaptedSource(base, adapter).changes(adapter.part)
    with work_directory(out) as work, disk_errors(work, out):
        files = [path for part in roots for path in (root / part).rglob("*") if path.is_file()]
        needed = [path for path in files if not move or path.is_relative_to(root / adapter.part)]
        total = sum(path.stat().st_size for path in needed) + _wider(base, adapter, dtype)
        check_room(work, total)
        written = counter(progress, total)
        facts = _facts(root, base, adapter, dtype, name=None if move else _shown_name(base.name))
        for part in roots:
            if part == adapter.part:
                write_part(work / part, _content(root / part, adapter, changes, dtype), written)
            else:
                _take(root / part, work / part, move=move, written=written)
        for name in facts["licenses"]:
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, work / name)
        write_model_provenance(work, without_secrets_inside(facts))


def _roots(base: DirectorySource) -> Iterator[tuple[str, Path]]:
    """Each part that a model has, and the directory with its files."""
    for encoder in known_encoders():
        try:
            yield encoder.name, base.whole(encoder.name)
        except MissingPartError:
            continue


def _take(folder: Path, target: Path, *, move: bool, written: Callable[[int], None]) -> None:
    if move:
        folder.rename(target)
        return
    target.mkdir()
    for path in sorted(folder.iterdir()):
        if path.is_file():
            shutil.copy2(path, target / path.name)  # of a link in the cache of huggingface_hub, what it leads to
            written(path.stat().st_size)


def _content(folder: Path, adapter: Adapter, changes: Changes, dtype: torch.dtype | None) -> PartContent:
    adaptation, tensors = adapter.adaptation, adapter.tensors()
    own = {"config.json", INDEX, adaptation.lora_file}
    beside = [path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix != ".safetensors"]
    return PartContent(
        config=read_object(folder / "config.json"),
        tensors=_merged(folder, changes, dtype),
        copied=[path for path in beside if path.name not in own],
        kept={adaptation.lora_file: adaptation.kept_file(tensors, adapter.lora)},
    )


def _merged(folder: Path, changes: Changes, dtype: torch.dtype | None) -> Iterator[tuple[str, torch.Tensor]]:
    files = weight_files(folder)
    opened = {name: open_safetensors(files.folder / name) for name in files.names}
    held = {name: list(file.keys()) for name, file in opened.items()}
    homes, _ = files.files_of(held, ())
    check_changes(changes, homes)
    for name, home in homes.items():
        tensor = opened[home].get_tensor(name)
        if name in changes:
            tensor = changed(tensor, changes[name], name).to(dtype or torch.float32)
            check_finite([(name, tensor)], where=f"{folder.name}/ with the adapter")
        yield name, tensor


def _wider(base: DirectorySource, adapter: Adapter, dtype: torch.dtype | None) -> int:
    """Bytes that the changed tensors take more than they have in the base, and the adapter's factors."""
    stored, size = base.stored_tensors(adapter.part), (dtype or torch.float32).itemsize
    more = adapter.directory.joinpath(ADAPTER_WEIGHTS).stat().st_size
    for name in adapter.adaptation.changed_names(adapter.shapes):
        kind, count = stored.get(name, ("F32", 0))
        more += count * size // _ITEM_BYTES.get(kind, size) - count
    return more


def _licences(root: Path) -> list[str]:
    found = [path for path in sorted((root / FOLDER).rglob("*")) if path.is_file() and not leads_out(root, path)]
    return [path.relative_to(root).as_posix() for path in found]


def _facts(
    root: Path, base: DirectorySource, adapter: Adapter, dtype: torch.dtype | None, *, name: str | None
) -> dict[str, Any]:
    """What the base's conversion recorded, with the adapter as one more source of it, and what both are."""
    before = read_model_provenance(root)
    digests = {part: base.digest(part) for part, _ in _roots(base)}
    if not before.get("sources"):  # a model that was written by hand
        before = conversion_facts(options={}, sources={}, licenses=[], notices=[])
    file = file_facts(adapter.directory / ADAPTER_WEIGHTS, adapter.sha256)
    source = {**file, "used": len(adapter.shapes), "dropped": []}
    described = {"name": _shown_name(adapter.name), "digest": adapter.digest, "commit": adapter.commit}
    return {
        **{key: value for key, value in before.items() if key not in ("parts", "digest")},
        "options": {**before["options"], "lora_alpha": adapter.alpha, "lora_alpha_from": "adapter"},
        "sources": {**before["sources"], "adapter": source} if before["sources"] else {},
        "licenses": _licences(root),
        "merged": {
            "model": {"name": name, "commit": base.commit, "parts": digests},
            "adapter": {**described, MODEL_PROVENANCE: dict(adapter.provenance)},
            "dtype": str(dtype or torch.float32).removeprefix("torch."),
        },
    }


def _shown_name(name: str) -> str:
    return Path(name).name if os.path.exists(name) else name
