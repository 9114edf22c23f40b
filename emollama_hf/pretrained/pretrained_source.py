"""A named encoder as a source of weights: what stages, predictions of memory, cards and `verify` ask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emollama_hf.checkpoints.directory import read_header
from emollama_hf.checkpoints.hub import cached_sha256
from emollama_hf.checkpoints.model_provenance import file_facts
from emollama_hf.checkpoints.source import ModelSource
from emollama_hf.computing.number_types import DtypeName, product_type
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.adaptation import Changes
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.pretrained_encoder import ModelFiles, PretrainedEncoder
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer
from emollama_hf.errors import MissingPartError, ModelError
from emollama_hf.files.digest import combined, json_digest
from emollama_hf.pretrained.model_folder import CONFIG, ModelFolder, checkpoint_file
from emollama_hf.tensors.quantized import Quantize
from emollama_hf.tensors.shards import WeightFiles


class PretrainedSource(ModelSource):
    """One encoder of timm or transformers. `open_pretrained` makes it.

    `part` reads config.json; `config` and `width` build the model without weights, which imports torch; `digest` and
    `load` read the weights. Each asks a repository for no more files than it reads.

    Args:
        name: as it was given.
        folder: with config.json; None for an architecture of timm.
        weights: a checkpoint to use instead of the folder's weights.
    """

    def __init__(self, name: str, folder: ModelFolder | None, weights: Path | None = None) -> None:
        super().__init__(name)
        self._folder, self._checkpoint = folder, weights
        self._part: str | None = None if folder is not None else "image_encoder"
        self._config: Config | None = None
        self._files: WeightFiles | None = None

    @property
    def part(self) -> str:
        """The part of the chain that it is: "image_encoder", "video_encoder" or "sound_encoder".

        Raises:
            ModelError: there is no config.json, or it is of no such encoder.
        """
        if self._part is None:
            from emollama_hf.pretrained.model_types import part_of

            self._part = part_of(self._settings(), self.name)
        return self._part

    @property
    def commit(self) -> str | None:
        return None if self._folder is None else self._folder.commit

    def config(self, part: str) -> Config:
        if self._config is None:
            encoder, folder = self._encoder(part), self._folder
            others = {} if folder is None else {name: folder.settings(name) for name in encoder.settings_names}
            files = ModelFiles(
                where=self.name,
                config={} if folder is None else self._settings(),
                others={name: found for name, found in others.items() if found},
                tensors=frozenset(self._tensor_names()),
                architecture=self.name if folder is None else None,
            )
            self._config = encoder.checked_config(encoder.described(files), self.name)
        self._encoder(part)
        return self._config

    def stored_tensors(self, part: str) -> dict[str, tuple[str, int]]:
        self._encoder(part)
        found: dict[str, tuple[str, int]] = {}
        for path in self._weight_paths():
            if path.suffix == ".safetensors":
                found |= read_header(path)
        return found

    def origin(self) -> dict[str, Any]:
        return {"weights": [file_facts(path, cached_sha256(path)) for path in self._weight_paths()]}

    def _weights_digest(self, part: str) -> str:
        """Of the weights' bytes and the configuration, preprocessing included; no names and no paths."""
        shards = [cached_sha256(path) for path in self._weight_paths()]
        index = self._weight_files().weight_map
        return combined(json_digest(self.config(part)), json_digest(index), *shards)

    def _load(
        self,
        part: str,
        dtype: DtypeName,
        device: str,
        quantize: Quantize | None = None,
        changes: Changes | None = None,
        without: Sequence[str] = (),
    ) -> Any:
        import torch

        from emollama_hf.pretrained.timm_model import load_timm
        from emollama_hf.pretrained.transformers_model import load_transformers
        from emollama_hf.pretrained.weight_state import read_state

        if quantize is not None:
            raise ModelError(f"{self.name}: quantize={quantize!r} is for decoders. Leave it out for this encoder.")
        if changes or without:
            raise ModelError(f"{self.name}: changes= and without= are for converted parts. Leave them out here.")
        encoder, config = self._encoder(part), self.config(part)
        numbers: torch.dtype = getattr(torch, product_type(encoder.computed_type(dtype)))
        state = read_state(self._weight_files())
        if config["library"] == "timm":
            model = load_timm(config, state, dtype=numbers)
        else:
            model_class, settings, arguments = encoder.transformers_class(config)
            model = load_transformers(
                model_class, settings, state, left_out=encoder.left_out, dtype=numbers, arguments=arguments
            )
        return encoder.around(model, config).requires_grad_(False).eval().to(device)

    def _load_kept(self, part: str, dtype: DtypeName, device: str) -> dict[str, Any]:
        self._encoder(part)
        return {}

    def _own_tokenizer(self, part: str) -> PromptTokenizer:
        raise ModelError(f"{self.name} is an encoder of pictures or sound and has no tokenizer.")

    def _encoder(self, part: str) -> PretrainedEncoder:
        if part != self.part:
            raise MissingPartError(f"{self.name}: its part is {self.part}, and {part} is asked for. Name such a model.")
        encoder = find_encoder(part)
        if not isinstance(encoder, PretrainedEncoder):
            raise MissingPartError(f"{self.name}: {part} is converted, and not given by a name.")
        return encoder

    def _settings(self) -> dict[str, Any]:
        assert self._folder is not None
        found = self._folder.settings(CONFIG)
        if not found:
            raise ModelError(
                f"{self.name}: has no {CONFIG}, expected a directory or repository as timm or transformers saves it. "
                "For a checkpoint alone name its architecture of timm, and the file with weights=."
            )
        return found

    def _weight_files(self) -> WeightFiles:
        if self._files is None:
            if self._checkpoint is not None:
                self._files = checkpoint_file(self._checkpoint)
            else:
                assert self._folder is not None
                self._files = self._folder.weights()
        return self._files

    def _weight_paths(self) -> list[Path]:
        files = self._weight_files()
        return [files.folder / name for name in files.names]

    def _tensor_names(self) -> set[str]:
        paths = self._weight_paths()
        if all(path.suffix == ".safetensors" for path in paths):
            return {name for path in paths for name in read_header(path)}
        from emollama_hf.pretrained.weight_state import read_state

        return set(read_state(self._weight_files()).tensors)
