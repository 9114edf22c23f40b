"""`export_npy`: columns as the files of the original's scripts, and back again."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Array2D, Dataset, Features, List, Value

from dataset_scripts.precomputed import Precomputed
from emollama_hf.feature_set.export_npy import Exported, ExportError, export_npy
from tests import second_process

FEATURES = Features(
    {
        "file_name": Value("string"),
        "uuid": Value("string"),
        "facemae": List(Value("float32"), length=6),
        "emollama": Array2D((5, 8), "float16"),
        "clip_fps": Value("float32"),
        "emollama_status": Value("string"),
    }
)


def features(*names: str | None, **columns: list[Any]) -> Dataset:
    """Rows of random features, one for each name."""
    rng = np.random.default_rng(3)
    count = len(names)
    made: dict[str, list[Any]] = {
        "file_name": list(names),
        "uuid": [f"u{i}" for i in range(count)],
        "facemae": [rng.normal(size=6).astype(np.float32) for _ in range(count)],
        "emollama": [rng.normal(size=(5, 8)).astype(np.float16) for _ in range(count)],
        "clip_fps": [24.0] * count,
        "emollama_status": ["ok"] * count,
    }
    return Dataset.from_dict({**made, **columns}, features=FEATURES)


def files(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def test_one_column_goes_straight_into_the_directory(tmp_path: Path) -> None:
    ds = features("a clip.mp4", "sub/é.v2.mov", "sub\\c.mp4")
    assert export_npy(ds, tmp_path / "new" / "out") == Exported(3, [])
    assert files(tmp_path / "new" / "out") == ["a clip.npy", "c.npy", "é.v2.npy"]
    array = np.load(tmp_path / "new" / "out" / "a clip.npy")
    assert array.dtype == np.float16
    np.testing.assert_array_equal(array, np.asarray(ds[0]["emollama"], np.float16))


def test_several_columns_have_a_folder_each(tmp_path: Path) -> None:
    ds = features("a.mp4", "b.mp4")
    export_npy(ds, tmp_path, columns=["emollama", "facemae", "emollama"])
    assert files(tmp_path) == ["emollama/a.npy", "emollama/b.npy", "facemae/a.npy", "facemae/b.npy"]
    np.testing.assert_array_equal(np.load(tmp_path / "facemae" / "b.npy"), np.asarray(ds[1]["facemae"], np.float32))


def test_names_come_from_uuid_or_a_chosen_column(tmp_path: Path) -> None:
    ds = features("a.mp4", "b.mp4")
    export_npy(ds, tmp_path / "1", name="uuid")
    export_npy(ds.remove_columns("file_name"), tmp_path / "2")
    assert files(tmp_path / "1") == files(tmp_path / "2") == ["u0.npy", "u1.npy"]


def test_failed_rows_and_nulls_are_skipped_and_named(tmp_path: Path) -> None:
    ds = features("a.mp4", "b.mp4", "c.mp4", "d.mp4")
    states = [*ds[:3]["emollama"], None]
    ds = features(
        "a.mp4", "b.mp4", "c.mp4", "d.mp4", emollama=states, emollama_status=["ok", "not_a_video", None, "ok"]
    )
    for rows in (ds, ds.to_iterable_dataset()):
        done = export_npy(rows, tmp_path, columns=["emollama", "facemae"], overwrite=True)
        assert done == Exported(5, [("b", "not_a_video"), ("d", "emollama is null")])
        assert files(tmp_path) == [
            "emollama/a.npy",
            "emollama/c.npy",
            "facemae/a.npy",
            "facemae/c.npy",
            "facemae/d.npy",
        ]


def test_what_was_exported_can_be_read_by_the_builder(tmp_path: Path) -> None:
    ds = features("c.mp4", "a b.mp4", "é.mp4")
    export_npy(ds, tmp_path, columns=["emollama", "facemae"])
    builder = Precomputed(emollama=tmp_path / "emollama", facemae=tmp_path / "facemae")
    builder.download_and_prepare()
    back = builder.as_dataset("train")
    assert {name: back.features[name] for name in ("emollama", "facemae")} == {
        name: ds.features[name] for name in ("emollama", "facemae")
    }
    stems = ["c", "a b", unicodedata.normalize("NFC", "é")]
    rows = {row["uuid"]: row for row in back}
    for name, row in zip(stems, ds, strict=True):
        assert rows[name]["emollama"] == row["emollama"]
        assert rows[name]["facemae"] == row["facemae"]
    export_npy(back, tmp_path / "again", columns=["emollama", "facemae"])
    for path in files(tmp_path / "again"):
        assert (tmp_path / path).read_bytes() == (tmp_path / "again" / path).read_bytes()


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("a.mp4", "sub/a.mov"), {}, r"rows 0 and 1 would both be a\.npy.*--name"),
        (("..",), {}, "names no file"),
        (("x/..",), {}, "names no file"),
        (("",), {}, "names no file"),
        ((None,), {}, "row 0: file_name is ''"),
        (("a.mp4",), {"name": "nope"}, "no column 'nope'"),
        (("a.mp4",), {"columns": ["hubert"]}, "no column of arrays 'hubert'; the data set has facemae, emollama"),
        (("a.mp4",), {"columns": ["clip_fps"]}, "no column of arrays 'clip_fps'"),
        (("a.mp4",), {"columns": []}, "no column of arrays named"),
    ],
)
def test_what_cannot_be_named_is_refused_before_anything_is_written(
    tmp_path: Path, names: tuple[str | None, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        export_npy(features(*names), tmp_path / "out", **options)
    assert files(tmp_path) == []


@pytest.mark.parametrize("uuid", ["../a", "/tmp/a", "..", "sub/a", "sub\\a", "a\0b", " "])
def test_no_name_leads_out_of_the_directory(tmp_path: Path, uuid: str) -> None:
    with pytest.raises(ExportError, match=r"row 1: uuid is .* names no file"):
        export_npy(features("a.mp4", "b.mp4", uuid=["fine", uuid]), tmp_path / "out", name="uuid")
    assert files(tmp_path) == []


def test_files_are_overwritten_only_if_asked(tmp_path: Path) -> None:
    export_npy(features("b.mp4"), tmp_path)
    before = (tmp_path / "b.npy").read_bytes()
    with pytest.raises(FileExistsError, match=r"1 files are there already: .*b\.npy.*--overwrite"):
        export_npy(features("a.mp4", "b.mp4"), tmp_path)
    assert files(tmp_path) == ["b.npy"]
    export_npy(features("a.mp4", "b.mp4"), tmp_path, overwrite=True)
    assert files(tmp_path) == ["a.npy", "b.npy"]
    assert (tmp_path / "b.npy").read_bytes() != before
    with pytest.raises(NotADirectoryError):
        export_npy(features("a.mp4"), tmp_path / "a.npy")


def test_types_are_converted_if_asked(tmp_path: Path) -> None:
    ds = features("a.mp4")
    export_npy(ds, tmp_path, dtype="float32")
    array = np.load(tmp_path / "a.npy")
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, ds[0]["emollama"])
    large = features("b.mp4", facemae=[np.full(6, 1e6, np.float32)])
    with pytest.raises(ExportError, match=r"'b': facemae holds 1e\+06, which float16 cannot"):
        export_npy(large, tmp_path, columns="facemae", dtype="float16")
    with pytest.raises(ValueError, match="'float16', 'float32'"):
        export_npy(ds, tmp_path, dtype="int8")
    assert files(tmp_path) == ["a.npy"]


def test_lists_of_lists_as_map_makes_them_are_exported(tmp_path: Path) -> None:
    rows = {"uuid": ["a", "b"], "emollama": [[[1.0, 2.0], [3.0, 4.0]], [[1.0], [2.0, 3.0]]]}
    ds = Dataset.from_dict(rows, features=Features({"uuid": Value("string"), "emollama": List(List(Value("float16")))}))
    export_npy(ds.select([0]), tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.array([[1, 2], [3, 4]], np.float16))
    with pytest.raises(ExportError, match="'b': emollama is no array: its rows differ in length"):
        export_npy(ds, tmp_path, overwrite=True)


def test_memory_stays_flat(tmp_path: Path) -> None:
    """200 MB of hidden states through a process that may grow by far less."""
    code = """
import resource, sys
import numpy as np
from datasets import Array2D, Dataset, Features, Value
from emollama_hf.feature_set.export_npy import export_npy

def rows():
    for i in range(200):
        yield {"uuid": str(i), "emollama": np.full((128, 4096), i % 100, np.float16)}

kinds = Features({"uuid": Value("string"), "emollama": Array2D((128, 4096), "float16")})
ds = Dataset.from_generator(rows, features=kinds, cache_dir=sys.argv[1], writer_batch_size=16)

def own_megabytes():
    fields = dict(line.split(":") for line in open("/proc/self/status"))
    return int(fields["RssAnon"].split()[0]) / 1000

before = own_megabytes()
peak = 0
original = np.save
def watched(*arguments, **options):
    global peak
    peak = max(peak, own_megabytes())
    original(*arguments, **options)
np.save = watched
assert export_npy(ds, sys.argv[2]).files == 200
assert peak - before < 100, peak - before
"""
    second_process.run(code, tmp_path / "cache", tmp_path / "out", check=True)
