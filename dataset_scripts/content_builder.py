"""What every builder here has in common: it is known by the content of its files, not by where they lie.

`datasets` names the prepared rows of a builder after its options, so that an edited CSV under its old name gives the
old rows. Here they are named after the files' content.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from datasets import (
    BuilderConfig,
    Dataset,
    DatasetDict,
    Features,
    GeneratorBasedBuilder,
    SplitGenerator,
    Version,
    concatenate_datasets,
)
from datasets.exceptions import DatasetGenerationError

from emollama_hf.console.logs import package_logger
from emollama_hf.errors import ClipError, SourceError
from emollama_hf.files.digest import json_digest, sha256_file
from emollama_hf.text.few_of_many import few_and_more

logger = package_logger(__name__)

IDENTITIES = ("sha256", "mtime")
NAMES_SHOWN = 20


@dataclass(frozen=True)
class Contents:
    """What a configuration found in its files.

    rows: plain values of each row, JSON-able; files by their names relative to their folder.
    identity: all that decides the rows, JSON-able: digests of files by relative name, settings. No absolute path.
    gaps: names of what is there and not used, or not there, by what they are ("rows without a clip, left out").
    extra: types of the columns beyond those that a builder knows.
    """

    rows: list[dict[str, Any]]
    identity: dict[str, Any]
    gaps: dict[str, list[str]]
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class ContentConfig(BuilderConfig):
    """Options of every builder here; a builder's own configuration adds its folders and files, and `read`.

    strict: whether a gap (something left out, or null) is an error instead of a warning.
    identify_by: how a file's content is known: "sha256" of its bytes, or "mtime", its size and time of change, for
        folders that take too long to read; then a copy with new times counts as another content.
    follow_links: whether symbolic links may lead out of a folder; by default they are refused.
    """

    strict: bool = False
    identify_by: str = "sha256"
    follow_links: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.identify_by not in IDENTITIES:
            raise SourceError(f"identify_by={self.identify_by!r} is unknown. Valid: {', '.join(map(repr, IDENTITIES))}")

    @abstractmethod
    def read(self) -> Contents:
        """Find and check everything but the values of arrays. Raises SourceError."""

    @cached_property
    def contents(self) -> Contents:
        """What `read` found, read once. Each kind of gap is a warning, or with `strict` they are one SourceError."""
        found = self.read()
        messages = [f"{len(names)} {what}: {listed(names)}" for what, names in found.gaps.items() if names]
        if messages and self.strict:
            raise SourceError(f"strict: {'; '.join(messages)}. Add what is missing, or leave strict out.")
        for message in messages:
            logger.warning("%s", message)
        return found

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: Features | None = None) -> str:
        """The name of the prepared rows: `datasets` calls it with the options, and gets the content's digest."""
        identity: str = super().create_config_id({"content": json_digest(self.contents.identity)}, custom_features)
        return identity

    def given_path(self, option: str) -> Path:
        """An option as a path. Raises SourceError if it was not given."""
        value = getattr(self, option)
        if value is None or not str(value).strip():
            raise SourceError(f"{option} is missing. Give its path: {option}=PATH (--{option} PATH).")
        return Path(value).expanduser()

    def identity_of(self, path: Path) -> str:
        """What a file holds, as `identify_by` says."""
        if self.identify_by == "sha256":
            return sha256_file(path)
        status = path.stat()
        return f"{status.st_size} {status.st_mtime_ns}"


class ContentBuilder(GeneratorBasedBuilder):
    """A builder with one split, "train", whose rows are what its configuration found.

    A subclass sets BUILDER_CONFIG_CLASS and KEY, and writes `_info`, `example`, `located` and `summary`.
    """

    #: Part of the name of prepared rows: raise it whenever the same files give other rows than before.
    VERSION = Version("1.1.0")
    #: Rows that are held in memory before they are written: hidden states and videos are megabytes each.
    DEFAULT_WRITER_BATCH_SIZE = 16
    #: The column that names a row; no two rows share its value.
    KEY: ClassVar[str]

    @abstractmethod
    def example(self, row: dict[str, Any]) -> dict[str, Any]:
        """The columns of one of the configuration's rows, without those of `located`. Raises SourceError."""

    @abstractmethod
    def located(self, key: str) -> dict[str, str | None]:
        """The columns that are paths, for the row that is named `key`, where the files lie now."""

    @abstractmethod
    def summary(self) -> list[list[str]]:
        """What was found, for people: a table's headings, and its lines."""

    @property
    def gaps(self) -> dict[str, list[str]]:
        """Names of what is left out or null, all of them, by what they are."""
        return self.config.contents.gaps

    def _split_generators(self, dl_manager: Any) -> list[SplitGenerator]:
        # `datasets` splits lists among the workers of num_proc and the shards of a stream.
        return [SplitGenerator(name="train", gen_kwargs={"rows": self.config.contents.rows})]

    def _generate_examples(self, rows: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
        for row in rows:
            key = row[self.KEY]
            yield key, {**self.located(key), **self.example(row)}

    def _prepare_split_single(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        # Also in the workers of num_proc, on whose way home the cause of an exception is lost.
        try:
            yield from super()._prepare_split_single(*args, **kwargs)
        except DatasetGenerationError as error:
            if isinstance(error.__cause__, SourceError | ClipError):
                raise error.__cause__ from None
            raise

    def as_dataset(self, *args: Any, **kwargs: Any) -> Dataset | DatasetDict:
        """The prepared rows, as `datasets` does it, with paths to where the files lie now."""
        prepared = super().as_dataset(*args, **kwargs)
        if isinstance(prepared, Mapping):
            return DatasetDict({split: self._relocated(ds) for split, ds in prepared.items()})
        return self._relocated(prepared)

    def _relocated(self, ds: Dataset) -> Dataset:
        """Prepared rows are named after content, so they are found again after their folders were moved."""
        paths = [self.located(key) for key in ds[self.KEY]]
        for column in paths[0] if paths else ():
            now = [one[column] for one in paths]
            if now != stored_paths(ds, column):
                moved = Dataset.from_dict({column: now}, features=Features({column: ds.features[column]}))
                columns = ds.column_names
                ds = concatenate_datasets([ds.remove_columns(column), moved], axis=1).select_columns(columns)
        return ds


def stored_paths(ds: Dataset, column: str) -> list[str | None]:
    """The paths in a column of paths or of videos, without decoding one."""
    values = ds.select_columns([column]).with_format("arrow")[:].column(column).to_pylist()
    return [value["path"] if isinstance(value, dict) else value for value in values]


def listed(names: Sequence[str]) -> str:
    """Names in quotes, the first twenty of them."""
    return few_and_more(names, NAMES_SHOWN, show=repr)
