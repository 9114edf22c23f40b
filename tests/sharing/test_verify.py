"""Features are computed again and compared; other clips, other models and other files are noticed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, Features, Value

from emollama_hf import ShareError, extract, push
from emollama_hf.feature_set.manifest import FeatureConfig, RowKey
from emollama_hf.files.digest import hash_file
from emollama_hf.frames.demo_clips import write_demo_clips
from emollama_hf.sharing.limits import LIMITS
from emollama_hf.sharing.names.row_names import RowNames, hash_name
from emollama_hf.sharing.verify import _clips_by_name, _deviation, verify
from tests.encoders.golden import convert_golden
from tests.extraction.crops import OPTIONS, write_crops
from tests.sharing.labs import lab, rows


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    push(lab(folder, 1, 2, 3, 4, pooling="all"), folder / "shared")
    return folder


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One clip with the features of the face encoder, which takes a tenth of the time."""
    folder = tmp_path_factory.mktemp("encoders")
    ds = rows(folder / "clips", 1)
    extract(ds, "random-tiny", out=folder / "features", stages=["facemae_embed"], **OPTIONS)
    push(folder / "features", folder / "shared")
    return folder


def test_a_few_rows_are_what_they_say(place: Path) -> None:
    done = verify(place / "shared", rows(place / "again", 1, 2, 3, 4), sample=3)
    assert done.holds
    assert len(done.rows) == 3
    columns = {check.column: check.deviation for check in done.rows[0].columns}
    assert {"facemae", "videomae", "emollama", "peak_index"} <= set(columns)
    assert done.checked_files == 1
    assert done.limits == dict.fromkeys(("facemae", "videomae", "emollama"), LIMITS["float32"])
    others = verify(place / "shared", rows(place / "again", 1, 2, 3, 4), sample=3, seed=1)
    assert [row.name for row in others.rows] != [row.name for row in done.rows]


def test_a_flipped_letter_of_the_card_is_told(encoders: Path, tmp_path: Path) -> None:
    shared = shutil.copytree(encoders / "shared", tmp_path / "shared")
    assert not verify(shared, rows(tmp_path / "again", 1), sample=1).card_differs
    card = (shared / "README.md").read_bytes()
    (shared / "README.md").write_bytes(card.replace(b"Limits and ethics", b"Mimits and ethics"))
    done = verify(shared, rows(tmp_path / "again", 1), sample=1)
    assert done.card_differs
    assert done.holds
    (shared / "README.md").unlink()
    assert not verify(shared, rows(tmp_path / "again", 1), sample=1).card_differs


def test_the_directory_of_extract_is_verified_as_well(place: Path) -> None:
    assert verify(place / "features", rows(place / "again", 1, 2), sample=9).holds


def test_real_clips_in_a_folder(tmp_path: Path) -> None:
    clips = [str(path) for path in write_demo_clips(tmp_path / "clips")]
    extract(Dataset.from_dict({"video": clips}), "random-tiny", out=tmp_path / "features", peak="middle")
    push(tmp_path / "features", tmp_path / "plain")
    push(tmp_path / "features", tmp_path / "hashed", key_secret="room 5")
    push(tmp_path / "features", tmp_path / "clear", names=True)
    for place in ("plain", "clear", "features"):
        assert verify(tmp_path / place, tmp_path / "clips", sample=2).holds, place
    assert verify(tmp_path / "hashed", tmp_path / "clips", sample=1, key_secret="room 5").holds
    with pytest.raises(ShareError, match="no clip of the source is a row"):
        verify(tmp_path / "hashed", tmp_path / "clips", key_secret="room 6")


