"""The sources of a conversion, opened: their files brought here, their tensors mapped, what they are said in errors."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from emollama_hf.checkpoints.hub import cached_sha256
from emollama_hf.checkpoints.model_provenance import file_facts
from emollama_hf.conversion.fetch import Folder, open_file, open_folder
from emollama_hf.conversion.licences import LICENCE_FILES
from emollama_hf.conversion.pickle_file import model_state, read_checkpoint
from emollama_hf.conversion.weight_directory import open_directory
from emollama_hf.encoders import find_source, known_encoders
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.recognise import describe
from emollama_hf.encoders.weight_source import WeightDirectory, WeightSource, option_flag
from emollama_hf.errors import ModelError
from emollama_hf.tensors.tensor_names import compact, split_unused


@dataclass(frozen=True)
class Source:
    """One source.

    kind: the option of `convert`.  folder, path: where its files come from, and where they lie here.
    files: the names that are read.  state: its tensors, mapped.  unused: patterns of tensors' names.
    extra: the training's configuration, or a directory's config.json.
    left_out: what is not used beside these: the checkpoint's other entries, such as the optimizer, and tensors in files
    that are not theirs.
    """

    kind: str
    folder: Folder
    path: Path
    files: tuple[str, ...]
    state: Mapping[str, torch.Tensor]
    unused: tuple[str, ...]
    extra: Mapping[str, Any]
    left_out: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How errors call it: "--eva eva_vit_g.pth"."""
        return f"{option_flag(self.kind)} {self.files[0] if len(self.files) == 1 else self.folder.name}"

    def hashes(self, executor: Executor) -> dict[str, Future[str]]:
        """sha256 of each file, in the making."""
        return {name: executor.submit(cached_sha256, self.path / name) for name in self.files}

    def described(self, hashes: Mapping[str, Future[str]]) -> dict[str, Any]:
        """What provenance says: name, size and sha256 of its files, and which of its tensors were not used."""
        files = [file_facts(self.path / name, hashes[name].result()) for name in self.files]
        used, tensors = split_unused(self.state, self.unused)
        dropped = [*self.left_out, *compact((name, "") for name in tensors)]
        named = {"name": self.folder.name, "files": files} if len(files) > 1 else dict(files[0])
        origin = {"origin": self.folder.origin} if self.folder.origin else {}
        return {**named, **origin, "used": len(used), "dropped": dropped}


def open_sources(locations: Mapping[str, str], configs: Mapping[str, Config], staging: Path) -> dict[str, Source]:
    """Every source that was given, by kind.

    locations: paths, URLs or hf://.  configs: of the parts, which say what of a source is unused.
    staging: a folder for the files of those that are not here.
    Raises ModelError with what is wrong with any of them.
    """
    parts = {option: encoder.name for encoder in known_encoders() for option in encoder.options}
    sources: dict[str, Source] = {}
    errors: list[ModelError] = []
    for kind, location in locations.items():
        wanted = find_source(kind)
        unused = wanted.unused(configs[parts[kind]])
        try:
            if isinstance(wanted, WeightDirectory):
                sources[kind] = _open_directory(wanted, location, unused, staging / kind)
            else:
                sources[kind] = _open_checkpoint(wanted, location, unused, staging / kind)
        except ModelError as error:
            errors.append(ModelError(f"{wanted.flag} {error}"))
        except PermissionError as error:
            what = f"{wanted.flag} {error.filename}: may not be read ({error.strerror})"
            errors.append(ModelError(f"{what}. Ask its owner, or copy it to where you may."))
    raise_all(errors)
    return sources


def raise_all(errors: list[ModelError]) -> None:
    """Raise what is wrong with several sources as one error."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        listed = " ".join(f"({number}) {error}" for number, error in enumerate(errors, start=1))
        raise ModelError(f"{len(errors)} sources cannot be used: {listed}")


def _open_checkpoint(wanted: WeightSource, location: str, unused: tuple[str, ...], staging: Path) -> Source:
    try:
        folder, name = open_file(location, staging)
    except IsADirectoryError as found:
        looks = ", which looks like Llama's" if (Path(str(found)) / "config.json").is_file() else ""
        raise ModelError(f"{location}: is a directory{looks}; {wanted.flag} wants {wanted.wanted}.") from None
    path = folder.fetch([name, *LICENCE_FILES])
    if not (path / name).is_file():
        raise ModelError(f"{location}: there is no file {name}. Check its name.")
    checkpoint = read_checkpoint(path / name)
    state = model_state(checkpoint, location)
    extra = {key: value for key, value in checkpoint.items() if key == "config"}
    left_out = tuple(str(key) for key in checkpoint if key not in ("model", *extra, *state))
    return Source(wanted.option, folder, path, (name,), state, unused, extra, left_out)


def _open_directory(wanted: WeightDirectory, location: str, unused: tuple[str, ...], staging: Path) -> Source:
    try:
        folder = open_folder(location, staging)
    except NotADirectoryError as found:
        looks = _looks_like(Path(str(found)))
        raise ModelError(f"{location}: is a file{looks}; {wanted.flag} wants {wanted.wanted}.") from None
    directory = open_directory(wanted, folder, location)
    state, stale = directory.state(unused)
    files = directory.read_files()
    return Source(wanted.option, folder, directory.path, files, state, unused, directory.config, tuple(stale))


def _looks_like(path: Path) -> str:
    try:
        found = describe({name: tuple(tensor.shape) for name, tensor in model_state(read_checkpoint(path)).items()})
    except ModelError:
        return ""
    return f", which looks like {found}" if found else ""
