"""What a directory holds already: nothing of it goes unless somebody says so, and more may come to it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf import extract, push
from emollama_hf.console import timing
from emollama_hf.errors import StoreError
from emollama_hf.feature_set.row_identity import RowIdentity, match_rows
from emollama_hf.feature_set.shrinking import ExistingRowsError
from emollama_hf.sharing.forget import forget
from tests.extraction.crops import OPTIONS, crops, write_crops
from tests.interrupted import killed_at, renaming_to

#: One stage that takes no time.
SAMPLED: dict[str, Any] = {**OPTIONS, "stages": "sample_frames"}


def sample(ds: Dataset, out: Path, **options: Any) -> Dataset:
    return extract(ds, "random-tiny", out=out, **{**SAMPLED, **options})


def written(out: Path) -> Dataset:
    return load_dataset(str(out), split="train", keep_in_memory=True)


def files(out: Path) -> dict[str, bytes]:
    """Everything that readers see."""
    return {str(path): path.read_bytes() for path in out.rglob("*") if path.is_file() and ".cache" not in path.parts}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Three clips, sampled."""
    sample(crops(tmp_path / "clips", 1, 2, 3), tmp_path / "out")
    return tmp_path / "out"


def refused(message: str, ds: Dataset, out: Path, **options: Any) -> None:
    """The run is refused with this message before it computes or writes anything."""
    before = files(out)
    timing.reset()
    with pytest.raises(ExistingRowsError, match=message):
        sample(ds, out, **options)
    assert not timing.stage_times()
    assert files(out) == before


def test_another_source_is_refused_and_added_or_put_in_the_place_of_the_first(tmp_path: Path, out: Path) -> None:
    other = crops(tmp_path / "others", 8, 9)
    refused(
        r"take out of it 3 of its 3 rows: '1.npy', '2.npy', '3.npy'. .*--add.*existing=\"add\".*--replace", other, out
    )
    sample(other, out, existing="add")
    assert list(written(out)["label"]) == [f"label {number}" for number in (1, 2, 3, 8, 9)]
    assert None not in written(out)["peak_index"]
    sample(other, out, existing="replace")
    assert list(written(out)["label"]) == ["label 8", "label 9"]


def test_clips_of_the_same_names_in_another_folder_are_other_clips(tmp_path: Path, out: Path) -> None:
    """Cameras number their recordings from 1."""
    paths = write_crops(tmp_path / "others", 7, 8, 9)
    for number, path in enumerate(paths, 1):
        Path(path).rename(tmp_path / "others" / f"{number}.npy")
    other = Dataset.from_dict({"frames": [str(tmp_path / "others" / f"{n}.npy") for n in (1, 2, 3)], "label": [*"abc"]})
    refused("3 of its 3 rows", other, out)
    sample(other, out, existing="add")
    assert list(written(out)["label"]) == ["label 1", "label 2", "label 3", "a", "b", "c"]


def test_a_clip_that_left_its_folder(tmp_path: Path, out: Path) -> None:
    refused("1 of its 3 rows: '2.npy'", crops(tmp_path / "clips", 1, 3), out)
    refused("1 of its 3 rows: '2.npy'", crops(tmp_path / "clips", 1, 3, 4, 5), out)


def test_one_of_two_equal_clips_that_left(tmp_path: Path) -> None:
    twice = Dataset.from_dict({"frames": write_crops(tmp_path / "clips", 1) * 2, "label": ["a", "b"]})
    sample(twice, tmp_path / "out")
    refused("1 of its 2 rows", twice.select([0]), tmp_path / "out")


def test_what_is_no_shrinking_needs_no_flag(tmp_path: Path, out: Path) -> None:
    """More clips, another order, moved, replaced, failing and relabelled clips, more columns."""
    ds = crops(tmp_path / "clips", 3, 1, 2, 4)
    sample(ds, out)
    shutil.move(tmp_path / "clips", tmp_path / "moved")
    moved = [str(tmp_path / "moved" / f"{number}.npy") for number in (1, 2, 3, 4)]
    sample(Dataset.from_dict({"frames": moved, "label": list("abcd"), "more": [1, 2, 3, 4]}), out)
    assert written(out)["label"] == list("abcd")
    np.save(moved[0], np.zeros((3, 24, 24, 3), np.uint8))
    Path(moved[1]).write_text("no array")
    Path(moved[2]).unlink()
    done = sample(Dataset.from_dict({"frames": moved, "label": list("abcd"), "more": [1, 2, 3, 4]}), out)
    assert [status == "ok" for status in done["emollama_status"]] == [True, False, False, True]
    assert written(out)["emollama_status"] == list(done["emollama_status"])


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ({"keep": "peak_frame"}, {}, r"1 of its \d+ columns: peak_frame\. "),
        ({"stages": "videomae_embed"}, {"stages": "facemae_embed"}, r"1 of its \d+ columns: videomae\. "),
        (
            {"stages": "emollama_embed", "pooling": "6:10"},
            {"stages": "emollama_embed", "pooling": "mean"},
            r"columns: emollama \(\(4, 48\) float16 there, \(48,\) float16 here\).*--add, .* cannot keep emollama",
        ),
        (
            {"stages": "emollama_embed", "pooling": "mean"},
            {"stages": "emollama_embed", "pooling": "last"},
            r"columns: emollama \(pooling mean there, pooling last here\)",
        ),
    ],
    ids=["keep", "stages", "pooling", "pooling of one type"],
)
def test_columns_that_would_be_gone(
    before: dict[str, Any], after: dict[str, Any], message: str, tmp_path: Path
) -> None:
    ds, out = crops(tmp_path / "clips", 1), tmp_path / "out"
    sample(ds, out, **before)
    refused(message, ds, out, **after)
    sample(ds, out, existing="replace", **after)
    sample(ds, out, **after)