def test_a_quantized_set_is_verified_quantized_and_compared_with_the_decoder_as_it_is(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed: the extra quantization")
    out = lab(tmp_path, 1, 2, pooling="all", quantize="4bit")
    made = json.loads((out / "provenance.json").read_text())["configs"]["default"]
    assert made["stages"][-1]["config"]["quantize"] == "4bit"
    assert "bitsandbytes" in made["libraries"]
    clips = rows(tmp_path / "again", 1, 2)
    again = verify(out, clips)
    assert again.holds
    assert all(check.difference is None for row in again.rows for check in row.columns)
    compared = verify(out, clips, quantize="none")
    checks = {check.column: check for check in compared.rows[0].columns}
    assert compared.holds
    assert checks["emollama"].deviation > 100
    assert 0.05 < (checks["emollama"].difference or 0) < 0.4  # 0.08 to 0.2, by the processor
    assert checks["facemae"].difference is None
    with pytest.raises(ValueError, match="'none', '4bit', '8bit'"):
        verify(out, clips, quantize="no")


def test_another_clip_under_the_name_is_noticed(place: Path) -> None:
    clips = rows(place / "others", 1, 2)
    write_crops(place / "others", 99)
    (place / "others" / "99.npy").replace(place / "others" / "1.npy")
    done = verify(place / "shared", clips, sample=2)
    assert not done.holds
    assert {row.name: row.holds for row in done.rows} == {"u1": False, "u2": True}


def test_a_clip_that_cannot_be_computed_is_a_problem(place: Path) -> None:
    clips = rows(place / "broken", 3)
    (place / "broken" / "3.npy").write_bytes(b"")
    [row] = verify(place / "shared", clips).rows
    assert not row.holds
    assert row.problem
    assert row.columns == ()


def change(directory: Path, column: str, change: Callable[[np.ndarray], np.ndarray]) -> Path:
    """Somebody changes the values of a column, (rows, width) or (rows,), in a shared directory's only file."""
    [path] = (directory / "data").iterdir()
    table = pq.read_table(path)
    values = change(np.array(table.column(column).to_pylist(), np.float32))
    at = table.column_names.index(column)
    changed = pa.array(values.tolist(), table.schema.field(at).type)
    pq.write_table(table.set_column(at, table.schema.field(at), changed), path)
    return path


def state(directory: Path, path: Path) -> None:
    """And states the changed file's sha256."""
    manifest = directory / "provenance.json"
    text = json.loads(manifest.read_text())
    text["configs"]["default"]["files"][f"data/{path.name}"]["sha256"] = hash_file(path)
    manifest.write_text(json.dumps(text))


def wrong_columns(directory: Path, clips: Dataset) -> list[str]:
    [row] = verify(directory, clips, sample=1).rows
    return [check.column for check in row.columns if not check.holds]


def test_changed_values_are_noticed(encoders: Path, tmp_path: Path) -> None:
    """Somebody changes a feature a little, and the sha256 that is stated with it."""
    shutil.copytree(encoders / "shared", tmp_path / "shared")
    clips = rows(tmp_path / "clips", 1)
    path = change(tmp_path / "shared", "facemae", lambda values: values + 1e-3 * values.std())
    with pytest.raises(ShareError, match=r"is not the file that its provenance\.json states"):
        verify(tmp_path / "shared", clips)
    state(tmp_path / "shared", path)
    assert wrong_columns(tmp_path / "shared", clips) == ["facemae"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("facemae", np.nan), ("facemae", np.inf), ("peak_index", 3), ("clip_frame_count", 17), ("face_coverage", 0.5)],
)
def test_a_single_number_that_is_another_or_none_is_noticed(
    column: str, value: float, encoders: Path, tmp_path: Path
) -> None:
    """NaN is near nothing, and nothing is near NaN, which `face_coverage` is where nobody looked for faces."""
    shutil.copytree(encoders / "shared", tmp_path / "shared")

    def one(values: np.ndarray) -> np.ndarray:
        values.reshape(-1)[-1] = value
        return values

    clips = rows(tmp_path / "clips", 1)
    assert wrong_columns(tmp_path / "shared", clips) == []
    state(tmp_path / "shared", change(tmp_path / "shared", column, one))
    assert wrong_columns(tmp_path / "shared", clips) == [column]


@pytest.mark.parametrize("values", [None, [1.0, 2.0]], ids=["null", "shorter"])
def test_values_that_are_gone_or_of_another_shape_are_noticed(
    values: list[float] | None, encoders: Path, tmp_path: Path
) -> None:
    shutil.copytree(encoders / "shared", tmp_path / "shared")
    [path] = (tmp_path / "shared" / "data").iterdir()
    table = pq.read_table(path)
    at = table.column_names.index("facemae")
    kind = table.schema.field(at)
    pq.write_table(table.set_column(at, kind, pa.array([values], pa.list_(pa.float32()))), path)
    state(tmp_path / "shared", path)
    assert wrong_columns(tmp_path / "shared", rows(tmp_path / "clips", 1)) == ["facemae"]


