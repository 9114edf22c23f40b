"""provenance.json of a feature data set: for each configuration how it was made, and which files hold it.

It has all that the card says and that later pushes need to know, so that nobody has to fetch the features for that.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from datasets import Features

from emollama_hf.errors import SafeMessage
from emollama_hf.store.file_counts import FileCounts, merged_counts

PROVENANCE = "provenance.json"
FORMAT = 2
DEFAULT_CONFIG = "default"


class ManifestError(SafeMessage, ValueError):
    """provenance.json is not there, cannot be read, or is of a newer version; the message says which."""


class NewerManifest(ManifestError):
    """It was written by a newer version, and must not be replaced by this one."""


@dataclass(frozen=True)
class FeatureFile:
    """One Parquet file. content: digest of what went into it.

    rows: of published files the digest of each row by its name, in order. failed: names of those without features.
    """

    sha256: str
    bytes: int
    content: str
    counts: FileCounts
    rows: dict[str, str] = field(default_factory=dict)
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowKey:
    """The column that names a row. hashed: None, "sha256" or "hmac-sha256", how its values were made from names."""

    column: str
    hashed: str | None = None


@dataclass(frozen=True)
class FeatureConfig:
    """One configuration of a data set: rows of the same columns, made in the same way.

    made: what `provenance.describe_run` says; empty if nobody knows. files: by their path in the data set.
    withheld: what was left out of the published rows, a sentence each. forgotten: digests of the names of rows that
    were taken out because somebody withdrew, so that no later push brings them back.
    """

    made: Mapping[str, Any]
    features: Features
    files: dict[str, FeatureFile]
    key: RowKey | None = None
    withheld: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()

    @property
    def counts(self) -> FileCounts:
        return merged_counts([file.counts for file in self.files.values()])

    @property
    def rows(self) -> int:
        return self.counts.rows

    @property
    def status(self) -> dict[str, int]:
        return self.counts.status

    @property
    def model(self) -> Mapping[str, Any]:
        return self.made.get("model") or {}

    @property
    def is_random(self) -> bool:
        return bool(self.model.get("random_weights"))


@dataclass(frozen=True)
class Manifest:
    """All of provenance.json. cards: sha256 of the last READMEs that were written, the newest first.

    pictures: sha256 of the pictures that the card shows. license, citation: as those who pushed gave them.
    """

    configs: dict[str, FeatureConfig]
    cards: tuple[str, ...] = ()
    pictures: dict[str, str] = field(default_factory=dict)
    license: str | None = None
    citation: str | None = None

    def with_config(self, name: str, config: FeatureConfig) -> Manifest:
        return replace(self, configs={**self.configs, name: config})

    def to_json(self) -> str:
        described = {
            "format": FORMAT,
            "license": self.license,
            "citation": self.citation,
            "cards": list(self.cards),
            "pictures": self.pictures,
            "configs": {name: _config_to_json(config) for name, config in self.configs.items()},
        }
        return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def parse_manifest(text: str, where: str) -> Manifest:
    """A manifest from its text. where: what to call the file. Raises ManifestError."""
    try:
        found = json.loads(text)
        version = found["format"]
        if isinstance(version, int) and version > FORMAT:
            raise NewerManifest(
                f"{where}: was written by a newer emollama_hf (format {version}, this one knows {FORMAT}). "
                "Update emollama_hf, or choose another place."
            )
        return Manifest(
            configs={name: _config_from_json(config) for name, config in found["configs"].items()},
            cards=tuple(found["cards"]),
            pictures=dict(found["pictures"]),
            license=found["license"],
            citation=found["citation"],
        )
    except ManifestError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestError(
            f"{where} is not the provenance of a feature data set, or is damaged ({type(error).__name__}: {error})."
        ) from error


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a feature data set on disk. Raises ManifestError."""
    path = directory / PROVENANCE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} cannot be read ({error}). Is {directory} a feature data set?") from error
    return parse_manifest(text, str(path))


def _config_to_json(config: FeatureConfig) -> dict[str, Any]:
    return {
        **config.made,
        "rows": config.rows,
        "status": config.status,
        "key": None if config.key is None else asdict(config.key),
        "withheld": list(config.withheld),
        "forgotten": list(config.forgotten),
        "features": config.features.to_dict(),
        "files": {name: _file_to_json(file) for name, file in config.files.items()},
    }


def _config_from_json(found: dict[str, Any]) -> FeatureConfig:
    own = {"rows", "status", "key", "withheld", "forgotten", "features", "files"}
    return FeatureConfig(
        made={name: value for name, value in found.items() if name not in own},
        features=Features.from_dict(found["features"]),
        files={name: _file_from_json(file) for name, file in found["files"].items()},
        key=None if found["key"] is None else RowKey(**found["key"]),
        withheld=tuple(found["withheld"]),
        forgotten=tuple(found["forgotten"]),
    )


def _file_to_json(file: FeatureFile) -> dict[str, Any]:
    return {
        "sha256": file.sha256,
        "bytes": file.bytes,
        "content": file.content,
        "counts": {"rows": file.counts.rows, "status": file.counts.status, "labels": file.counts.labels,
                   "coverage": file.counts.coverage},
        "rows": file.rows,
        "failed": list(file.failed),
    }  # fmt: skip


def _file_from_json(found: dict[str, Any]) -> FeatureFile:
    counts = found["counts"]
    return FeatureFile(
        sha256=str(found["sha256"]),
        bytes=int(found["bytes"]),
        content=str(found["content"]),
        counts=FileCounts(counts["rows"], Counter(counts["status"]), counts["labels"], counts["coverage"]),
        rows=dict(found["rows"]),
        failed=tuple(found["failed"]),
    )