def test_a_renamed_column_is_refused_and_added_beside_the_old_one(tmp_path: Path, out: Path) -> None:
    renamed = crops(tmp_path / "clips", 2, 3, 4).rename_column("label", "mw_label")
    refused(r"1 of its 3 rows: '1.npy' and 1 of its \d+ columns: label\.", renamed, out)
    sample(renamed, out, existing="add")
    rows = written(out)
    assert list(rows["label"]) == ["label 1", "label 2", "label 3", None]
    assert list(rows["mw_label"]) == [None, "label 2", "label 3", "label 4"]
    assert rows.column_names[-2:] == ["emollama_status", "emollama_error"]


def test_other_stages_are_added_to_the_rows_that_are_there(tmp_path: Path) -> None:
    out, both = tmp_path / "out", crops(tmp_path / "clips", 1, 2, 3)
    sample(both.select([0, 1]), out, stages="videomae_embed", keep="peak_frame")
    old = written(out)
    sample(both.select([1, 2]), out, stages="facemae_embed", existing="add")
    alone = sample(both, tmp_path / "alone", stages=["facemae_embed", "videomae_embed"])
    rows = written(out)
    assert [value is None for value in rows.with_format("arrow")["facemae"].to_pylist()] == [True, False, False]
    assert [value is None for value in rows.with_format("arrow")["videomae"].to_pylist()] == [False, False, True]
    for row in (0, 1):
        np.testing.assert_array_equal(rows[row]["videomae"], alone[row]["videomae"])
        assert rows[row]["peak_frame"].tobytes() == old[row]["peak_frame"].tobytes()
    for row in (1, 2):
        np.testing.assert_array_equal(rows[row]["facemae"], alone[row]["facemae"])
    assert {stage["stage"] for stage in _made(out)["stages"]} == {"sample_frames", "facemae_embed", "videomae_embed"}


def _made(out: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((out / "provenance.json").read_text())["configs"]["default"]
    return made


def test_what_an_earlier_run_computed_of_a_clip_does_not_stand_beside_another_clip(tmp_path: Path) -> None:
    ds, out = crops(tmp_path / "clips", 1), tmp_path / "out"
    sample(ds, out, stages="videomae_embed")
    write_crops(tmp_path / "clips", 7, name="1")
    sample(ds, out, stages="facemae_embed", existing="add")
    (row,) = written(out).with_format("arrow")[:].to_pylist()
    assert row["videomae"] is None
    assert row["facemae"] is not None
    assert row["label"] == "label 1"


def test_a_row_that_fails_now_keeps_what_it_had(tmp_path: Path, out: Path) -> None:
    (tmp_path / "clips" / "2.npy").unlink()
    ds = Dataset.from_dict({"frames": [str(tmp_path / "clips" / f"{n}.npy") for n in (2, 5)], "label": ["b", "e"]})
    assert set(sample(ds, out, existing="add")["emollama_status"]) == {"missing_file"}
    assert list(written(out)["emollama_status"]) == ["ok", "ok", "ok", "missing_file"]
    write_crops(tmp_path / "clips", 5)
    sample(ds, out, existing="add")
    assert list(written(out)["emollama_status"]) == ["ok"] * 4


def test_adding_the_same_again_writes_nothing(tmp_path: Path, out: Path) -> None:
    other = crops(tmp_path / "clips", 2, 8).rename_column("label", "other")
    sample(other, out, existing="add", shard_rows=2)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and ".cache" not in path.parts}
    sample(other, out, existing="add", shard_rows=2)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_rows_of_other_settings_are_not_mixed_in(tmp_path: Path, out: Path) -> None:
    ds = crops(tmp_path / "others", 9)
    refused(r"differ in sample_frames, peak: middle there, first here", ds, out, existing="add", peak="first")
    refused("column.*of other types: label: text there, int64 here", _labelled(ds, 1), out, existing="add")


def _labelled(ds: Dataset, label: Any) -> Dataset:
    return ds.remove_columns("label").add_column("label", [label] * len(ds))


def test_other_settings_replace_values_with_a_word(tmp_path: Path, out: Path, caplog: pytest.LogCaptureFixture) -> None:
    sample(crops(tmp_path / "clips", 1, 2, 3), out, peak="first")
    assert "values that were made otherwise are replaced: sample_frames, peak: middle there, first here" in caplog.text


