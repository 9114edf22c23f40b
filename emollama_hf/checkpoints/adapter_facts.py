"""What an adapter's directory must hold, and what its provenance.json must say. No torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emollama_hf.checkpoints.model_provenance import MODEL_PROVENANCE
from emollama_hf.encoders import known_encoders
from emollama_hf.encoders.adaptation import LoraFacts
from emollama_hf.errors import ModelError
from emollama_hf.files.strict_json import read_object
from emollama_hf.text.few_of_many import few_and_dots

ADAPTER_WEIGHTS = "adapter.safetensors"
KIND, FORMAT = "adapter", 1
_SHA256 = re.compile("[0-9a-f]{64}")


def check_adapter_files(path: Path, name: str) -> None:
    """Raise ModelError if a directory does not hold an adapter's two files.  name: as it was given."""
    absent = [file for file in (ADAPTER_WEIGHTS, MODEL_PROVENANCE) if not (path / file).is_file()]
    if not absent:
        return
    folds = sorted(fold.name for fold in path.glob("fold-*") if (fold / ADAPTER_WEIGHTS).is_file())
    if folds:
        raise ModelError(
            f"adapter={name!r} holds the adapters of {len(folds)} folds ({few_and_dots(folds, 8)}), expected one. Name "
            f"one of them: {name.rstrip('/')}/{folds[0]}."
        )
    if any((path / encoder.name).is_dir() for encoder in known_encoders()):
        raise ModelError(f"adapter={name!r} is a model directory: give it as model=, and as adapter= what was trained.")
    raise ModelError(
        f"adapter={name!r} has no {' and no '.join(absent)}: its training did not finish, or it is another directory. "
        "Run the same finetune again, which goes on where it ended, or fetch the missing file."
    )


def read_adapter_provenance(path: Path, where: str) -> dict[str, Any]:
    """provenance.json of an adapter. Raises ModelError if it is none, or of a later format.  where: for errors."""
    try:
        found = read_object(path)
    except ValueError as error:
        raise ModelError(f"{where}: not JSON of an adapter ({error}). Fetch it again.") from error
    if found.get("kind") != KIND:
        raise ModelError(f"{where}: kind {found.get('kind')!r}, expected {KIND!r}. Give a directory of finetune.")
    if found.get("format") != FORMAT:
        raise ModelError(
            f"{where}: format {found.get('format')!r}, and this version reads {FORMAT}. It was written by emollama_hf "
            f"{found.get('emollama_hf')!r}: install that version."
        )
    return found


def check_base_facts(provenance: Mapping[str, Any], where: str) -> None:
    """Raise ModelError if facts do not say for which model the adapter was trained.  where: for the error."""
    base = provenance.get("base")
    parts = base.get("parts") if isinstance(base, Mapping) else None
    digests = list(parts.values()) if isinstance(parts, Mapping) else []
    good = digests and all(isinstance(digest, str) and _SHA256.fullmatch(digest) for digest in digests)
    if not good or not _adapted_parts(parts or {}):
        raise ModelError(
            f"{where}: does not say for which model it was trained, expected base.parts with the digest of each part. "
            "Fetch the adapter again."
        )


def _adapted_parts(parts: Mapping[str, str]) -> list[str]:
    return [one.name for one in known_encoders() if one.adaptation is not None and one.name in parts]


def adapted_part(parts: Mapping[str, str]) -> str:
    """The part of a model that an adapter changes.  parts: of its base, checked."""
    return _adapted_parts(parts)[0]


def check_rank(found: set[int], lora: LoraFacts, where: str) -> None:
    """Raise ModelError if LoRA factors have other ranks than is said.  found: the factors' ranks."""
    if found != {lora.r}:
        ranks = f"LoRA factors of rank {', '.join(map(str, sorted(found)))}" if found else "no LoRA factors"
        raise ModelError(
            f"{where}: has {ranks}, and {MODEL_PROVENANCE} says rank {lora.r}. The scale is alpha divided by the rank: "
            "fetch both files again."
        )