def test_whole_numbers_are_equal_or_wrong_however_large_they_are() -> None:
    config = FeatureConfig({"stages": []}, Features({"peak_index": Value("int32"), "clip_fps": Value("float32")}), {})
    assert _deviation("peak_index", 5000, 5000, config) == 0
    assert _deviation("peak_index", 5001, 5000, config) == np.inf
    assert _deviation("clip_fps", 25.0, 25.02, config) < 1 < _deviation("clip_fps", 25.0, 25.03, config)


def test_rows_of_the_source_are_found_by_what_names_them() -> None:
    clips = Dataset.from_dict({"file_name": ["Jane/a.mp4", "Jane/b.v1.mp4"], "uuid": ["x", "y"]})
    by = {key: _clips_by_name(clips, RowNames(RowKey(key))) for key in ("file_name", "uuid")}
    assert by["file_name"] == {"Jane/a.mp4": 0, "a.mp4": 0, "Jane/b.v1.mp4": 1, "b.v1.mp4": 1}
    assert by["uuid"] == {"x": 0, "y": 1}
    assert _clips_by_name(clips.remove_columns("uuid"), RowNames(RowKey("uuid"))) == {"a": 0, "b.v1": 1}
    assert list(_clips_by_name(clips, RowNames(RowKey("uuid", "sha256")))) == [hash_name("x"), hash_name("y")]
    with pytest.raises(ShareError, match="no column 'uuid' to find rows by; it has label"):
        _clips_by_name(Dataset.from_dict({"label": [1]}), RowNames(RowKey("uuid")))


@pytest.mark.parametrize("sample", [0, -1, True, 2.5, "3", None])
def test_a_sample_is_a_number_of_rows(sample: object, tmp_path: Path) -> None:
    with pytest.raises(ShareError, match="expected a number of rows of at least 1"):
        verify(tmp_path / "nothing", tmp_path / "clips", sample=sample)  # type: ignore[arg-type]


def test_another_model_is_refused_by_its_digests(place: Path, tmp_path: Path) -> None:
    model = convert_golden(tmp_path / "model")
    with pytest.raises(ShareError, match="is not the stated one: its facemae has sha256"):
        verify(place / "shared", rows(tmp_path / "clips", 1), model=model)


def test_a_model_directory_is_asked_for_and_known_by_its_digests(tmp_path: Path) -> None:
    model = convert_golden(tmp_path / "model")
    ds = rows(tmp_path / "clips", 1, 2)
    out = tmp_path / "out"
    extract(ds, model, out=out, stages=["facemae_embed", "videomae_embed"], faces="none", peak="middle", size=32)
    push(out, tmp_path / "shared")
    card = (tmp_path / "shared" / "README.md").read_text()
    assert "Converted by emollama_hf" in card
    assert "`mae_checkpoint.pth`" in card
    with pytest.raises(ShareError, match=r"a model directory called 'model'.*--model"):
        verify(tmp_path / "shared", ds)
    assert verify(tmp_path / "shared", ds, model=model.rename(tmp_path / "moved")).holds


def test_another_version_of_a_stage_is_refused(place: Path, tmp_path: Path) -> None:
    push(place / "features", tmp_path / "shared")
    manifest = tmp_path / "shared" / "provenance.json"
    manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 0', 1))
    with pytest.raises(ShareError, match=r"in version 0; this emollama_hf has version \d+"):
        verify(tmp_path / "shared", rows(tmp_path / "clips", 1))


def test_a_set_that_does_not_say_how_it_was_made(tmp_path: Path) -> None:
    ds = Dataset.from_dict({"uuid": ["a"], "facemae": [[1.0, 2.0]]})
    push(ds, tmp_path / "shared")
    with pytest.raises(ShareError, match="cannot be verified"):
        verify(tmp_path / "shared", rows(tmp_path / "clips", 1))
    with pytest.raises(ShareError, match="at least 1"):
        verify(tmp_path / "shared", rows(tmp_path / "clips", 1), sample=0)
