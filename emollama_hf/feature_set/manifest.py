"""The manifest, provenance.json of a feature data set: how each configuration was made, and which files hold it.

Not the provenance of a model directory, which has the same file name (`checkpoints/model_provenance.py`). The manifest
has all that the card says and that later pushes need to know, so that nobody has to fetch the features for that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from datasets import Features

from emollama_hf.errors import SafeMessage
from emollama_hf.feature_set import manifest_values as values
from emollama_hf.feature_set.described_adapters import RecordedAdapter, recorded_adapters
from emollama_hf.feature_set.described_encoders import RecordedEncoder, know_encoders, recorded_encoders
from emollama_hf.feature_set.file_counts import FileCounts, merged_counts
from emollama_hf.feature_set.set_paths import DEFAULT_CONFIG as DEFAULT_CONFIG
from emollama_hf.feature_set.set_paths import PROVENANCE as PROVENANCE
from emollama_hf.feature_set.set_paths import config_fault, file_fault, picture_fault
from emollama_hf.files.digest import json_digest
from emollama_hf.files.json_text import json_text
from emollama_hf.files.links import leads_out
from emollama_hf.files.small_file import MANIFEST_BYTES, read_small
from emollama_hf.files.strict_json import parse_object

FORMAT = 2
DIGEST = "digest"
#: Of provenance.json: a million rows, and no disk that is read into memory.
MOST_BYTES = MANIFEST_BYTES
#: Of a row's values, and of the name of one that was forgotten.
ROW_DIGITS = FORGOTTEN_DIGITS = 16


class ManifestError(SafeMessage, ValueError):
    """provenance.json is not there, cannot be read, or is of a newer version; the message says which."""


class NewerManifest(ManifestError):
    """It was written by a newer version, and must not be replaced by this one."""


class UnsafeManifest(ManifestError):
    """It names files that this package does not write, perhaps outside of the set, and nothing must be done by it."""


@dataclass(frozen=True)
class FeatureFile:
    """One Parquet file. content: digest of what went into it.

    rows: of published files the digest of each row by its name, in order. failed: names of those without features.
    xxh3_128: by which reading checks the file's bytes; None where an earlier version wrote it.
    """

    sha256: str
    bytes: int
    content: str
    counts: FileCounts
    rows: dict[str, str] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    xxh3_128: str | None = None


@dataclass(frozen=True)
class RowKey:
    """The column that names a row. hashed: None, "sha256" or "hmac-sha256", how its values were made from names."""

    column: str
    hashed: str | None = None


@dataclass(frozen=True)
class FeatureConfig:
    """One configuration of a data set: rows of the same columns, made in the same way.

    made: what `run_description.describe_run` says; empty if nobody knows. files: by their path in the data set.
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
        """Whether weights behind any of its columns are random."""
        return bool(self.model.get("random_weights")) or any(one.random_weights for one in self.encoders)

    @property
    def encoders(self) -> list[RecordedEncoder]:
        """Encoders that were named for a column."""
        return recorded_encoders(self.made)

    @property
    def adapters(self) -> list[RecordedAdapter]:
        """Adapters of the stages of its decoder."""
        return recorded_adapters(self.made)


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

    @property
    def forgotten(self) -> tuple[str, ...]:
        """Digests of the names of rows that were forgotten in any configuration."""
        return tuple(dict.fromkeys(one for config in self.configs.values() for one in config.forgotten))

    def with_config(self, name: str, config: FeatureConfig) -> Manifest:
        return replace(self, configs={**self.configs, name: config})

    def to_json(self) -> str:
        """The content of provenance.json. Raises ManifestError if it would be too large to be read again."""
        described = {
            "format": FORMAT,
            "license": self.license,
            "citation": self.citation,
            "cards": list(self.cards),
            "pictures": self.pictures,
            "configs": {name: _config_to_json(config) for name, config in self.configs.items()},
        }
        described[DIGEST] = _digest_of(described)
        text = json_text(described)
        if len(text.encode()) > MOST_BYTES:
            raise ManifestError(
                f"{PROVENANCE} would have {len(text.encode()):,} bytes, expected at most {MOST_BYTES:,}: the set has "
                "too many rows. Put them into several sets."
            )
        return text


def parse_manifest(content: str | bytes, where: str) -> Manifest:
    """A manifest from the content of provenance.json, which may be anybody's: the one place where it becomes values.

    Args:
        content: its text.
        where: what to call the file.

    Returns:
        The manifest. Every path in it is that of a file of the set, below the set; every other value has the form that
        it has when this package writes it.

    Raises:
        UnsafeManifest: a configuration or a file has a name that this package gives to none.
        ManifestError: it is of a newer version, or no manifest.
    """
    if len(content) > MOST_BYTES:
        raise ManifestError(f"{where} has {len(content):,} bytes, expected at most {MOST_BYTES:,}. {_ADVICE}")
    try:
        found = parse_object(content.encode() if isinstance(content, str) else content, infinite=True)
        version = found["format"]
        if isinstance(version, int) and version > FORMAT:
            raise NewerManifest(
                f"{where}: was written by a newer emollama_hf (format {version}, this one knows {FORMAT}). "
                "Update emollama_hf, or choose another place."
            )
        _check_names(found, where)
        return Manifest(
            configs={name: _config_from_json(config) for name, config in found["configs"].items()},
            cards=values.several(found["cards"], "cards", values.digest),
            pictures={name: values.digest(sha256, name) for name, sha256 in found["pictures"].items()},
            license=values.optional_text(found["license"], "license"),
            citation=values.optional_text(found["citation"], "citation"),
        )
    except ManifestError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        said = "".join(one if one.isprintable() else " " for one in f"{type(error).__name__}: {error}")
        what = " ".join(said.split())[:300]
        raise ManifestError(
            f"{where} is not the provenance of a feature data set, or is damaged ({what}). {_ADVICE}"
        ) from error


