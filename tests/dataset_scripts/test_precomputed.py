"""Precomputed: folders of .npy files as columns."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Array2D, Dataset, List, Value, load_dataset, load_from_disk

from dataset_scripts.precomputed import Precomputed
from emollama_hf import extract
from emollama_hf.errors import SourceError
from emollama_hf.frames.demo_clips import astronaut
from tests import second_process

CHECKOUT = Path(__file__).resolve().parents[2]
NAMES = ("a 1", "é", "c")


def states(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(5, 8)).astype(np.float16)


def vector(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=6).astype(np.float32)


def write(folder: Path, **arrays: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Every folder of the original layout, three clips in each."""
    for option in ("facemae", "videomae", "hubert"):
        write(tmp_path / option, **{name: vector(i) for i, name in enumerate(NAMES)})
    write(tmp_path / "emollama", **{name: states(i) for i, name in enumerate(NAMES)})
    face = np.stack([astronaut()[:112, 60:172]] * 3)
    write(tmp_path / "faces", **{name: face[: i + 1] for i, name in enumerate(NAMES)})
    return tmp_path


def folders(lab: Path, *options: str) -> dict[str, Path]:
    return {option: lab / option for option in options or ("faces", "facemae", "videomae", "emollama", "hubert")}


def prepared(**options: Any) -> Dataset:
    made = Precomputed(**options)
    made.download_and_prepare()
    return made.as_dataset("train")


def test_folders_become_the_columns_of_this_package(lab: Path) -> None:
    ds = prepared(**folders(lab))
    assert ds.features["frames"] == Value("string")
    for column in ("facemae", "videomae", "hubert"):
        assert ds.features[column] == List(Value("float32"), length=6)
    assert ds.features["emollama"] == Array2D((5, 8), "float16")
    assert list(ds["uuid"]) == ["a 1", "c", "é"]
    assert set(ds["emollama_status"]) == {"ok"}
    np.testing.assert_array_equal(np.asarray(ds[2]["emollama"], np.float16), states(1))
    np.testing.assert_array_equal(np.asarray(ds[1]["facemae"], np.float32), vector(2))


def test_a_batch_axis_of_one_is_gaps(tmp_path: Path) -> None:
    """The fork's head saves (1, L, H), the version that its README describes (L, H)."""
    write(tmp_path / "s", a=states(0)[None], b=states(1))
    write(tmp_path / "v", a=vector(0)[None].astype(np.float64), b=vector(1).astype(np.float64))
    ds = prepared(emollama=tmp_path / "s", facemae=tmp_path / "v")
    np.testing.assert_array_equal(np.asarray(ds[0]["emollama"], np.float16), states(0))
    np.testing.assert_array_equal(np.asarray(ds[0]["facemae"], np.float32), vector(0))


def test_pooled_states_are_vectors(tmp_path: Path) -> None:
    ds = prepared(emollama=write(tmp_path / "s", a=vector(0)))
    assert ds.features["emollama"] == List(Value("float16"), length=6)
    ds = prepared(emollama=tmp_path / "s", store_dtype="float32")
    np.testing.assert_array_equal(np.asarray(ds[0]["emollama"], np.float32), vector(0))


def test_float32_is_kept_if_asked_and_overflow_is_an_error(tmp_path: Path) -> None:
    large = np.full((2, 4), 7e4, np.float32)
    folder = write(tmp_path / "s", a=large)
    with pytest.raises(SourceError, match=r"a\.npy: holds 7e\+04, which float16 cannot.*store_dtype=\"float32\""):
        prepared(emollama=folder)
    np.testing.assert_array_equal(prepared(emollama=folder, store_dtype="float32")[0]["emollama"], large)


