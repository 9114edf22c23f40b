"""A participant withdraws: their rows are gone from files, card, provenance and work store, and nothing else is."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value
from filelock import FileLock

from emollama_hf import ShareError, extract, push
from emollama_hf.console import timing
from emollama_hf.sharing.forget import forget
from emollama_hf.work_store.work_store import INSIDE_OUT, WorkStore
from tests.extraction.crops import OPTIONS
from tests.hub import hub
from tests.interrupted import interrupted_at, renaming_to
from tests.sharing.clients import on_hub
from tests.sharing.labs import everything, lab, manifest, rows, shared


@pytest.fixture
def place(tmp_path: Path) -> Path:
    push(lab(tmp_path, *range(1, 8)), tmp_path / "shared")
    return tmp_path / "shared"


def test_the_rows_are_gone_and_the_others_are_as_they_were(place: Path) -> None:
    before = shared(place)
    done = forget(place, {"participant_id": "P1"})
    assert done.rows == 3
    after = shared(place)
    assert after["uuid"] == ["u2", "u3", "u5", "u6"]
    for row in after:
        [old] = [one for one in before if one["uuid"] == row["uuid"]]
        assert str(row) == str(old)  # NaN is not equal to itself
    assert "P1" not in everything(place)
    assert "u4" not in everything(place)
    assert "4 clips, 4 with features" in (place / "README.md").read_text()
    assert len(list((place / "data").iterdir())) == 1
    assert not push(shutil.copytree(place, place.parent / "copy"), place).files, "the rest is still known"


def test_conditions_are_joined_and_labels_are_names(place: Path) -> None:
    assert forget(place, {"participant_id": "P1", "mw_label": "MW"}).rows == 2
    assert shared(place)["uuid"] == ["u2", "u3", "u4", "u5", "u6"]
    assert forget(place, {"test_fold_num": 0}).rows == 2


def test_a_hashed_name_is_given_as_it_was(tmp_path: Path) -> None:
    features = lab(tmp_path, 1, 2, 3)
    push(features, tmp_path / "shared", key="file_name", key_secret="s")
    with pytest.raises(ShareError, match="hashed with a secret"):
        forget(tmp_path / "shared", {"file_name": "Jane_Doe/take_2.mp4"})
    assert forget(tmp_path / "shared", {"file_name": "Jane_Doe/take_2.mp4"}, key_secret="s").rows == 1
    assert shared(tmp_path / "shared")["uuid"] == ["u1", "u3"]


def test_all_configurations_forget(tmp_path: Path) -> None:
    push(lab(tmp_path / "a", 1, 2, 3), tmp_path / "shared")
    push(lab(tmp_path / "b", 1, 2, 3, peak="first"), tmp_path / "shared", config_name="first")
    assert forget(tmp_path / "shared", {"participant_id": "P2"}).rows == 2
    for config in ("default", "first"):
        assert shared(tmp_path / "shared", config)["uuid"] == ["u1", "u3"]


def test_what_is_wrong_is_said(place: Path, tmp_path: Path) -> None:
    for where, message in [
        ({}, "nothing says which rows"),
        ({"participant": "P1"}, "no rows with the columns participant; it has uuid, participant_id"),
        ({"participant_id": "P9"}, "no row of .* has participant_id='P9'. participant_id is P0, P1, P2."),
    ]:
        with pytest.raises(ShareError, match=message):
            forget(place, where)
    push(lab(tmp_path / "one", 1), tmp_path / "one" / "shared")
    with pytest.raises(ShareError, match=r"every row of .* would be forgotten"):
        forget(tmp_path / "one" / "shared", {"participant_id": "P1"})
    with pytest.raises(ShareError, match="has no history to squash"):
        forget(place, {"participant_id": "P1"}, squash=True)
    with pytest.raises(ShareError, match="holds no feature data set"):
        forget(tmp_path / "nothing", {"participant_id": "P1"})


def test_files_of_a_killed_forgetting_are_cleared(place: Path) -> None:
    """Killed after the card was written: the old file still lies there, and nothing names it."""
    [old] = (place / "data").iterdir()
    kept = old.read_bytes()
    forget(place, {"participant_id": "P1"})
    old.write_bytes(kept)
    done = forget(place, {"participant_id": "P1"})
    assert (done.rows, done.deleted) == (0, 1)
    assert not old.exists()


# What `extract` writes


def test_the_work_store_forgets_too_and_keeps_the_rest(tmp_path: Path) -> None:
    """Also what other settings made of these clips, whose keys nobody can tell from those of other clips."""
    ds = rows(tmp_path / "clips", 1, 2, 3, 4)
    out = tmp_path / "features"
    extract(ds, "random-tiny", out=out, shard_rows=3, **{**OPTIONS, "peak": "first"})
    extract(ds, "random-tiny", out=out, shard_rows=3, **OPTIONS)
    stored = WorkStore(out / INSIDE_OUT)
    crops = sum(len(shard.computed("sample_frames")) for shard in stored.shards)
    assert crops == 8
    assert forget(out, {"participant_id": "P1"}).rows == 2
    assert shared(out)["uuid"] == ["u2", "u3"]
    left = WorkStore(out / INSIDE_OUT)
    assert sum(len(shard.computed("sample_frames")) for shard in left.shards) == 2
    stay = ds.select([1, 2])
    timing.reset()
    done = extract(stay, "random-tiny", out=out, shard_rows=3, **OPTIONS)
    assert not timing.stage_times(), "the others are still known"
    np.testing.assert_array_equal(np.asarray(done["facemae"]), np.asarray(shared(out)["facemae"]))
    assert forget(out, {"participant_id": "P2"}).rows == 1
    assert shared(out)["uuid"] == ["u3"]


def test_a_work_store_that_does_not_know_its_rows_is_removed(tmp_path: Path) -> None:
    out = lab(tmp_path, 1, 2, 3)
    (out / INSIDE_OUT / "row_keys.json").unlink()
    forget(out, {"participant_id": "P1"})
    assert not (out / INSIDE_OUT / "shards").exists()
    assert shared(out)["uuid"] == ["u2", "u3"]


@pytest.mark.parametrize("last", ["provenance.json", "README.md"])
def test_face_crops_go_before_the_rows_so_that_an_interrupted_forgetting_is_found_again(
    last: str, tmp_path: Path
) -> None:
    """The other way round nothing would name the rows any more, and their crops would stay for good."""
    out = tmp_path / "features"
    ds, options = rows(tmp_path / "clips", 1, 2, 3, 4), {"stages": ["sample_frames"], "shard_rows": 3, **OPTIONS}
    extract(ds, "random-tiny", out=out, keep="facemae_frames", **options)
    assert list(out.rglob("mapped/pictures-*"))
    extract(ds, "random-tiny", out=out, existing="replace", **options)
    with interrupted_at(renaming_to(f"features/{last}")):
        forget(out, {"participant_id": "P2"})
    crops = sum(len(shard.computed("sample_frames")) for shard in WorkStore(out / INSIDE_OUT).shards)
    assert crops == 3, "of u1, u3 and u4"
    assert not list(out.rglob("mapped/*")), "where kept pictures lie once more"
    forget(out, {"participant_id": "P2"})
    assert shared(out)["uuid"] == ["u1", "u3", "u4"]
    assert "P2" not in everything(out)
    assert len(list((out / "data").iterdir())) == 2
    timing.reset()
    extract(ds.select([0, 2, 3]), "random-tiny", out=out, **options)
    assert not timing.stage_times(), "the others are still known"


def test_it_waits_for_a_run_that_writes_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "features"
    extract(rows(tmp_path / "clips", 1, 2), "random-tiny", out=out, stages=["sample_frames"], **OPTIONS)
    forgetting = threading.Thread(target=forget, args=(out, {"participant_id": "P1"}))
    with FileLock(out / INSIDE_OUT / "folder.lock"):
        forgetting.start()
        forgetting.join(1)
        assert forgetting.is_alive()
        assert shared(out)["uuid"] == ["u1", "u2"]
    forgetting.join(60)
    assert shared(out)["uuid"] == ["u2"]


def test_a_label_that_all_rows_of_a_file_have_is_found(tmp_path: Path) -> None:
    """The end of a file tells the bounds of its columns, and of a label they are numbers."""
    kinds = {"uuid": Value("string"), "label": ClassLabel(names=["NonMW", "MW"]), "facemae": List(Value("float32"))}
    for label, names in ((1, ["a", "b"]), (0, ["c"])):
        values = {"uuid": names, "label": [label] * len(names), "facemae": [[1.0, 2.0]] * len(names)}
        push(Dataset.from_dict(values, features=Features(kinds)), tmp_path / "shared")
    assert forget(tmp_path / "shared", {"label": "MW"}).rows == 2
    assert shared(tmp_path / "shared")["uuid"] == ["c"]


# On the Hub


def test_history_is_named_and_squashed_on_request(tmp_path: Path) -> None:
    features = lab(tmp_path, 1, 2, 3, 4)
    code = """
