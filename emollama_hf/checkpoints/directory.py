"""A model directory: one folder a part, and provenance.json beside them."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from emollama_hf.checkpoints.model_provenance import (
    read_model_provenance,
    recorded_digest,
    recorded_kept,
    recorded_origin,
)
from emollama_hf.checkpoints.part_files import part_files
from emollama_hf.checkpoints.source import ModelSource
from emollama_hf.computing.number_types import DtypeName
from emollama_hf.encoders import find_encoder, known_encoders
from emollama_hf.encoders.adaptation import NEW_LORA, Changes
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer
from emollama_hf.encoders.weight_source import option_flag
from emollama_hf.errors import MissingPartError, ModelError
from emollama_hf.files.digest import files_digest, sha256_file
from emollama_hf.files.links import check_links
from emollama_hf.files.strict_json import parse_object, read_object
from emollama_hf.tensors.quantized import Quantize
from emollama_hf.tensors.safetensors_header import read_safetensors_header
from emollama_hf.tensors.shards import INDEX, read_index, weight_files


class DirectorySource(ModelSource):
    """A directory as `write_model` leaves it, or one saved by hand with the same layout."""

    def __init__(self, name: str, tokenizers: Mapping[str, PromptTokenizer] | None = None) -> None:
        super().__init__(name, tokenizers)
        self._configs: dict[str, Config] = {}

    def config(self, part: str) -> Config:
        if part not in self._configs:
            path = self._settings(part) / "config.json"
            if not path.is_file():
                raise ModelError(
                    f"model directory {self.name}: {part}/ has no config.json, expected the configuration of "
                    "its weights. Convert the part again, or copy the file from where the weights came from."
                )
            try:
                found = read_object(path)
            except ValueError as error:
                raise ModelError(
                    f"{path}: not JSON of a configuration ({error}). Fetch or convert it again."
                ) from error
            self._configs[part] = find_encoder(part).checked_config(found, str(path))
        return self._configs[part]

    def stored_tensors(self, part: str) -> dict[str, tuple[str, int]]:
        ignored = [re.compile(pattern) for pattern in find_encoder(part).unused]
        held = self._held(part).items()
        return {name: tensor for name, tensor in held if not any(one.search(name) for one in ignored)}

    def _held(self, part: str) -> dict[str, tuple[str, int]]:
        """Dtype and bytes of every tensor in the part's files."""
        found: dict[str, tuple[str, int]] = {}
        folder = self._weights(part) / part
        index = read_index(folder / INDEX) if (folder / INDEX).is_file() else {}
        for path in part_files(folder.parent, part):
            if path.suffix == ".safetensors":
                header = read_header(path)
                found |= {name: entry for name, entry in header.items() if index.get(name, path.name) == path.name}
        return found

    def origin(self) -> dict[str, Any]:
        return recorded_origin(Path(self.name))

    def _weights_digest(self, part: str) -> str:
        root = self._weights(part)
        return recorded_digest(root, part) or files_digest(
            (path.name, sha256_file(path)) for path in part_files(root, part)
        )

    def _own_tokenizer(self, part: str) -> PromptTokenizer:
        return find_encoder(part).tokenizer(self._settings(part))

    def _load(
        self,
        part: str,
        dtype: DtypeName,
        device: str,
        quantize: Quantize | None = None,
        changes: Changes | None = None,
        without: Sequence[str] = (),
    ) -> Any:
        from emollama_hf.checkpoints.build import empty_network, names_below, ready
        from emollama_hf.tensors.strict_load import load_strict

        folder, encoder = self._weights(part) / part, find_encoder(part)
        network = empty_network(part, self.config(part), dtype, quantize, without)
        load_strict(
            encoder.weights(network),
            weight_files(folder),
            device=device,
            ignore=(*encoder.unused, *names_below(without)),
            where=str(folder),
            changes=changes,
        )
        return ready(part, network, device)

    def _load_kept(self, part: str, dtype: DtypeName, device: str) -> dict[str, Any]:
        from emollama_hf.checkpoints.build import empty_tensors
        from emollama_hf.tensors.strict_load import load_strict

        folder = self._weights(part) / part
        kept = empty_tensors(part, self.config(part), dtype)
        wanted = list(kept.state_dict())
        held = self._held(part)
        absent = [name for name in wanted if name not in held]
        if absent:
            raise ModelError(
                f"model directory {self.name}: {part}/ has no {', '.join(absent)}, which features do not need and "
                f"answers do. Run emollama-hf convert again, with {_flags(find_encoder(part).options)}, or copy the "
                "tensor from where the weights came from."
            )
        others = f"^(?!({'|'.join(map(re.escape, wanted))})$)"
        load_strict(kept, weight_files(folder), device=device, ignore=[others], where=str(folder))
        return dict(kept.named_parameters())

    def _lora_file(self, part: str, name: str) -> Path:
        root = self._kept_files(part, name)
        file = root / part / name
        if not file.is_file():
            raise ModelError(
                f"model directory {self.name}: {part}/ has no {name}: it was converted before the LoRA factors were "
                f"kept. Run emollama-hf convert again, with {_flags(find_encoder(part).options)}, or {NEW_LORA}."
            )
        recorded = recorded_kept(root, part, name)
        if recorded is not None and recorded != sha256_file(file):
            raise ModelError(
                f"{file} is not the file that was converted with the weights beside it: taken out of these, its "
                f"factors would leave another model. Fetch or convert the model again, or {NEW_LORA}."
            )
        return file

    def _kept_files(self, part: str, name: str) -> Path:
        """The model directory with a file that is kept beside the part's weights, if it has one."""
        self._existing(Path(self.name), part)
        return Path(self.name)

    def whole(self, part: str) -> Path:
        """The directory with all of a part's files, but the LoRA factors that are kept beside weights.

        Raises:
            ModelError: the model does not have the part.
        """
        return self._weights(part)

    def _settings(self, part: str) -> Path:
        """The part's folder with at least its small files: configuration and tokenizer."""
        return self._existing(Path(self.name), part)

    def _weights(self, part: str) -> Path:
        """The model directory with all of the part's files."""
        self._existing(Path(self.name), part)
        return Path(self.name)

    def _existing(self, root: Path, part: str) -> Path:
        folder, options = root / part, find_encoder(part).options
        check_links(root, part)
        if not folder.is_dir():
            names = [encoder.name for encoder in known_encoders()]
            there = ", ".join(f"{name}/" for name in names if (root / name).is_dir()) or "no part of a model"
            remedy = f"Run emollama-hf convert again, with {_flags(options)} as well." if options else "Copy it there."
            raise MissingPartError(
                f"model directory {self.name} has no {part}/: it was not converted (it has {there}). {remedy}"
            )
        converted = read_model_provenance(root).get("sources")
        absent = [source for source in options if converted and source not in converted]
        if absent:
            raise ModelError(
                f"model directory {self.name}: {part}/ was converted without {_flags(absent)} and cannot be used. "
                f"Run emollama-hf convert again, with {_flags(options)} together."
            )
        return folder


def _flags(options: Sequence[str]) -> str:
    *some, last = map(option_flag, options)
    return f"{', '.join(some)} and {last}" if some else last


def incomplete_parts(sources: Container[str]) -> list[str]:
    """A sentence for each part that has some of its sources and not all."""
    notices = []
    for encoder in known_encoders():
        absent = [option for option in encoder.options if option not in sources]
        if absent and len(absent) < len(encoder.options):
            notices.append(f"{encoder.name}/ is incomplete without {_flags(absent)}: it cannot compute anything yet.")
    return notices


def read_header(path: Path) -> dict[str, tuple[str, int]]:
    """Dtype and bytes of each tensor of a safetensors file; empty if it is none, which loading says better."""
    try:
        header = parse_object(read_safetensors_header(path))
        end = path.stat().st_size
        sizes: dict[str, tuple[str, int]] = {}
        for name, entry in header.items():
            if name != "__metadata__":
                start, stop = entry["data_offsets"]
                if not (type(start) is type(stop) is int and 0 <= start <= stop <= end):
                    return {}
                sizes[name] = (str(entry["dtype"]), stop - start)
        return sizes
    except (OSError, ValueError, KeyError, TypeError):
        return {}