def test_names_that_a_folder_lacks_are_null_with_a_status(lab: Path, caplog: pytest.LogCaptureFixture) -> None:
    (lab / "facemae" / "c.npy").unlink()
    (lab / "faces" / "é.npy").unlink()
    ds = prepared(**folders(lab))
    assert ds[1]["facemae"] is None
    assert list(ds["emollama_status"]) == ["ok", "missing_file", "ok"], "pictures are no feature"
    assert ds[1]["emollama_error"] == "'c': facemae/c.npy is not there."
    assert ds[2]["frames"] is None
    assert "1 clips without a file in facemae, null: 'c'" in caplog.text
    with pytest.raises(SourceError, match=r"strict: 1 clips without a file in faces, null: 'é'; 1 clips without a"):
        prepared(**folders(lab), strict=True)


@pytest.mark.parametrize(
    ("option", "array", "message"),
    [
        ("facemae", np.zeros(7, np.float32), r"1 of 4 files differ from \(6,\) float32: odd\.npy \(7,\) float32"),
        ("facemae", vector(0).astype(np.float64), r"odd\.npy \(6,\) float64"),
        ("facemae", np.zeros((9, 6), np.float32), r"odd\.npy: an array of shape \(9, 6\).*expected \(D,\) or \(1, D\)"),
        ("facemae", np.zeros(6, np.int64), r"type int64; expected"),
        ("emollama", states(0)[:4], r"differ from \(5, 8\) float16: odd\.npy \(4, 8\) float16"),
        ("emollama", np.stack([states(0)] * 2), r"odd\.npy: an array of shape \(2, 5, 8\)"),
        ("emollama", np.zeros((0, 8), np.float16), r"odd\.npy: an array of shape \(0, 8\)"),
        ("faces", np.zeros((3, 112, 112), np.uint8), r"expected \(T, H, W, 3\)"),
        ("faces", np.zeros((3, 4, 4, 3), np.float32), r"differ from \(\) uint8: odd\.npy \(\) float32"),
        ("facemae", np.array([{"a": 1}], object), r"odd\.npy: is no \.npy file of numbers"),
    ],
)
def test_a_file_unlike_the_others_is_one_error(lab: Path, option: str, array: np.ndarray, message: str) -> None:
    write(lab / option, odd=array)
    with pytest.raises(SourceError, match=message):
        Precomputed(**folders(lab, option))


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_array_is_one_error(lab: Path, content: bytes) -> None:
    (lab / "facemae" / "odd.npy").write_bytes(content)
    with pytest.raises(SourceError, match=r"odd\.npy: is no \.npy file of numbers"):
        Precomputed(facemae=lab / "facemae")


def test_a_file_cut_off_and_an_archive_are_errors(lab: Path) -> None:
    path = lab / "emollama" / "c.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(SourceError, match=r"c\.npy: is no \.npy file of numbers"):
        Precomputed(emollama=lab / "emollama")
    with path.open("wb") as file:
        np.savez(file, states=states(0))
    with pytest.raises(SourceError, match=r"c\.npy: is an archive"):
        Precomputed(emollama=lab / "emollama")