import emollama_hf
from emollama_hf.sharing.forget import forget
{}
"""
    with hub() as server:
        push_it = f"emollama_hf.push({str(features)!r}, 'org/mw', tag='v1')"
        forget_it = "print(forget('org/mw', {'participant_id': 'P1'}))"
        told = on_hub(server, tmp_path / "home", code.format(f"{push_it}\n{forget_it}"))
        repo = server.repo("org/mw")
        assert "Earlier commits still hold the rows" in told
        assert "v1" in told
        assert len(repo.commits()) == 3
        [now] = [name for name in repo.files() if name.endswith(".parquet")]
        [old] = [name for name in repo.files("v1") if name.endswith(".parquet")]
        assert now != old
        del repo.tags["v1"]
        squash = "print(forget('org/mw', {'participant_id': 'P1'}, squash=True))"
        told = on_hub(server, tmp_path / "home", code.format(squash))
        assert "Earlier commits" not in told
        assert len(repo.commits()) == 1
        assert {repo.names[oid] for oid in repo.large if repo.names[oid].endswith(".parquet")} == {now}
        assert "u1" not in json.dumps(json.loads(repo.files()["provenance.json"]))


def test_what_was_forgotten_does_not_come_back(tmp_path: Path) -> None:
    """The lab's own directory still has the rows when it is pushed again with new clips."""
    push(lab(tmp_path, 1, 2, 3), tmp_path / "shared")
    forget(tmp_path / "shared", {"participant_id": "P1"})
    done = push(lab(tmp_path, 1, 2, 3, 5), tmp_path / "shared")
    assert (done.added, done.unchanged, done.forgotten) == (1, 2, 1)
    assert shared(tmp_path / "shared")["uuid"] == ["u2", "u3", "u5"]
    forget(tmp_path / "shared", {"participant_id": "P0"})
    assert push(tmp_path / "features", tmp_path / "shared", include_forgotten=True).added == 2
    assert "u1" in shared(tmp_path / "shared")["uuid"]


def test_each_forgetting_adds_to_what_does_not_come_back(tmp_path: Path) -> None:
    names = {"uuid": ["a", "b", "c"], "participant_id": ["P0", "P1", "P2"]}
    ds = Dataset.from_dict({**names, "facemae": [[1.0, 2.0]] * 3})
    push(ds, tmp_path / "shared")
    for participant in ("P0", "P1"):
        forget(tmp_path / "shared", {"participant_id": participant})
        assert push(ds, tmp_path / "shared").forgotten == int(participant[1]) + 1
    assert shared(tmp_path / "shared")["uuid"] == ["c"]


def test_counts_follow(place: Path) -> None:
    forget(place, {"participant_id": "P1"})
    found = manifest(place)
    assert found["rows"] == 4
    [file] = found["files"].values()
    assert file["counts"]["labels"]["participant_id"] == {"P0": 2, "P2": 2}