def test_a_set_whose_work_store_is_gone_may_be_added_to(tmp_path: Path) -> None:
    def named(*numbers: int) -> Dataset:
        return crops(tmp_path / "clips", *numbers).add_column("uuid", [f"u{number}" for number in numbers])

    out = tmp_path / "out"
    sample(named(1, 2), out)
    shutil.rmtree(out / ".cache")
    sample(named(2, 3), out, existing="add")
    assert list(written(out)["uuid"]) == ["u1", "u2", "u3"]
    sample(named(1, 2, 3), out)


def test_rows_that_nobody_can_tell_apart_are_not_added_to(tmp_path: Path, out: Path) -> None:
    shutil.rmtree(out / ".cache")
    refused("3 rows of .* have no name", crops(tmp_path / "clips", 1, 2, 3), out, existing="add")


def test_a_damaged_file_is_not_added_to(tmp_path: Path, out: Path) -> None:
    (file,) = (out / "data").iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:100] + b"x" + content[101:])
    with pytest.raises(StoreError, match=rf"{re.escape(file.name)} is damaged, so that its rows cannot be kept"):
        sample(crops(tmp_path / "others", 9), out, existing="add")
    refused("3 of its 3 rows", crops(tmp_path / "others", 9), out)


def test_a_run_that_began_before_another_one_ended_takes_nothing_out(tmp_path: Path, out: Path) -> None:
    from emollama_hf.engines.workers import Workers
    from emollama_hf.extraction.open_run import open_run

    ds = crops(tmp_path / "clips", 1, 2, 3, 4)
    run = open_run(ds, "random-tiny", out=out, on_error="null", keep=(), overwrite=False, retry_failed=False, **SAMPLED)
    sample(crops(tmp_path / "clips", 1, 2, 3, 5), out)
    with pytest.raises(ExistingRowsError, match=r"1 of its 4 rows: '5\.npy'"):
        run.finish(Workers(), shard_rows=None)
    assert list(written(out)["label"])[-1] == "label 5"
    sample(ds, out, existing="add")
    assert list(written(out)["label"])[-2:] == ["label 5", "label 4"]


def test_pushed_rows_are_not_taken_out_by_a_run(tmp_path: Path, out: Path) -> None:
    ds = crops(tmp_path / "clips", 1, 2).add_column("uuid", ["u1", "u2"])
    push(sample(ds, tmp_path / "features"), tmp_path / "shared")
    for existing in ("error", "add"):
        with pytest.raises(FileExistsError):
            sample(ds, tmp_path / "shared", existing=existing)
    assert len(written(tmp_path / "shared")) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"existing": "keep"}, "'error', 'add', 'replace'"),
        ({"existing": "add", "overwrite": True}, "Leave one of them out"),
        ({"existing": "add", "out": None}, "would have no effect"),
    ],
)
def test_a_wrong_choice_is_said(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        sample(crops(tmp_path / "clips", 1), **{"out": tmp_path / "out", **options})


names = st.sampled_from("abc")
rows = st.builds(
    RowIdentity,
    name=names,
    column=st.just("file_name"),
    path=st.one_of(st.none(), st.sampled_from(["/x/a", "/x/b", "/y/a"])),
    content=st.one_of(st.none(), st.sampled_from("123")),
)


@given(st.lists(rows, max_size=6), st.lists(rows, max_size=6), st.randoms())
@settings(max_examples=200, deadline=None)
def test_a_row_is_found_again_and_no_two_rows_are_one(
    there: list[RowIdentity], more: list[RowIdentity], order: Any
) -> None:
    here = [*there, *more]
    order.shuffle(here)
    found = match_rows(there, here)
    assert None not in found
    assert len(set(found)) == len(there)
    fewer = match_rows(here, there)
    assert (
        len([one for one in fewer if one is not None]) == len({one for one in fewer if one is not None}) <= len(there)
    )


@pytest.mark.parametrize("text", ["row_keys.json", "/out/data/", "provenance.json", "README.md"])
def test_adding_that_is_killed_loses_nothing_and_is_done_by_the_same_again(
    text: str, tmp_path: Path, out: Path
) -> None:
    other = crops(tmp_path / "others", 8, 9).rename_column("label", "other")
    killed_at(renaming_to(text), lambda: sample(other, out, existing="add"))
    assert list(written(out)["label"]) == ["label 1", "label 2", "label 3"], "readers see the set of before"
    refused("3 of its", other, out)
    sample(other, out, existing="add")
    assert list(written(out)["label"]) == ["label 1", "label 2", "label 3", None, None]
    assert list(written(out)["other"]) == [None, None, None, "label 8", "label 9"]


def test_forgotten_rows_do_not_come_back_by_adding(tmp_path: Path, out: Path) -> None:
    assert forget(out, {"label": "label 2"}).rows == 1
    sample(crops(tmp_path / "others", 8), out, existing="add")
    assert list(written(out)["label"]) == ["label 1", "label 3", "label 8"]
    assert "2.npy" not in "".join(path.read_text() for path in out.rglob("*.json"))
    refused("1 of its 3 rows: '8.npy'", crops(tmp_path / "clips", 1, 3), out)
