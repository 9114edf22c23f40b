"""A changed byte of any file that this package wrote: the values of before, or an error that names the file.

Size, inode and the time of the last change stay as they were where only a byte changes.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from datasets import Dataset
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from emollama_hf import extract, load, push
from emollama_hf.feature_set.parquet_rows import open_config
from emollama_hf.sharing.forget import forget
from emollama_hf.sharing.verify import verify
from tests.extraction.crops import OPTIONS
from tests.sharing.labs import rows

SETTINGS: dict[str, Any] = {**OPTIONS, "stages": ["facemae_embed"], "keep": "peak_frame"}
Values = list[Any]
Operation = Callable[["Lab", Path], Values]


@dataclass
class Lab:
    """Directories as they were written: `out`, which has the work store, and `shared`, which was pushed."""

    folder: Path
    ds: Dataset
    more: Dataset

    def copy(self, name: str, target: Path) -> Path:
        shutil.copytree(self.folder / name, target, symlinks=True)
        return target


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("lab")
    more = rows(folder / "clips", 1, 2, 3, 4)
    ds = more.select([0, 1, 2])
    extract(ds, "random-tiny", out=folder / "out", shard_rows=2, **SETTINGS)
    push(folder / "out", folder / "shared", media=True)
    return Lab(folder, ds, more)


def values(ds: Dataset) -> Values:
    return [str(ds.features), *as_text(ds.with_format("arrow")[:])]


def as_text(table: pa.Table) -> list[str]:
    return [str(row) for row in table.to_pylist()]  # a NaN does not equal itself


def extracted(lab: Lab, out: Path) -> Values:
    return [values(extract(lab.ds, "random-tiny", out=out, shard_rows=2, **SETTINGS)), values(load(out))]


def extracted_more(lab: Lab, out: Path) -> Values:
    extract(lab.more, "random-tiny", out=out, shard_rows=2, existing="add", **SETTINGS)
    return values(load(out))


def other_settings(lab: Lab, out: Path) -> Values:
    """Pictures of the store are read by another stage."""
    options = {**SETTINGS, "stages": ["videomae_embed"]}
    return values(extract(lab.ds, "random-tiny", out=out, existing="add", **options))


def loaded(lab: Lab, out: Path) -> Values:
    return values(load(out))


def pushed(lab: Lab, out: Path) -> Values:
    push(out, out.with_name("target"), media=True)
    return values(load(out.with_name("target")))


def exported(lab: Lab, out: Path) -> Values:
    config, opened = open_config(out)
    return [as_text(table) for table in opened.tables(list(config.features), 10)]


def verified(lab: Lab, out: Path) -> Values:
    done = verify(out, lab.ds, sample=3)
    return [done.holds, done.config, done.checked_files, done.unchecked_files, sorted(row.name for row in done.rows)]


def pushed_more(lab: Lab, shared: Path) -> Values:
    extract(lab.more.select([3]), "random-tiny", out=shared.with_name("other"), **SETTINGS)
    push(shared.with_name("other"), shared, media=True)
    return values(load(shared))


def forgotten(lab: Lab, shared: Path) -> Values:
    forget(str(shared), {"uuid": "u2"})
    return values(load(shared))


OPERATIONS: dict[str, tuple[Operation, ...]] = {
    "out": (extracted, extracted_more, other_settings, loaded, pushed, exported, verified),
    "shared": (loaded, pushed_more, forgotten, exported, verified),
}


def flipped(content: bytes, place: float, mask: int) -> bytes:
    at = min(int(len(content) * place), len(content) - 1)
    return content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]


def damage(path: Path, kind: str, place: float, mask: int) -> None:
    content, status = path.read_bytes(), path.stat()
    if kind == "flip":
        content = flipped(content, place, mask)
    else:
        content = content[: int(len(content) * place)] if kind == "cut" else content + bytes([mask])
    with path.open("r+b") as file:
        file.write(content)
        file.truncate()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def files_of(folder: Path) -> list[Path]:
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.stat().st_size)


def test_the_files_are_of_every_kind(lab: Lab) -> None:
    names = {path.name for path in files_of(lab.folder / "out")}
    assert names >= {"row_keys.json", "manifest.json", "provenance.json", "README.md", "sample_frames.arrow"}
    assert names >= {"sample_frames.pictures.arrow", "facemae_embed.arrow"}
    assert len(list((lab.folder / "out" / "data").iterdir())) == 2
    assert len(list((lab.folder / "out").rglob("mapped/*"))) == 2


@pytest.fixture(scope="module")
def expected(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Operation], Values]:
    known: dict[tuple[str, str], Values] = {}

    def find(name: str, operation: Operation) -> Values:
        key = (name, operation.__name__)
        if key not in known:
            known[key] = operation(lab, lab.copy(name, tmp_path_factory.mktemp("clean") / name))
        return known[key]

    return find


EXAMPLES = int(os.environ.get("EVERY_BYTE_EXAMPLES", "60"))


@pytest.mark.parametrize("name", OPERATIONS)
@settings(
    deadline=None,
    max_examples=EXAMPLES,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_a_changed_byte_gives_the_values_of_before_or_an_error_that_names_its_file(
    name: str,
    data: st.DataObject,
    lab: Lab,
    expected: Callable[[str, Operation], Values],
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    operation = data.draw(st.sampled_from(OPERATIONS[name]))
    path = data.draw(st.sampled_from(files_of(lab.folder / name)))
    kind = data.draw(st.sampled_from(["flip", "flip", "flip", "cut", "append"]))
    place, mask = data.draw(st.floats(0, 0.999)), data.draw(st.integers(1, 255))
    wanted = expected(name, operation)
    folder = lab.copy(name, tmp_path_factory.mktemp("damaged") / name)
    damage(folder / path, kind, place, mask)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        found = outcome(operation, lab, folder)
    # What verify compares is what the provenance says, and a warning says where that was changed.
    assert found == wanted or path.name in (f"{found} {caplog.text}" if operation is verified else str(found))
    shutil.rmtree(folder.parent)


def outcome(operation: Operation, lab: Lab, folder: Path) -> Values | str:
    """The values, or the error's text."""
    try:
        return operation(lab, folder)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