_ADVICE = "Nothing was changed. Fetch it again from those who shared it, or extract or push to another place."


def _check_names(found: Mapping[str, Any], where: str) -> None:
    """Raise UnsafeManifest if a name in a manifest is not one that this package gives."""
    faults = [("configuration", name, config_fault(name)) for name in found["configs"]]
    faults += [
        ("file", path, file_fault(path, name)) for name, config in found["configs"].items() for path in config["files"]
    ]
    faults += [("picture", name, picture_fault(name)) for name in found["pictures"]]
    for kind, name, fault in faults:
        if fault is not None:
            raise UnsafeManifest(f"{where} names a {kind} {name!r:.120}, which no feature set has: {fault}. {_ADVICE}")


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a feature data set on disk.

    Raises:
        UnsafeManifest: it, or a file that it names, is a link to a file outside of the directory, or what
            `parse_manifest` says.
        ManifestError: it cannot be read, or what `parse_manifest` says.
    """
    path = directory / PROVENANCE
    _check_inside(directory, path)
    try:
        content = read_small(path, at_most=MOST_BYTES)
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path} cannot be read ({error}). Is {directory} a feature data set?") from error
    manifest = parse_manifest(content, str(path))
    check_unchanged(content.decode(), str(path))
    for config in manifest.configs.values():
        for name in config.files:
            _check_inside(directory, directory / name)
    return manifest


def check_unchanged(text: str, where: str) -> None:
    """Raise ManifestError unless a manifest says what it said when it was written.

    text: of a manifest that `parse_manifest` accepts; one without a digest is of an earlier version, and accepted.
    where: what to call the file.
    """
    described = json.loads(text)
    if DIGEST in described and described.pop(DIGEST) != _digest_of(described):
        raise ManifestError(
            f'{where} is damaged: it is not as it was written (its "{DIGEST}" differs). Restore it from a copy; if '
            f'somebody changed it on purpose, remove the line "{DIGEST}" from it.'
        )


def _digest_of(described: dict[str, Any]) -> str:
    """Digest of what a manifest says, whatever its white space and the order of its keys."""
    return json_digest(json.loads(json.dumps(described)))


def _check_inside(directory: Path, path: Path) -> None:
    if leads_out(directory, path):
        raise UnsafeManifest(
            f"{path} is, or lies in, a link to something outside of {directory}, which is not read or changed as a "
            "part of this set. Put the files themselves there."
        )


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
    features = values.features(found["features"])
    key = None if found["key"] is None else _key_from_json(values.table(found["key"], "key"), features)
    files = {name: _file_from_json(file, name) for name, file in found["files"].items()}
    values.named_once({name: file.rows for name, file in files.items()}, named=key is not None)
    made = values.making({name: value for name, value in found.items() if name not in own})
    know_encoders(made)
    return FeatureConfig(
        made=made,
        features=features,
        files=files,
        key=key,
        withheld=values.several(found["withheld"], "withheld", values.text),
        forgotten=tuple(values.digest(one, "forgotten", digits=FORGOTTEN_DIGITS) for one in found["forgotten"]),
    )


def _key_from_json(found: dict[str, Any], features: Features) -> RowKey:
    column = values.text(found["column"], "key, column")
    if column not in features:
        raise ValueError(f"key, column: there is no column {column!r:.80}")
    return RowKey(column, values.hashed(found["hashed"]))


def _file_to_json(file: FeatureFile) -> dict[str, Any]:
    return {
        "sha256": file.sha256,
        **({} if file.xxh3_128 is None else {"xxh3_128": file.xxh3_128}),
        "bytes": file.bytes,
        "content": file.content,
        "counts": {"rows": file.counts.rows, "status": file.counts.status, "labels": file.counts.labels,
                   "coverage": file.counts.coverage},
        "rows": file.rows,
        "failed": list(file.failed),
    }  # fmt: skip


def _file_from_json(found: dict[str, Any], name: str) -> FeatureFile:
    counts = values.counts(found["counts"], f"{name}, counts")
    rows = values.row_names(found["rows"], f"{name}, rows", rows=counts.rows, digits=ROW_DIGITS)
    failed = values.failed_names(found["failed"], f"{name}, failed", rows)
    return FeatureFile(
        sha256=values.digest(found["sha256"], f"{name}, sha256"),
        bytes=values.count(found["bytes"], f"{name}, bytes", most=values.MOST_BYTES),
        content=values.digest(found["content"], f"{name}, content"),
        counts=counts,
        rows=rows,
        failed=failed,
        xxh3_128=None
        if found.get("xxh3_128") is None
        else values.digest(found["xxh3_128"], f"{name}, xxh3_128", digits=32),
    )