def test_nothing_is_unpickled(lab: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    (lab / "facemae" / "odd.npy").write_bytes(pickle.dumps(Trap()))
    (lab / "videomae" / "odd.npy").unlink(missing_ok=True)
    np.save(lab / "videomae" / "odd.npy", np.array([Trap()], object), allow_pickle=True)
    for option in ("facemae", "videomae"):
        with pytest.raises(SourceError, match="odd"):
            Precomputed(**folders(lab, option))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("num_proc", [None, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_one_error_that_names_the_file(lab: Path, value: float, num_proc: int | None) -> None:
    """And not DatasetGenerationError, in this process or in a worker."""
    write(lab / "emollama", c=np.full((5, 8), value, np.float16))
    with pytest.raises(SourceError, match=r"c\.npy: holds NaN or infinite values in 40 of 40 places"):
        Precomputed(emollama=lab / "emollama").download_and_prepare(num_proc=num_proc)


def test_folders_that_cannot_be_used(lab: Path) -> None:
    (lab / "deep" / "er").mkdir(parents=True)
    shutil.copy(lab / "facemae" / "c.npy", lab / "deep" / "er")
    (lab / "deep" / "._c.npy").write_bytes(b"what a Mac leaves behind")
    (lab / "linked").mkdir()
    (lab / "linked" / "c.npy").symlink_to(lab / "facemae" / "c.npy")
    for options, message in (
        ({}, "at least one of faces, facemae"),
        ({"facemae": lab / "none"}, "does not exist"),
        ({"facemae": lab / "deep"}, r"holds no files named \*\.npy\. There are some in .*er: name that folder"),
        ({"facemae": lab / "linked"}, "links out of the folder"),
        ({"facemae": ""}, "facemae is missing"),
        ({"emollama": lab / "emollama", "store_dtype": "bfloat16"}, "Valid: float16, float32"),
    ):
        with pytest.raises(SourceError, match=message):
            Precomputed(**options)


def test_identity_is_content_and_settings(lab: Path, tmp_path: Path) -> None:
    before = Precomputed(**folders(lab)).config_id
    assert Precomputed(**folders(lab), store_dtype="float32").config_id != before
    (tmp_path / "moved").mkdir()
    for path in folders(lab).values():
        shutil.move(path, tmp_path / "moved" / path.name)
    assert Precomputed(**folders(tmp_path / "moved")).config_id == before
    write(tmp_path / "moved" / "videomae", c=vector(99))
    assert Precomputed(**folders(tmp_path / "moved")).config_id != before


def test_moved_faces_are_found(lab: Path) -> None:
    prepared(**folders(lab, "faces"))
    shutil.move(lab / "faces", lab / "crops")
    assert all(Path(path).is_file() for path in prepared(faces=lab / "crops")["frames"])


def test_a_stream_and_workers_give_the_same_rows(lab: Path, tmp_path: Path) -> None:
    rows = prepared(**folders(lab))
    streamed = list(Precomputed(**folders(lab)).as_streaming_dataset("train"))
    made = Precomputed(**folders(lab), cache_dir=str(tmp_path / "cache"))
    made.download_and_prepare(num_proc=2)
    for other in (streamed, made.as_dataset("train")):
        for one, two in zip(rows, other, strict=True):
            assert one["uuid"] == two["uuid"]
            np.testing.assert_array_equal(one["emollama"], two["emollama"])
            np.testing.assert_array_equal(one["facemae"], two["facemae"])


def test_features_are_extracted_from_face_crops(lab: Path, tmp_path: Path) -> None:
    ds = prepared(**folders(lab, "faces"))
    done = extract(ds, "random-tiny", faces="none", peak="middle", out=tmp_path / "features")
    assert set(done["emollama_status"]) == {"ok"}
    assert list(done["clip_frame_count"]) == [1, 3, 2]
    opened = load_dataset(str(tmp_path / "features"), split="train")
    assert "frames" not in opened.column_names
    assert str(lab) not in str(opened.remove_columns("emollama")[:])


def test_the_program_says_what_is_there_and_saves_it(lab: Path) -> None:
    (lab / "facemae" / "c.npy").unlink()
    program = CHECKOUT / "dataset_scripts" / "precomputed.py"
    arguments = ["--facemae", str(lab / "facemae"), "--emollama", str(lab / "emollama"), "--out", str(lab / "rows")]
    ran = second_process.run_script(program, *arguments, check=True)
    assert "(5, 8) float16" in ran.stdout
    assert "1 clips without a file in facemae, null: 'c'" in ran.stdout
    ds = load_from_disk(str(lab / "rows"))
    np.testing.assert_array_equal(np.asarray(ds[0]["emollama"], np.float16), states(0))
    write(lab / "emollama", c=np.full((5, 8), np.nan, np.float16))
    ran = second_process.run_script(program, *arguments[:4], "--out", str(lab / "r2"))
    assert ran.returncode == 1
    assert "c.npy: holds NaN" in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    assert not (lab / "r2").exists()
