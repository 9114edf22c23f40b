"""An adapter: what fine-tuning changed in a model, and for which model it was trained.

    DIR/adapter.safetensors    the trained tensors, float32, under the names of the original's checkpoint
    DIR/provenance.json        LoRA facts, digests of the base, prompt, labels, training, results

Opening one imports no torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emollama_hf import __version__
from emollama_hf.checkpoints.adapter_facts import (
    ADAPTER_WEIGHTS,
    FORMAT,
    KIND,
    adapted_part,
    check_adapter_files,
    check_base_facts,
    check_rank,
    read_adapter_provenance,
)
from emollama_hf.checkpoints.hub import cached_sha256, snapshot
from emollama_hf.checkpoints.model_provenance import MODEL_PROVENANCE
from emollama_hf.checkpoints.source import ModelSource
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.adaptation import Adaptation, LoraFacts, LoraOn
from emollama_hf.errors import ModelError
from emollama_hf.files.atomic_write import atomic_file, atomic_path
from emollama_hf.files.digest import FileState, combined, file_state, hash_file, is_settled, json_digest
from emollama_hf.files.given_path import given_path
from emollama_hf.files.json_text import json_text
from emollama_hf.files.links import check_links
from emollama_hf.tensors.safetensors_header import header_shapes
from emollama_hf.tensors.tensor_names import Shape
from emollama_hf.text.hub_id import is_hub_id
from emollama_hf.text.secrets import without_secrets_inside

if TYPE_CHECKING:
    import torch

#: Digits of a digest that an error shows.
_SHOWN = 12


@dataclass(frozen=True)
class Adapter:
    """An adapter that was opened. `open_adapter` makes it.

    Attributes:
        name: as it was given: a path or a Hub id.
        directory: with its two files.
        provenance: what provenance.json holds.
        lora: rank, alpha, targets of its LoRA, and what the factors are added to.
        sha256: of adapter.safetensors.
        shapes: of its tensors, by name.
        commit: of a Hub repository.
    """

    name: str
    directory: Path
    provenance: Mapping[str, Any]
    lora: LoraFacts
    sha256: str
    shapes: Mapping[str, Shape]
    commit: str | None = None

    @property
    def rank(self) -> int:
        """Rank of the LoRA factors."""
        return self.lora.r

    @property
    def alpha(self) -> float:
        """The factors' scale is alpha / rank."""
        return self.lora.alpha

    @property
    def on(self) -> LoraOn:
        """What the factors are added to: the "original" decoder, or the "merged" one."""
        return self.lora.on

    @property
    def digest(self) -> str:
        """Identity of what it changes, 64 hexadecimal digits: its tensors and its LoRA facts, wherever it lies."""
        return combined(KIND, self.sha256, json_digest(self.lora.to_json()))

    @property
    def base_parts(self) -> Mapping[str, str]:
        """Digests of the parts of the model that it was trained for, by the parts' names."""
        parts: Mapping[str, str] = self.provenance["base"]["parts"]
        return parts

    @property
    def part(self) -> str:
        """The part of a model that it changes."""
        return adapted_part(self.base_parts)

    @property
    def adaptation(self) -> Adaptation:
        """How it changes the part."""
        found = find_encoder(self.part).adaptation
        assert found is not None  # or `part` would be another
        return found

    def tensors(self) -> dict[str, torch.Tensor]:
        """Its tensors, float32, mapped from the file.

        Raises:
            ModelError: the file is damaged, or holds what is no weight.
        """
        from emollama_hf.tensors.strict_load import open_safetensors
        from emollama_hf.tensors.weight_values import check_finite, check_types

        file = open_safetensors(self.directory / ADAPTER_WEIGHTS)
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no Mapping)
        where = f"adapter {self.name}"
        check_types(found.items(), where=where)
        check_finite(found.items(), where=where)
        return found

    def check_base(self, source: ModelSource, parts: Iterable[str] | None = None) -> None:
        """Check that a model is the one that the adapter was trained for.

        Args:
            source: the model, without an adapter.
            parts: those whose digests are compared; all that the adapter was trained with by default.

        Raises:
            ModelError: a part of the model is another one.
        """
        wanted = {part: self.base_parts[part] for part in (self.base_parts if parts is None else parts)}
        found = {part: source.digest(part) for part in wanted}
        other = [
            f"{part} ({wanted[part][:_SHOWN]} in training, {found[part][:_SHOWN]} here)"
            for part in wanted
            if wanted[part] != found[part]
        ]
        if other:
            base = self.provenance["base"].get("name")
            named = f"{base!r}, " if isinstance(base, str) else "the one "
            raise ModelError(
                f"adapter {self.name} was trained for another model than {source.name}: its digests differ for "
                f"{', '.join(other)}. Open it with {named}with which it was trained (and the same tokenizer=), or "
                "train again on this model."
            )


