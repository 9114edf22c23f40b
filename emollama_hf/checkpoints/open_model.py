"""From a model's name to its source: a directory, a Hub id, or random weights."""

from __future__ import annotations

import os
from pathlib import Path

from emollama_hf.checkpoints.adapted import AdaptedSource
from emollama_hf.checkpoints.adapter import open_adapter
from emollama_hf.checkpoints.directory import DirectorySource
from emollama_hf.checkpoints.hub import HubSource, hub_tokenizer, tokenizer_folder
from emollama_hf.checkpoints.model_provenance import MODEL_PROVENANCE
from emollama_hf.checkpoints.random_model import RANDOM_MODELS, RandomSource
from emollama_hf.checkpoints.source import ModelSource
from emollama_hf.encoders import known_encoders
from emollama_hf.encoders.encoder import Encoder
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer
from emollama_hf.errors import ModelError
from emollama_hf.files.given_path import given_path
from emollama_hf.text.few_of_many import few_and_dots
from emollama_hf.text.hub_id import is_hub_id


def open_model(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    tokenizer: str | os.PathLike[str] | None = None,
    adapter: str | os.PathLike[str] | None = None,
) -> ModelSource:
    """A model by name. Cheap: no torch, no weights, nothing from the network but an adapter.

    name: a model directory, the Hub id of one, "random-tiny" or "random-full".
    revision: of a Hub id.
    tokenizer: a directory or Hub id with Llama-2's tokenizer files, used instead of the model's own.
    adapter: a directory as `finetune` writes it, or the Hub id of one: the model as it was trained further.
    Raises ModelError if there is no such model or adapter; of a model's Hub id that shows when a part is first asked
    for, and that the adapter was trained for another model when a part's digest or weights are.

        >>> open_model("random-full").width("emotion_llama")
        4096
    """
    if adapter is not None:
        trained = open_adapter(adapter)
        return AdaptedSource(open_model(name, revision=revision, tokenizer=tokenizer), trained)
    name = os.fspath(name)
    if not name.strip():
        raise ModelError("model='' is empty. Name a model directory, a Hub id, random-tiny or random-full.")
    other: dict[str, PromptTokenizer] = {}
    if tokenizer is not None:
        asking = [encoder for encoder in known_encoders() if encoder.tokenizer_files]
        other = {encoder.name: _open_tokenizer(encoder, os.fspath(tokenizer)) for encoder in asking}
    if name in RANDOM_MODELS:
        return RandomSource(name, other)
    path = given_path(name, error=ModelError)
    if path.is_dir():
        if not any((path / encoder.name).is_dir() for encoder in known_encoders()):
            raise ModelError(_not_a_model(path))
        return DirectorySource(str(path), other)
    if path.exists():
        raise ModelError(
            f"model={name!r} is a file, expected a model directory. Convert checkpoint files with "
            "emollama-hf convert, and give the directory that it wrote."
        )
    if is_hub_id(name):
        return HubSource(name, revision, other)
    raise ModelError(
        f"model={name!r}: there is no such directory, and it is neither a Hub id (owner/name) nor one of "
        f"{', '.join(RANDOM_MODELS)}. Check the path, or make a model directory with emollama-hf convert."
    )


def _not_a_model(path: Path) -> str:
    parts = ", ".join(f"{encoder.name}/" for encoder in known_encoders())
    there = sorted(entry.name for entry in path.iterdir())
    shown = few_and_dots(there, 8)
    if MODEL_PROVENANCE in there or not there:
        advice = "Its conversion did not finish: run emollama-hf convert again."
    else:
        advice = "Give the directory that emollama-hf convert wrote; checkpoint files have to be converted first."
    return f"{path} is not a model directory: expected one of {parts}, found {shown or 'nothing'}. {advice}"


def _open_tokenizer(encoder: Encoder, name: str) -> PromptTokenizer:
    path = given_path(name, error=ModelError)
    if path.is_dir():
        return encoder.tokenizer(tokenizer_folder(encoder, path))
    if not path.exists() and is_hub_id(name):
        return hub_tokenizer(encoder, name)
    raise ModelError(
        f"tokenizer={name!r}: there is no such directory, and it is not a Hub id (owner/name). "
        "Give the Llama-2 directory, the one with tokenizer.model."
    )
