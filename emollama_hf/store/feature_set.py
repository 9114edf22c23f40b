"""A feature data set on disk: Parquet files, a README that tells `datasets` where they are, and its provenance.

It is written once at the end of a run, out of the work store. Files whose rows have not changed since the last run are
kept as they are; the README is replaced last of all that readers need, so that they see the old set or the new one.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset, Features
from filelock import FileLock

from emollama_hf import schema
from emollama_hf.digest import combined, hash_file, remember, sha256_file
from emollama_hf.errors import StoreError
from emollama_hf.rows import Rows
from emollama_hf.store.content import value_digest
from emollama_hf.store.destination import DATA, PROVENANCE, read_provenance
from emollama_hf.store.feature_card import update_card, write_card
from emollama_hf.store.parquet_file import write_parquet
from emollama_hf.store.stored_rows import MOST_ROWS
from emollama_hf.store.work_store import make_root

logger = logging.getLogger(__name__)

README = "README.md"
SHARD_BYTES = 256_000_000
#: Bytes of what is read from the work store at a time.
PIECE_BYTES = 16_000_000
CONTENT_DIGITS = 12
OWN_FILE = re.compile(rf"train-\d{{5}}-of-\d{{5}}-[0-9a-f]{{{CONTENT_DIGITS}}}\.parquet")


@dataclass(frozen=True)
class FeatureRows:
    """What goes into the files: columns that are there, and new ones that are read range by range.

    labels: the columns that the data set came with. features: types of the new columns. row_ids: for each row what
    changes when its new columns do. tables: the new columns for each of some ascending ranges of rows.
    """

    labels: Dataset | None
    features: Features
    row_ids: list[str]
    statuses: list[str]
    tables: Callable[[Iterator[range]], Iterator[pa.Table]]

    @property
    def all_features(self) -> Features:
        return Features({**(self.labels.features if self.labels is not None else {}), **self.features})

    def rows(self, ranges: list[range]) -> Iterator[pa.Table]:
        """All columns of each range."""
        arrow_schema = self.all_features.arrow_schema
        for rows, table in zip(ranges, self.tables(iter(ranges)), strict=True):
            given = [] if self.labels is None else self.labels.with_format("arrow")[rows.start : rows.stop].columns
            yield pa.table([*given, *table.columns], schema=arrow_schema)

    def content(self, rows: range) -> str:
        """Digest of all that is written for some rows."""
        labels: list[str] = []
        if self.labels is not None:
            given = Rows.from_batch(self.labels.with_format("arrow")[rows.start : rows.stop])
            labels = [value_digest(given.value(name, i)) for i in range(given.length) for name in given.names]
        return combined(str(self.all_features), *labels, *self.row_ids[rows.start : rows.stop])


def write_feature_set(rows: FeatureRows, out: Path, work: Path, provenance: dict[str, Any], shard_rows: int) -> bool:
    """Write `rows` to `out` so that plain `load_dataset(out)` opens it; whether anything had to be written.

    work: a folder on the same disk for what is unfinished. shard_rows: rows a file.
    Raises StoreError if it cannot be written; `out` is then as it was.
    """
    try:
        make_root(work)
        with FileLock(work / "folder.lock"):
            partial = work / "folder"
            shutil.rmtree(partial, ignore_errors=True)  # a killed run's
            try:
                return _write(rows, out, partial, provenance, shard_rows)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise StoreError(
            f"{out} cannot be written to ({error.strerror or error}). What was computed is kept: make room or access, "
            "and run the same again."
        ) from error


def _write(rows: FeatureRows, out: Path, partial: Path, provenance: dict[str, Any], shard_rows: int) -> bool:
    partial.mkdir(parents=True)
    data = out / DATA
    reusable = _reusable_files(out)
    total, count = max(1, -(-len(rows.row_ids) // shard_rows)), len(rows.row_ids)
    digests: dict[str, tuple[str, str]] = {}
    for shard in range(total):
        span = range(shard * shard_rows, min(count, (shard + 1) * shard_rows))
        content = rows.content(span)
        path = partial / f"train-{shard:05d}-of-{total:05d}.parquet"
        if content in reusable:
            _link(reusable[content], path)
            digests[path.name] = (content, sha256_file(path))
        else:
            _write_file(path, rows, span)
            digests[path.name] = (content, hash_file(path))
    # `load_dataset` caches a local directory under its last name and the patterns in its README, nothing else: with
    # equal file names it gives the rows of another directory of the same name, or of one that was replaced
    # (tests/store/test_extract.py::test_directories_of_one_name_are_told_apart).
    suffix = combined(*(sha256 for _, sha256 in digests.values()))[:CONTENT_DIGITS]
    names = {name: name.replace(".parquet", f"-{suffix}.parquet") for name in digests}
    described = {
        **provenance,
        "status": dict(sorted(Counter(rows.statuses).items())),
        "files": {names[name]: sha256 for name, (_, sha256) in digests.items()},
        "contents": {names[name]: content for name, (content, _) in digests.items()},
    }
    files = {"train": f"{DATA}/train-*-{suffix}.parquet"}
    card = write_card(rows.all_features, described, files)
    # The one before, too: a run that is killed here leaves it beside the new provenance, and nobody has edited it.
    described["readme"] = list(dict.fromkeys([_sha256(card), *_known_cards(out)]))[:2]
    texts = {
        PROVENANCE: json.dumps(described, indent=2) + "\n",
        README: _with_edits(out, card, rows.all_features, files),
    }
    unchanged = all(_text(out / name) == text for name, text in texts.items())
    unchanged = unchanged and set(described["contents"].values()) <= set(reusable)
    if not unchanged:
        data.mkdir(parents=True, exist_ok=True)
        for name, (_, sha256) in digests.items():
            (partial / name).replace(data / names[name])
            remember(data / names[name], sha256)
        for name, text in texts.items():  # the README last: it says which files are the data set
            (partial / name).write_text(text, encoding="utf-8")
            (partial / name).replace(out / name)
    for path in data.glob("train-*.parquet"):  # of the run before, or of one that was killed
        if OWN_FILE.fullmatch(path.name) and path.name not in names.values():
            path.unlink(missing_ok=True)
    return not unchanged


def _known_cards(out: Path) -> list[str]:
    """sha256 of the last cards that were written to `out`, the newest first."""
    try:
        known = read_provenance(out).get("readme")
    except ValueError:
        return []
    return list(known) if isinstance(known, list) else []


def _with_edits(out: Path, card: str, features: Features, files: dict[str, str]) -> str:
    """`card`, or what somebody made of an earlier one, with the columns and files of now."""
    known = _known_cards(out)
    if not known or not (out / README).exists():
        return card
    try:
        there = (out / README).read_text(encoding="utf-8")
        return card if _sha256(there) in known else update_card(there, features, files)
    except Exception as error:  # of a YAML reader, of huggingface_hub, of text that is not UTF-8
        what = " ".join(str(error).split())
        raise StoreError(
            f"{out / README} was edited, and its text or metadata cannot be read ({what}). What was computed is kept: "
            "mend or remove it, and run the same again."
        ) from error


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _reusable_files(out: Path) -> dict[str, Path]:
    """Files of an earlier run that are as they were written, by the digest of what went into them."""
    try:
        provenance = json.loads((out / PROVENANCE).read_text(encoding="utf-8"))
        named = [
            (out / DATA / name, content, provenance["files"][name]) for name, content in provenance["contents"].items()
        ]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}
    found = {}
    for path, content, sha256 in named:
        if path.parent != out / DATA or not path.is_file():
            continue
        if sha256_file(path) == sha256:
            found[content] = path
        else:
            logger.warning("%s is damaged: it is not as it was written. It is written again.", path)
    return found


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # file systems without hard links
        shutil.copy2(source, target)


def _write_file(path: Path, rows: FeatureRows, span: range) -> None:
    step = min(MOST_ROWS, max(1, PIECE_BYTES // row_bytes(rows.all_features)))
    pieces = [range(start, min(start + step, span.stop)) for start in range(span.start, span.stop, step)]
    write_parquet(path, rows.rows(pieces), rows.all_features)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def rows_a_file(features: Features) -> int:
    """Rows of a Parquet file of about 256 MB."""
    return max(1, SHARD_BYTES // row_bytes(features))


def row_bytes(features: Features) -> int:
    """About how many bytes a row takes, pictures included."""
    pictures = 500_000 if schema.PEAK_FRAME in features else 0
    return max(1, schema.row_bytes(features) + pictures)