def open_adapter(name: str | os.PathLike[str], *, revision: str | None = None) -> Adapter:
    """An adapter by name: a directory as `finetune` writes it, or the Hub id of one, whose two files are fetched.

    Args:
        name: the directory or Hub id.
        revision: branch, tag or commit of a Hub id.

    Raises:
        ModelError: there is no such adapter, or its files are not whole.

    Example:
        >>> open_adapter("runs/fold-0").rank
        64
    """
    name = os.fspath(name)
    if not name.strip():
        raise ModelError("adapter='' is empty. Name a directory that finetune wrote, or a Hub id.")
    path, commit = given_path(name, error=ModelError), None
    if not path.exists() and is_hub_id(name):
        path = snapshot(name, revision, [ADAPTER_WEIGHTS, MODEL_PROVENANCE])
        commit = path.name
    elif path.is_file():
        raise ModelError(f"adapter={name!r} is a file, expected the directory that finetune wrote, with two files.")
    elif not path.is_dir():
        raise ModelError(
            f"adapter={name!r}: there is no such directory, and it is no Hub id (owner/name). Check the path, or train "
            "one with emollama-hf finetune."
        )
    # Asked for several times a row: reading it takes milliseconds, looking at the states of its files does not.
    states = _states(path)
    key: tuple[str | FileState, ...] = (name, *states)
    if states and key in _opened:
        return _opened[key]
    adapter = _read(name, path, commit)
    if states and all(map(is_settled, states)):
        while len(_opened) >= _KEPT:
            _opened.pop(next(iter(_opened)), None)
        _opened[key] = adapter
    return adapter


#: Adapters that this process has opened, by their names and the states of their files.
_opened: dict[tuple[str | FileState, ...], Adapter] = {}
_KEPT = 8


def _states(path: Path) -> list[FileState]:
    """What changes with the two files of an adapter; nothing where one of them is missing."""
    try:
        return [file_state(path / file) for file in (ADAPTER_WEIGHTS, MODEL_PROVENANCE)]
    except OSError:
        return []


def _read(name: str, path: Path, commit: str | None) -> Adapter:
    """The adapter of a directory that has its two files. Raises ModelError if they are not whole."""
    check_links(path)
    check_adapter_files(path, name)
    where = f"adapter {name}: {MODEL_PROVENANCE}"
    provenance = read_adapter_provenance(path / MODEL_PROVENANCE, where)
    lora = LoraFacts.of(provenance.get("lora"), where)
    check_base_facts(provenance, where)
    sha256 = cached_sha256(path / ADAPTER_WEIGHTS)
    if provenance.get("files", {ADAPTER_WEIGHTS: sha256}) != {ADAPTER_WEIGHTS: sha256}:
        raise ModelError(
            f"adapter {name}: {ADAPTER_WEIGHTS} is not the file that {MODEL_PROVENANCE} describes: one of them was "
            "replaced, or is being written now. Fetch both again, or run the same finetune again."
        )
    try:
        shapes = header_shapes(path / ADAPTER_WEIGHTS)
    except (OSError, ValueError) as error:
        raise ModelError(f"adapter {name}: {ADAPTER_WEIGHTS} cannot be read ({error}). Fetch it again.") from error
    adapter = Adapter(name, path, provenance, lora, sha256, shapes, commit)
    check_rank(adapter.adaptation.ranks(shapes), lora, f"adapter {name}")
    return adapter


def write_adapter(
    directory: str | os.PathLike[str], tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]
) -> Path:
    """Write an adapter into a directory, which may exist and hold other files; an earlier adapter is replaced.

    Each file is whole or absent, and provenance.json, which is written last, has the hash of the other: of an
    interrupted call nothing is left that `open_adapter` opens.

    Args:
        directory: created if it does not exist.
        tensors: the trained tensors, under the names of the original's checkpoint; written in float32.
        facts: JSON-able facts as provenance.json has them: `lora` and `base` at least.

    Returns:
        The directory.

    Raises:
        ModelError: a tensor holds NaN or infinity, or facts are missing or do not fit the tensors.
        OSError: a file cannot be written.
    """
    import torch
    from safetensors.torch import save_file

    from emollama_hf.tensors.weight_values import check_finite

    folder = given_path(directory, error=ModelError)
    where = f"adapter {folder}"
    lora = LoraFacts.of(facts.get("lora"), where)
    check_base_facts(facts, where)
    adaptation = find_encoder(adapted_part(facts["base"]["parts"])).adaptation
    assert adaptation is not None
    check_rank(adaptation.ranks({name: tuple(tensor.shape) for name, tensor in tensors.items()}), lora, where)
    check_finite(tensors.items(), where=where, dtype=torch.float32)
    # Copies: safetensors refuses two tensors of one memory, such as a model's own.
    copies = {name: tensor.detach().to("cpu", torch.float32, copy=True) for name, tensor in tensors.items()}
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / ADAPTER_WEIGHTS) as partial:
        partial.touch()  # with the permissions of any other file; safetensors' own are for the owner alone
        mode = partial.stat().st_mode
        save_file({name: tensor.contiguous() for name, tensor in copies.items()}, partial, {"format": "pt"})
        partial.chmod(mode)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        sha256 = hash_file(partial)
    provenance = {
        **without_secrets_inside(dict(facts)),
        "format": FORMAT,
        "kind": KIND,
        "emollama_hf": __version__,
        "files": {ADAPTER_WEIGHTS: sha256},
    }
    with atomic_file(folder / MODEL_PROVENANCE, durable=True) as file:
        file.write(json_text(provenance).encode())
    return Path(directory)
