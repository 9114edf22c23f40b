"""Features that a lab has already: folders of `{name}.npy` in the original layout, joined by name.

    python dataset_scripts/precomputed.py --facemae DIR --videomae DIR --emollama DIR [--out DIR]

Any of --faces, --facemae, --videomae, --emollama and --hubert, at least one.
"""

from __future__ import annotations

if __name__ == "__main__":  # as a program, it finds its folder's modules by the name that they have everywhere
    import sys
    from pathlib import Path

    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from datasets import DatasetInfo, Features, Value

from dataset_scripts.array_folder import ArrayFolder, Kind, read_array_folder
from dataset_scripts.content_builder import ContentBuilder, ContentConfig, Contents
from emollama_hf import schema
from emollama_hf.errors import ErrorKind, SourceError

FACES = "faces"
#: Options that name a folder, and what its files hold.
FOLDERS: dict[str, Kind] = {
    FACES: "stack",
    schema.FACEMAE: "vector",
    schema.VIDEOMAE: "vector",
    schema.EMOLLAMA: "states",
    schema.HUBERT: "vector",
}
STORE_DTYPES = ("float16", "float32")
ABSENT: ErrorKind = "missing_file"


@dataclass
class PrecomputedConfig(ContentConfig):
    """faces, facemae, videomae, emollama, hubert: folders of `{name}.npy`. store_dtype: of hidden states.

    See `ContentConfig` for the rest.
    """

    faces: str | os.PathLike[str] | None = None
    facemae: str | os.PathLike[str] | None = None
    videomae: str | os.PathLike[str] | None = None
    emollama: str | os.PathLike[str] | None = None
    hubert: str | os.PathLike[str] | None = None
    store_dtype: str = "float16"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.store_dtype not in STORE_DTYPES:
            raise SourceError(f"store_dtype={self.store_dtype!r} is unknown. Valid: {', '.join(STORE_DTYPES)}")

    @cached_property
    def folders(self) -> dict[str, ArrayFolder]:
        """What each given folder holds, by its option. Raises SourceError."""
        given = [option for option in FOLDERS if getattr(self, option) is not None]
        if not given:
            raise SourceError(f"no folder was given. Give at least one of {', '.join(FOLDERS)}.")
        return {
            option: read_array_folder(self.given_path(option), FOLDERS[option], follow_links=self.follow_links)
            for option in given
        }

    def dtype_of(self, option: str) -> str:
        """The type in which a folder's values are stored."""
        return self.store_dtype if option == schema.EMOLLAMA else "float32"

    def read(self) -> Contents:
        names = sorted(set().union(*(folder.files for folder in self.folders.values())))
        digests = {
            option: {name: self.identity_of(path) for name, path in folder.files.items()}
            for option, folder in self.folders.items()
        }
        missing = {
            f"clips without a file in {option}, null": [name for name in names if name not in folder.files]
            for option, folder in self.folders.items()
        }
        identity = {"folders": digests, "store_dtype": self.store_dtype}
        return Contents([{"uuid": name} for name in names], identity, missing)


class Precomputed(ContentBuilder):
    """A name and what the folders hold for it a row, as the columns that this package computes; one split, "train".

    Columns: `uuid` (the name), then those whose folder was given:

        faces      frames     path of the .npy of (T, H, W, 3) crops, text: `SampleFrames(faces="none")` reads it
        facemae    facemae    (D,) float32, from files of (D,) or (1, D)
        videomae   videomae   (D,) float32
        emollama   emollama   (L, H) `store_dtype`, from files of (L, H) or (1, L, H); (H,) from files of (H,)
        hubert     hubert     (D,) float32

    and `emollama_status`, `emollama_error`: "ok" where every given feature is there. A name that one of the folders
    lacks is null in that column and named in a warning, with the status "missing_file" if it is a feature: a filter on
    the status gives complete rows, and a later stage passes the others on as they are. strict=True: an error instead.

    `frames` is a path of this machine: `extract(..., out=)` never writes that column, and neither may you push it.
    store_dtype: "float16", or "float32" for hidden states that are larger than 65504.
    faces, facemae, videomae, emollama, hubert, strict, identify_by, follow_links: see `PrecomputedConfig`.
    Raises SourceError: a file of another shape or dtype than the others, with NaN, of Python objects (never
    unpickled), and what else cannot be stored.

        >>> builder = Precomputed(facemae="facemae", emollama="emollama")
        >>> builder.download_and_prepare()
        >>> builder.as_dataset("train").features["emollama"].shape
        (309, 4096)

    Source: the folders that sricke/Emotion-LLaMA-4MW's and ZebangCheng/Emotion-LLaMA's extraction scripts write.
    """

    BUILDER_CONFIG_CLASS = PrecomputedConfig
    KEY = "uuid"

    def _info(self) -> DatasetInfo:
        config: PrecomputedConfig = self.config
        features: dict[str, Any] = {"uuid": Value("string")}
        for option, folder in config.folders.items():
            if option == FACES:
                features[schema.FRAMES] = Value("string")
                continue
            *rows, width = folder.shape
            dtype = config.dtype_of(option)
            matrix = schema.matrix_feature(rows[0], width, dtype) if rows else None
            features[option] = matrix or schema.vector_feature(width, dtype)
        return DatasetInfo(features=Features({**features, **schema.status_features()}))

    def located(self, key: str) -> dict[str, str | None]:
        faces = self.config.folders.get(FACES)
        if faces is None:
            return {}
        path = faces.files.get(key)
        return {schema.FRAMES: None if path is None else str(path.absolute())}

    def example(self, row: dict[str, Any]) -> dict[str, Any]:
        config: PrecomputedConfig = self.config
        name = row["uuid"]
        features = {
            option: folder.load(name, config.dtype_of(option))
            for option, folder in config.folders.items()
            if option != FACES
        }
        absent = [f"{option}/{name}.npy" for option, array in features.items() if array is None]
        return {
            "uuid": name,
            **features,
            schema.STATUS: ABSENT if absent else schema.OK,
            schema.ERROR: f"{name!r}: {', '.join(absent)} is not there." if absent else None,
        }

    def summary(self) -> list[list[str]]:
        """Files, their shape and their type, by folder."""
        lines = [["folder", "files", "one file", "type"]]
        for option, folder in self.config.folders.items():
            shape = "(T, H, W, 3)" if option == FACES else str(folder.shape)
            lines.append([option, str(len(folder.files)), shape, str(folder.dtype)])
        return lines


if __name__ == "__main__":
    from dataset_scripts.precomputed import Precomputed as Builder  # rows are cached under the module's name
    from dataset_scripts.program import run_program

    run_program(
        Builder,
        __doc__,
        {
            **{option: f"Folder of .npy files: {option}." for option in FOLDERS},
            "store_dtype": "Type of hidden states (float16).",
        },
        choices={"store_dtype": STORE_DTYPES},
    )
