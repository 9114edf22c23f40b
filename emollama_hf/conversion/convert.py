"""The original's checkpoints in, a model directory out.

    locations ─► files here ─► tensors, mapped ─► checked as a whole ─► streamed into parts ─► provenance ─► renamed

Every source is checked before the first byte is written: by names, shapes and types first, then by values.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from emollama_hf.checkpoints.adapter import open_adapter
from emollama_hf.checkpoints.directory import incomplete_parts
from emollama_hf.checkpoints.model_provenance import conversion_facts, write_model_provenance
from emollama_hf.checkpoints.write import write_part
from emollama_hf.console.logs import package_logger
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.conversion.adapter_merge import check_request, check_sources_of, merge_adapter
from emollama_hf.conversion.hyperparameters import checked_sections, part_configs
from emollama_hf.conversion.licences import copy_licences
from emollama_hf.conversion.parts import (
    Request,
    check_sources,
    check_values,
    part_contents,
    parts_that_do_not_fit,
    result_bytes,
)
from emollama_hf.conversion.result_disk import Progress, check_room, counter, disk_errors
from emollama_hf.conversion.sources import open_sources
from emollama_hf.encoders import find_source, known_encoders, weight_sources
from emollama_hf.encoders.sections import Values
from emollama_hf.encoders.weight_source import OpenedSource
from emollama_hf.errors import ModelError
from emollama_hf.files.given_path import given_path
from emollama_hf.files.work_directory import work_directory
from emollama_hf.text.secrets import without_secrets_inside

logger = package_logger(__name__)

DTYPES = ("float32", "float16", "bfloat16")


@no_secrets()
def run_conversion(
    out: Path,
    locations: Mapping[str, str],
    *,
    lora_alpha: float | Iterable[float] | None = None,
    architecture: Mapping[str, Any] | None = None,
    dtype: str | torch.dtype | None = None,
    progress: Progress = lambda done, total: None,
) -> list[str]:
    """`emollama_hf.convert`, with the sources by their names, and progress.

    Returns:
        A sentence for each two parts that cannot be used together, which are among the notices of provenance.json, too.
    """
    if not locations:
        raise ModelError(
            f"no source was given. Name at least one of {', '.join(source.flag for source in weight_sources())}."
        )
    torch_dtype = _dtype(dtype)
    given, sections = {"lora_alpha": lora_alpha}, checked_sections(architecture)
    settled = _settled(given, sections, {})
    configs = part_configs(architecture)
    with work_directory(out) as work, disk_errors(work, out):
        staging = work / ".sources"
        sources = open_sources(locations, configs, staging)
        configs = part_configs(architecture, {kind: source.extra for kind, source in sources.items()})
        request = Request(configs, sections, settled, torch_dtype)
        check_sources(sources, request)
        settled = _settled(given, sections, sources)
        request = replace(request, options=settled)
        unfit = parts_that_do_not_fit(sources, configs)
        total = result_bytes(sources, request)
        check_room(work, total)
        with _hashing_thread() as hashing:
            hashes = {kind: source.hashes(hashing) for kind, source in sources.items()}
            check_values(sources, request)  # reads what the hashes read, at the same time
            written = counter(progress, total)
            for part, content in part_contents(sources, request):
                write_part(work / part, content, written)
            facts = conversion_facts(
                options={
                    "dtype": None if torch_dtype is None else str(torch_dtype).removeprefix("torch."),
                    **settled,
                    "architecture": architecture,
                },
                sources={kind: source.described(hashes[kind]) for kind, source in sources.items()},
                licenses=copy_licences({kind: source.path for kind, source in sources.items()}, work),
                notices=[
                    *filter(None, (find_source(kind).notice for kind in sources)),
                    *incomplete_parts(sources),
                    *unfit,
                ],
            )
        shutil.rmtree(staging, ignore_errors=True)
        write_model_provenance(work, without_secrets_inside(facts))
    return unfit


@no_secrets()
def run_adapted_conversion(
    out: Path,
    locations: Mapping[str, str],
    *,
    model: str | None,
    adapter: str | None,
    lora_alpha: float | Iterable[float] | None = None,
    architecture: Mapping[str, Any] | None = None,
    dtype: str | torch.dtype | None = None,
    progress: Progress = lambda done, total: None,
) -> list[str]:
    """`run_conversion`, and an adapter that is merged into its result or into a model directory.

    Returns:
        What `run_conversion` returns; nothing for a model directory.
    """
    if model is None and adapter is None:
        return run_conversion(
            out, locations, lora_alpha=lora_alpha, architecture=architecture, dtype=dtype, progress=progress
        )
    check_request(locations, model, adapter, {"lora_alpha": lora_alpha, "architecture": architecture, "dtype": dtype})
    assert adapter is not None
    trained = open_adapter(adapter)
    if model is not None:
        merge_adapter(out, model, trained, progress=progress)
        return []
    check_sources_of(trained, locations)
    with work_directory(out) as work:
        base = work / "base"
        unfit = run_conversion(
            base, locations, lora_alpha=lora_alpha, architecture=architecture, dtype=dtype, progress=progress
        )
        merged = work / "merged"
        merge_adapter(merged, str(base), trained, dtype=_dtype(dtype), move=True, progress=progress)
        shutil.rmtree(base)  # what is left of it: the part that was merged
        for path in list(merged.iterdir()):
            path.rename(work / path.name)
        merged.rmdir()
    return unfit


@no_secrets()
def convert(
    *,
    out: str | os.PathLike[str],
    llama: str | os.PathLike[str] | None = None,
    eva: str | os.PathLike[str] | None = None,
    emotion_llama: str | os.PathLike[str] | None = None,
    facemae: str | os.PathLike[str] | None = None,
    videomae: str | os.PathLike[str] | None = None,
    hubert: str | os.PathLike[str] | None = None,
    lora_alpha: float | None = None,
    architecture: Mapping[str, Any] | None = None,
    dtype: str | torch.dtype | None = None,
    model: str | os.PathLike[str] | None = None,
    adapter: str | os.PathLike[str] | None = None,
) -> Path:
    """A model directory from the original's checkpoints.

    out: directory to write; it must be new or empty.
    facemae, videomae, eva, emotion_llama: checkpoint files.  llama: the directory of Llama-2-7b-chat-hf.
    hubert: the directory of chinese-hubert-large, or of another HuBERT, wav2vec 2.0 or WavLM.
        Each a local path, a URL of any fsspec scheme, or hf://OWNER/NAME[@REVISION][/PATH]. Any subset may be given;
        a part that lacks a source says so when it is used.
    lora_alpha: of LoRA's training; by default what the architecture, or the checkpoint's own configuration says. Two
        different values are an error.
    architecture: sizes, for models that do not have the published ones: a dict with some of `mae`, `video`, `eva`,
        `llama`, `lora`, as the training programs name them. The decoder's sizes come from its config.json.
    dtype: "float32", "float16" or "bfloat16" for every tensor; None keeps the sources' dtypes, and float32 for what
        is computed: the q and v projections that LoRA is merged into, and EVA's interpolated position table.
    adapter: what `finetune` trained, a directory or Hub id, to merge into the result.
    model: the model directory or Hub id that the adapter was trained for, instead of the original's files: the parts
        that the adapter does not change are copied. With the original's files and an adapter, these are converted
        first, which takes twice the disk until the adapter is merged.

    Returns `out`. Nothing is there before everything is; what an interrupted call left is cleared by the next one.
    Memory beside mapped files stays at the size of one file of the result (2 GB), whatever the sizes of the sources.
    Raises ModelError, with all that is wrong with all sources, for files that are not what they should be, and for
    weights that are NaN or infinite.

        >>> convert(out="encoders", facemae="mae_checkpoint-340.pth", videomae="maeVideo_ckp199.pth")
        PosixPath('encoders')

    Source: Emotion-LLaMA's model classes and checkpoints, and the feature extraction of its mind-wandering fork.
    """
    given = {
        "facemae": facemae,
        "videomae": videomae,
        "hubert": hubert,
        "eva": eva,
        "emotion_llama": emotion_llama,
        "llama": llama,
    }
    locations = {kind: os.fspath(location) for kind, location in given.items() if location is not None}
    target = given_path(out, error=ModelError)
    unfit = run_adapted_conversion(
        target,
        locations,
        model=None if model is None else os.fspath(model),
        adapter=None if adapter is None else os.fspath(adapter),
        lora_alpha=lora_alpha,
        architecture=architecture,
        dtype=dtype,
    )
    for sentence in unfit:
        logger.warning("%s", sentence)
    return target


def _settled(
    given: Mapping[str, Any], sections: Mapping[str, Values], sources: Mapping[str, OpenedSource]
) -> dict[str, Any]:
    """Options with the one value that holds, of all families."""
    found: dict[str, Any] = {}
    for encoder in known_encoders():
        if encoder.conversion is not None:
            found |= encoder.conversion.settled(given, sections, sources)
    return found


def _dtype(name: str | torch.dtype | None) -> torch.dtype | None:
    if name is None:
        return None
    text = str(name).removeprefix("torch.")
    if text not in DTYPES:
        raise ModelError(f"dtype={name!r} is unknown. Valid: {', '.join(DTYPES)}; leave it out to keep the sources'.")
    dtype: torch.dtype = getattr(torch, text)
    return dtype


@contextmanager
def _hashing_thread() -> Iterator[ThreadPoolExecutor]:
    """One thread; hashes that nobody waits for any more are not begun."""
    executor = ThreadPoolExecutor(1)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)
