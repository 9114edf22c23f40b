"""One shard: safe on the disk before it has its name, and never taken for whole where it is not."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datasets import Array4D, Features, List, Value

from emollama_hf.errors import ClipError, StoreError
from emollama_hf.files.digest import hash_file, json_digest
from emollama_hf.work_store import arrow_file
from emollama_hf.work_store.media_cells import from_cell, to_cell
from emollama_hf.work_store.shard import FORMAT, MANIFEST, DamagedShard, Failure, Shard, ShardWriter, write_manifest
from emollama_hf.work_store.shard_copy import copy_without
from emollama_hf.work_store.work_store import WorkStore

KINDS = Features({"facemae": List(Value("float32"), length=3)})
WITH_PICTURES = Features({"facemae_frames": Array4D((1, 2, 2, 3), "uint8"), "peak_index": Value("int32")})


def numbers(row: int) -> dict[str, object]:
    return {"facemae": np.array([row, row + 0.25, -row], np.float32)}


def pictures(row: int) -> dict[str, object]:
    return {"facemae_frames": to_cell(np.full((1, 2, 2, 3), row, np.uint8)), "peak_index": row}


def written(folder: Path, rows: int, *, failed: tuple[int, ...] = ()) -> Shard:
    """A shard of two stages, in which some rows have failed the first one."""
    folder.mkdir()
    writer = ShardWriter(folder, {"python": "3"})
    for row in range(rows):
        outcome = ClipError("no_frames", f"row {row}") if row in failed else pictures(row)
        writer.add("sample", WITH_PICTURES, f"s{row}", outcome)
        if row not in failed:
            writer.add("embed", KINDS, f"e{row}", numbers(row))
    writer.close()
    return Shard.open(folder)


def table(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_stream(file).read_all()


def test_every_byte_is_on_the_disk_before_the_shard_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rename outlives a power cut sooner than the bytes of the files do."""
    flushed: dict[str, bytes | None] = {}
    fsync = os.fsync

    def note(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        assert path.relative_to(tmp_path).parts[0] == "unfinished", "before the rename"
        names = {one.name for one in path.iterdir()} if path.is_dir() else None
        flushed[path.name if names is None else "the folder"] = None if names is not None else path.read_bytes()
        assert names is None or names == set(flushed) - {"the folder"}, "the folder after all of its files"
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    store = WorkStore(tmp_path)
    with store.writing({}) as publisher:
        publisher.add("embed", KINDS, "a", numbers(1))
        publisher.add("sample", WITH_PICTURES, "b", pictures(2))
        publisher.publish()
    (folder,) = (tmp_path / "shards").iterdir()
    assert flushed == {**{path.name: path.read_bytes() for path in folder.iterdir()}, "the folder": None}
    flushed.clear()
    with store.writing({}) as publisher:
        publisher.copy(store.shards[0], frozenset(["a"]))
    assert set(flushed) == {"embed.arrow", "sample.arrow", "sample.pictures.arrow", MANIFEST, "the folder"}


@pytest.mark.parametrize("batch_bytes", [1, 30, 10**6])
def test_rows_are_in_the_order_of_their_keys_whatever_was_held_in_memory(
    batch_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_file, "BATCH_BYTES", batch_bytes)
    shard = written(tmp_path / "shard", 5, failed=(2,))
    assert list(shard.computed("embed")) == ["e0", "e1", "e3", "e4"]
    assert list(shard.computed("sample")) == ["s0", "s1", "s3", "s4"]
    assert list(shard.failures("sample")) == [("s2", Failure("no_frames", "row 2"))]
    assert table(shard.file("embed")).column("facemae").to_pylist() == [[r, r + 0.25, -r] for r in (0, 1, 3, 4)]
    assert table(shard.file("sample")).column("peak_index").to_pylist() == [0, 1, 3, 4]
    stored = shard.pictures_file("sample")
    assert stored is not None
    assert [int(from_cell(cell).mean()) for cell in table(stored).column("facemae_frames").to_pylist()] == [0, 1, 3, 4]


def test_rows_are_held_until_they_have_so_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_file, "BATCH_BYTES", 36)  # three rows
    shard = written(tmp_path / "shard", 8)
    with pa.memory_map(str(shard.file("embed"))) as file:
        assert [batch.num_rows for batch in pa.ipc.open_stream(file)] == [3, 3, 2]


@pytest.mark.parametrize("batch_bytes", [1, 10**6])
@pytest.mark.parametrize("bad", [{"peak_index": [1, 2]}, {"facemae_frames": {"shape": [1]}}, {}])
def test_a_row_that_cannot_be_stored_makes_no_shard_of_the_others(
    bad: dict[str, object], batch_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run that it ends publishes what was finished before: keys and rows must not be told apart by it."""
    monkeypatch.setattr(arrow_file, "BATCH_BYTES", batch_bytes)
    row = {**pictures(1), **bad} if bad else {"peak_index": 1}
    store = WorkStore(tmp_path)
    with store.writing({}) as publisher:
        publisher.add("sample", WITH_PICTURES, "a", pictures(0))
        with contextlib.suppress(ValueError, KeyError):  # at once, or when the batch is written
            publisher.add("sample", WITH_PICTURES, "b", row)
        with pytest.raises((ValueError, KeyError)):
            publisher.publish()
    assert WorkStore(tmp_path).shard_names == []


def test_its_size_is_that_of_numbers_and_compressed_pictures(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, {})
    writer.add("embed", KINDS, "a", numbers(1))
    assert writer.nbytes == 12
    row = pictures(1)
    writer.add("sample", WITH_PICTURES, "b", row)
    assert writer.nbytes == 12 + 4 + len(row["facemae_frames"]["zstd"])  # type: ignore[index]
    writer.add("sample", WITH_PICTURES, "c", ClipError("no_frames", "empty"))
    assert writer.nbytes == 16 + len(row["facemae_frames"]["zstd"])  # type: ignore[index]
    writer.abandon()


@pytest.mark.parametrize("gone", [{"s0", "e0"}, {"s1", "e1"}, {"s4", "e4", "s2"}, {"e0", "e1", "e3", "e4"}, set()])
def test_a_copy_has_the_other_rows_with_their_own_values(
    gone: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_file, "BATCH_BYTES", 30)  # several batches of several rows
    shard = written(tmp_path / "old", 5, failed=(2,))
    (tmp_path / "new").mkdir()
    copy_without(shard, frozenset(gone), tmp_path / "new")
    copy = Shard.open(tmp_path / "new")
    for stage in copy.stages:
        copy.check(stage)
    rows = [row for row in (0, 1, 3, 4) if f"e{row}" not in gone]
    assert list(copy.computed("embed")) == [f"e{row}" for row in rows]
    assert table(copy.file("embed")).column("facemae").to_pylist() == [[r, r + 0.25, -r] for r in rows]
    rows = [row for row in (0, 1, 3, 4) if f"s{row}" not in gone]
    assert list(copy.computed("sample")) == [f"s{row}" for row in rows]
    stored = copy.pictures_file("sample")
    assert stored is not None
    assert [int(from_cell(cell).mean()) for cell in table(stored).column("facemae_frames").to_pylist()] == rows
    assert [key for key, _ in copy.failures("sample")] == ([] if "s2" in gone else ["s2"])
    assert copy.made_with == {"python": "3"}


def test_a_copy_leaves_out_pictures_that_are_gone_or_damaged(tmp_path: Path) -> None:
    shard = written(tmp_path / "old", 2)
    (tmp_path / "old" / "sample.pictures.arrow").write_bytes(b"damaged")
    (tmp_path / "new").mkdir()
    copy_without(shard, frozenset(["s0"]), tmp_path / "new")
    copy = Shard.open(tmp_path / "new")
    copy.check("sample")
    assert copy.pictures_file("sample") is None
    assert table(copy.file("sample")).column("peak_index").to_pylist() == [1]


def test_damaged_pictures_are_told_once_and_the_numbers_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shard = written(tmp_path / "shard", 2)
    size = (tmp_path / "shard" / "sample.pictures.arrow").stat().st_size
    (tmp_path / "shard" / "sample.pictures.arrow").write_bytes(b"damaged")
    for _ in range(2):
        assert shard.pictures_file("sample") is None
    shard.check("sample")
    [record] = caplog.records
    assert record.message == (
        f"{tmp_path / 'shard'} is damaged: sample.pictures.arrow is not as it was written (7 bytes instead of {size}). "
        "They are made again where they are needed."
    )


@pytest.mark.parametrize("name", ["embed.arrow", "sample.arrow"])
@pytest.mark.parametrize("damage", ["a byte", "cut off", "longer", "gone"])
def test_damaged_numbers_are_noticed(name: str, damage: str, tmp_path: Path) -> None:
    shard = written(tmp_path / "shard", 2)
    path = tmp_path / "shard" / name
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        changed = {"a byte": content[:-9] + b"\x7f" + content[-8:], "cut off": content[:-1], "longer": content + b"\0"}
        path.write_bytes(changed[damage])
    with pytest.raises(DamagedShard, match=name):
        shard.check(name.partition(".")[0])


def test_a_manifest_that_was_changed_is_damage_and_one_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    written(tmp_path / "shard", 2)
    path = tmp_path / "shard" / MANIFEST
    content = json.loads(path.read_text())
    swapped = json.loads(path.read_text())
    swapped["stages"]["embed"]["keys"].reverse()
    for text in ("", "{", "[]", "{}", json.dumps(swapped), json.dumps({**content, "sha256": None})):
        path.write_text(text)
        with pytest.raises(DamagedShard, match=MANIFEST):
            Shard.open(tmp_path / "shard")
    path.write_text(json.dumps({**content, "format": FORMAT + 1}))
    with pytest.raises(StoreError, match="newer emollama_hf"):
        Shard.open(tmp_path / "shard")
    path.write_text(json.dumps(content))
    assert Shard.open(tmp_path / "shard").keys == {"s0", "s1", "e0", "e1"}


def as_format_1(folder: Path, hashes: set[str]) -> None:
    """The manifest as versions wrote it that recorded the sha256 of files, alone or beside xxh3_128."""
    content = json.loads((folder / MANIFEST).read_text())
    assert content.pop("sha256") == json_digest(content)
    for stage in content["stages"].values():
        for name, file in stage["files"].items():
            file["sha256"] = hash_file(folder / name)
            stage["files"][name] = {key: file[key] for key in {"bytes", *hashes}}
    content["format"] = 1
    (folder / MANIFEST).write_text(json.dumps({**content, "sha256": json_digest(content)}))


@pytest.mark.parametrize("hashes", [{"sha256"}, {"sha256", "xxh3_128"}])
def test_shards_of_versions_that_recorded_sha256_are_checked_and_copied(hashes: set[str], tmp_path: Path) -> None:
    written(tmp_path / "old", 3)
    as_format_1(tmp_path / "old", hashes)
    shard = Shard.open(tmp_path / "old")
    for stage in ("embed", "sample"):
        shard.check(stage)
    assert shard.pictures_file("sample") is not None
    (tmp_path / "new").mkdir()
    copy_without(shard, frozenset(["s0", "e0"]), tmp_path / "new")
    copy = Shard.open(tmp_path / "new")
    copy.check("embed")
    assert table(copy.file("embed")).column("facemae").to_pylist() == [[r, r + 0.25, -r] for r in (1, 2)]
    content = bytearray(shard.file("embed").read_bytes())
    content[-9] ^= 1
    shard.file("embed").write_bytes(content)
    with pytest.raises(DamagedShard, match=r"embed\.arrow is not as it was written \(other bytes\)"):
        Shard.open(tmp_path / "old").check("embed")


def test_what_an_older_version_would_ask_of_a_file_stands_in_no_shard_that_it_opens(tmp_path: Path) -> None:
    """Versions of format 1 read `sha256` of each file; they refuse a newer format before."""
    written(tmp_path / "shard", 1)
    content = json.loads((tmp_path / "shard" / MANIFEST).read_text())
    files = [file for stage in content["stages"].values() for file in stage["files"].values()]
    assert [set(file) for file in files] == [{"bytes", "xxh3_128"}] * 3
    assert content["format"] > 1


def test_a_file_without_a_hash_is_damage(tmp_path: Path) -> None:
    written(tmp_path / "shard", 1)
    content = json.loads((tmp_path / "shard" / MANIFEST).read_text())
    del content["stages"]["embed"]["files"]["embed.arrow"]["xxh3_128"]
    write_manifest(tmp_path / "shard", content["made_with"], content["stages"])
    with pytest.raises(DamagedShard, match=r"embed\.arrow"):
        Shard.open(tmp_path / "shard").check("embed")


def test_a_manifest_that_names_files_elsewhere_is_no_shard(tmp_path: Path) -> None:
    """Its digest is no secret: whoever shares a directory can write one that fits."""
    written(tmp_path / "one", 2)
    content = json.loads((tmp_path / "one" / MANIFEST).read_text())
    for stage, file in (("sample", "../../private/x.arrow"), ("../../private/x", "x.arrow")):
        stages = {stage: {"keys": ["s0"], "failed": {}, "files": {file: {"bytes": 1, "sha256": "0" * 64}}}}
        write_manifest(tmp_path / "one", content["made_with"], stages)
        with pytest.raises(DamagedShard, match="names files of other folders"):
            Shard.open(tmp_path / "one")
