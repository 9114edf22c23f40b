"""Publishing to a directory: what goes, what stays, what a second push adds. Other places have tests of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datasets import Array4D, Dataset, DatasetDict, Features, Image, List, Value, concatenate_datasets

import emollama_hf
from emollama_hf import EmoLlamaEmbed, ShareError, extract, push
from emollama_hf.errors import published_error
from emollama_hf.sharing.names.row_names import hash_name
from emollama_hf.sharing.places.folder_place import LOCK
from tests.extraction.crops import OPTIONS, write_crops
from tests.sharing.labs import LABELS, everything, lab, manifest, rows, shared
from tests.sharing.media import pictures


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clips of three participants, as `extract` wrote them."""
    return lab(tmp_path_factory.mktemp("lab"), 1, 2, 3, 4)


def test_the_rows_are_those_of_the_directory(features: Path, tmp_path: Path) -> None:
    done = push(features, tmp_path / "shared")
    assert (done.rows, done.added, done.replaced, done.unchanged) == (4, 4, 0, 0)
    here, there = shared(features), shared(tmp_path / "shared")
    assert there.column_names == [name for name in here.column_names if name != "file_name"]
    assert there.features == Features({name: kind for name, kind in here.features.items() if name != "file_name"})
    for name in there.column_names:
        np.testing.assert_array_equal(np.asarray(there[name]), np.asarray(here[name]))


def test_names_of_files_stay_unless_they_are_the_key(features: Path, tmp_path: Path) -> None:
    done = push(features, tmp_path / "shared")
    assert "Jane_Doe" not in everything(tmp_path / "shared")
    assert (
        done.withheld[-1] == "`file_name`: names of files; rows are named by `uuid`; `--include file_name` lets it go"
    )
    assert "names of files; rows are named by `uuid`" in (tmp_path / "shared" / "README.md").read_text()
    push(features, tmp_path / "named", key="file_name", names=True)
    assert shared(tmp_path / "named")["file_name"][0] == "Jane_Doe/take_1.mp4"


def test_hashed_names_are_the_only_ones(features: Path, tmp_path: Path) -> None:
    plain = push(features, tmp_path / "plain", key="file_name", hash_keys=True)
    secret = push(features, tmp_path / "secret", key="file_name", key_secret="lab 5")
    names = [shared(Path(done.place))["file_name"] for done in (plain, secret)]
    assert all(len(name) == 32 and int(name, 16) for column in names for name in column)
    assert set(names[0]).isdisjoint(names[1])
    for done in (plain, secret):
        assert "Jane_Doe" not in everything(Path(done.place))
        assert "take_1" not in everything(Path(done.place))
    assert "lab 5" not in everything(Path(secret.place))
    assert manifest(Path(secret.place))["key"] == {"column": "file_name", "hashed": "hmac-sha256"}


def test_messages_of_failures_quote_no_name_and_no_path(tmp_path: Path) -> None:
    ds = rows(tmp_path / "clips", 1, 2)
    (tmp_path / "clips" / "2.npy").unlink()
    out = lab(tmp_path, ds=ds)
    push(out, tmp_path / "shared")
    message = shared(tmp_path / "shared")["emollama_error"][1]
    assert message
    assert "Jane_Doe" not in everything(tmp_path / "shared")
    assert str(tmp_path) not in everything(tmp_path / "shared")
    assert manifest(tmp_path / "shared")["status"] == {"missing_file": 1, "ok": 1}


def test_messages_quote_no_clip_whatever_its_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is no absolute one, and a column that was dropped may be quoted."""
    monkeypatch.chdir(tmp_path)
    ds = Dataset.from_dict({"video": ["clips/Jane_Doe.mp4"], "uuid": ["u1"], "notes": ["Jane_Doe"]})
    done = extract(ds, "random-tiny")
    assert "Jane_Doe" in done["emollama_error"][0]
    push(done, tmp_path / "shared", drop="notes")
    assert shared(tmp_path / "shared")["emollama_error"] == [published_error("missing_file")]
    assert "Jane_Doe" not in everything(tmp_path / "shared")


def test_names_of_files_are_found_in_any_text_column(tmp_path: Path) -> None:
    """Also in a structure, and where most rows have none."""
    numbers = range(1, 301)
    more = {
        "camera": [None] * 299 + ["Jane_Doe.mp4"],
        "source": [{"file": "Jane Doe 1.mov", "n": n} for n in numbers],
        "takes": [["a.wav", "b.wav"] for _ in numbers],
        "notes": [f"as in take_{n}.mp4" if n % 2 else "fine" for n in numbers],
    }
    ds = Dataset.from_dict({"uuid": [f"u{n}" for n in numbers], "facemae": [[0.5, float(n)] for n in numbers], **more})
    told = push(ds, tmp_path / "shared").withheld
    assert [line.split("`")[1] for line in told] == ["camera", "source", "takes"]
    assert "notes" in shared(tmp_path / "shared").column_names


def test_recordings_pictures_and_crops_stay(tmp_path: Path) -> None:
    ds = rows(tmp_path / "clips", 1, 2)
    done = extract(ds, "random-tiny", keep=("peak_frame", "facemae_frames"), **OPTIONS)
    stacks = np.zeros((2, 4, 24, 24, 3), np.float32)
    crops = Dataset.from_dict({"my_crops": stacks}, features=Features({"my_crops": Array4D((4, 24, 24, 3), "float32")}))
    lists = Dataset.from_dict({"as_lists": stacks.tolist()})
    done = concatenate_datasets([done, crops, lists], axis=1)
    told = push(done, tmp_path / "shared").withheld
    assert [line.split("`")[1] for line in told] == [
        "frames",
        "file_name",
        "facemae_frames",
        "peak_frame",
        "my_crops",
        "as_lists",
    ]
    assert {"frames", "facemae_frames", "peak_frame", "my_crops", "as_lists"}.isdisjoint(
        shared(tmp_path / "shared").column_names
    )


def test_media_is_published_when_it_is_asked_for(tmp_path: Path) -> None:
    ds = rows(tmp_path / "clips", 1, 2)
    done = extract(ds, "random-tiny", keep=("peak_frame",), **OPTIONS)
    push(done, tmp_path / "shared", media=True)
    there = shared(tmp_path / "shared")
    assert there.features["peak_frame"] == Image()
    np.testing.assert_array_equal(np.asarray(there[1]["peak_frame"]), np.asarray(done[1]["peak_frame"]))
    assert "pictures or recordings of people" in (tmp_path / "shared" / "README.md").read_text()


def test_pictures_within_structures_lose_their_names_too(tmp_path: Path) -> None:
    picture = {"bytes": dict(pictures())["PNG"], "path": "/home/lab/Jane_Doe.png"}
    rows_of = {"uuid": ["a", "b"], "facemae": [[1.0], [2.0]], "views": [{"n": 1, "face": picture}, None]}
    kinds = {
        "uuid": Value("string"),
        "facemae": List(Value("float32")),
        "views": {"n": Value("int32"), "face": Image()},
    }
    ds = Dataset.from_dict(rows_of, features=Features(kinds))
    assert "`views`" in push(ds, tmp_path / "plain").withheld[0]
    push(ds, tmp_path / "shared", media=True)
    assert shared(tmp_path / "shared")[0]["views"]["face"].size == (128, 96)
    push(ds, tmp_path / "shared", media=True)


def test_a_second_push_of_the_same_writes_nothing(features: Path, tmp_path: Path) -> None:
    push(features, tmp_path / "shared")

    def times() -> dict[str, int]:
        """When each file was written; an older filelock touches its own."""
        files = [path for path in (tmp_path / "shared").rglob("*") if path.is_file() and path.name != LOCK]
        return {path.name: path.stat().st_mtime_ns for path in files}

    before = times()
    again = push(features, tmp_path / "shared")
    assert (again.added, again.unchanged, again.files) == (0, 4, ())
    assert times() == before


def test_new_clips_are_a_new_file_and_the_old_one_stays(tmp_path: Path) -> None:
    push(lab(tmp_path, 2, 4), tmp_path / "shared")
    [old] = (tmp_path / "shared" / "data").iterdir()
    stamp = old.stat().st_mtime_ns
    grown = lab(tmp_path, 1, 2, 3, 4)  # between the ones that are there
    done = push(grown, tmp_path / "shared")
    assert (done.added, done.unchanged, done.rows) == (2, 2, 4)
    assert [name.partition("/")[0] for name in done.files] == ["data", "provenance.json", "README.md"]
    assert old.stat().st_mtime_ns == stamp
    assert shared(tmp_path / "shared")["uuid"] == ["u2", "u4", "u1", "u3"]
    assert "4 clips, 4 with features" in (tmp_path / "shared" / "README.md").read_text()


def test_a_second_lab_appends_its_clips(features: Path, tmp_path: Path) -> None:
    push(features, tmp_path / "shared")
    other = lab(tmp_path, 5, 6)
    assert push(other, tmp_path / "shared").added == 2
    assert shared(tmp_path / "shared")["uuid"] == ["u1", "u2", "u3", "u4", "u5", "u6"]
    labels = manifest(tmp_path / "shared")["files"]
    assert sum(file["counts"]["rows"] for file in labels.values()) == 6


def test_names_that_exist_are_refused_or_replaced(features: Path, tmp_path: Path) -> None:
    push(features, tmp_path / "shared")
    write_crops(tmp_path / "clips", 70)
    ds = rows(tmp_path / "clips", 2, 3)
    ds = ds.map(lambda row: {"frames": str(tmp_path / "clips" / "70.npy")} if row["uuid"] == "u3" else row)
    other = lab(tmp_path, ds=ds)
    with pytest.raises(ShareError, match=r"1 rows are published already with other values: 'u3'.*--replace"):
        push(other, tmp_path / "shared")
    before = shared(tmp_path / "shared")
    done = push(other, tmp_path / "shared", replace=True)
    assert (done.added, done.replaced, done.unchanged) == (0, 1, 1)
    after = shared(tmp_path / "shared")
    assert after["uuid"] == ["u1", "u2", "u4", "u3"]
    assert after[2]["facemae"] == before[3]["facemae"]
    assert after[3]["facemae"] == shared(other)[1]["facemae"] != before[2]["facemae"]
    assert len(list((tmp_path / "shared" / "data").iterdir())) == 2


def test_a_clip_that_was_mended_replaces_its_failure(tmp_path: Path) -> None:
    ds = rows(tmp_path / "clips", 1, 2)
    (tmp_path / "clips" / "2.npy").unlink()
    push(lab(tmp_path, ds=ds), tmp_path / "shared")
    done = push(lab(tmp_path, 1, 2), tmp_path / "shared")
    assert (done.added, done.replaced, done.unchanged) == (0, 1, 1)
    assert shared(tmp_path / "shared")["emollama_status"] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"peak": "first"}, "sample_frames, peak: middle there, first here"),
        ({"instruction": "Is this person attentive?"}, "emollama_embed, instruction: Please"),
        ({"dtype": "bfloat16"}, "facemae_embed, dtype: float32 there, bfloat16 here"),
        ({"pooling": "last"}, "emollama_embed, pooling: mean there, last here"),
    ],
)
def test_other_settings_are_never_mixed_in(
    features: Path, tmp_path: Path, options: dict[str, str], difference: str
) -> None:
    push(features, tmp_path / "shared")
    with pytest.raises(ShareError, match="was made in another way") as raised:
        push(lab(tmp_path, 5, **options), tmp_path / "shared")
    assert difference in str(raised.value)
    assert "config_name=" in str(raised.value)
    assert push(lab(tmp_path, 5, **options), tmp_path / "shared", config_name="other").config == "other"
    assert shared(tmp_path / "shared")["uuid"] == ["u1", "u2", "u3", "u4"]
    assert shared(tmp_path / "shared", "other")["uuid"] == ["u5"]


def test_another_stage_set_is_a_configuration_of_its_own(tmp_path: Path) -> None:
    push(_encoders(tmp_path), tmp_path / "s")
    done = push(lab(tmp_path / "whole", 1, 2), tmp_path / "s")
    assert done.config == "facemae-videomae-emollama"
    assert "videomae" not in shared(tmp_path / "s").column_names
    assert "emollama" in shared(tmp_path / "s", "facemae-videomae-emollama").column_names
    card = (tmp_path / "s" / "README.md").read_text()
    assert 'load_dataset("path/to/this/directory", "facemae-videomae-emollama", split="train")' in card
    assert all(name.startswith("facemae-videomae-emollama/train-00000-") for name in done.files[:1])


def _encoders(folder: Path) -> Path:
    out = folder / "encoders"
    extract(rows(folder / "clips", 1, 2), "random-tiny", out=out, stages=["facemae_embed"], **OPTIONS)
    return out


def test_labels_that_one_lab_lacks_are_null(features: Path, tmp_path: Path) -> None:
    push(features, tmp_path / "shared")
    fewer = rows(tmp_path / "clips", 5, features=Features({k: v for k, v in LABELS.items() if k != "test_fold_num"}))
    push(lab(tmp_path, ds=fewer), tmp_path / "shared")
    assert shared(tmp_path / "shared")["test_fold_num"] == [1, 2, 0, 1, None]


def test_columns_that_do_not_fit_are_refused(features: Path, tmp_path: Path) -> None:
    push(features, tmp_path / "shared")
    extra = rows(tmp_path / "clips", 5).add_column("age", [31])
    with pytest.raises(ShareError, match=r"no column age.*--drop age"):
        push(lab(tmp_path, ds=extra), tmp_path / "shared")
    assert push(lab(tmp_path, ds=extra), tmp_path / "shared", drop="age").added == 1
    other = rows(tmp_path / "clips", 6).cast_column("test_fold_num", Value("string"))
    with pytest.raises(ShareError, match=r"column test_fold_num: Value\('int64'\) there, Value\('string'\) here"):
        push(lab(tmp_path / "other", ds=other), tmp_path / "shared")


def test_what_somebody_wrote_into_the_card_stays(features: Path, tmp_path: Path) -> None:
    push(features, tmp_path / "shared")
    card = tmp_path / "shared" / "README.md"
    card.write_text(card.read_text().replace("---\n", "---\nlicense: cc-by-4.0\n", 1) + "\nRecorded in room 5.\n")
    done = push(lab(tmp_path, 5), tmp_path / "shared")
    assert done.card_kept
    assert "Recorded in room 5." in card.read_text()
    assert "license: cc-by-4.0" in card.read_text()
    assert len(shared(tmp_path / "shared")) == 5
    assert not push(features, tmp_path / "shared", rewrite_card=True).card_kept
    assert "Recorded in room 5." not in card.read_text()
    assert "5 clips, 5 with features" in card.read_text()


def test_licence_and_citation_stay_with_the_set(features: Path, tmp_path: Path) -> None:
    push(features, tmp_path / "shared", license="cc-by-nc-4.0", citation="@misc{readers, year={2026}}")
    push(lab(tmp_path, 5), tmp_path / "shared")
    card = (tmp_path / "shared" / "README.md").read_text()
    assert "license: cc-by-nc-4.0" in card
    assert "@misc{readers, year={2026}}" in card


# Data sets in memory


def test_what_extract_returns_says_how_it_was_made(tmp_path: Path) -> None:
    done = extract(rows(tmp_path / "clips", 1, 2, 3), "random-tiny", **OPTIONS)
    kept = done.filter(lambda fold: fold > 0, input_columns="test_fold_num")
    push(kept, tmp_path / "shared")
    made = manifest(tmp_path / "shared")
    assert [stage["stage"] for stage in made["stages"]][-1] == "emollama_embed"
    assert made["model"]["name"] == "random-tiny"
    assert made["rows"] == 2
    assert (tmp_path / "shared" / "README.md").read_text().split("---\n")[2].startswith("\n> These weights are random")


def test_rows_that_were_made_in_two_ways_are_refused(tmp_path: Path) -> None:
    one = extract(rows(tmp_path / "clips", 1), "random-tiny", **OPTIONS)
    other = extract(rows(tmp_path / "clips", 2), "random-tiny", **{**OPTIONS, "peak": "first"})
    with pytest.raises(ValueError, match="different models or settings"):
        push(concatenate_datasets([one, other]), tmp_path / "shared")


def test_rows_of_map_are_told_how_they_were_made(tmp_path: Path) -> None:
    embed = EmoLlamaEmbed("random-tiny", pooling="mean")
    sample = emollama_hf.SampleFrames(**OPTIONS)
    ds = rows(tmp_path / "clips", 1, 2)
    ds = ds.map(sample, batched=True, features=Features({**ds.features, **sample.features}))
    ds = ds.map(embed, batched=True, features=Features({**ds.features, **embed.features}))
    push(ds, tmp_path / "unknown")
    assert "Not recorded" in (tmp_path / "unknown" / "README.md").read_text()
    with pytest.raises(ShareError, match="recorded here, not recorded there"):
        push(ds, tmp_path / "unknown", made_by=embed)
    push(ds, tmp_path / "known", made_by=embed)
    assert [stage["stage"] for stage in manifest(tmp_path / "known")["stages"]][-1] == "emollama_embed"


def test_rows_without_names_get_some(tmp_path: Path) -> None:
    """As after `load_dataset("videofolder")`, or of recordings that came as bytes."""
    ds = extract(rows(tmp_path / "clips", 1, 2), "random-tiny", **OPTIONS).remove_columns(["uuid", "file_name"])
    assert push(ds, tmp_path / "files").key.column == "file_name"
    assert shared(tmp_path / "files")["file_name"] == [hash_name("1.npy"), hash_name("2.npy")]
    done = push(ds.remove_columns("frames"), tmp_path / "values")
    assert done.key.column == "clip_id"
    names = shared(tmp_path / "values")["clip_id"]
    assert len(set(names)) == 2
    assert all(len(name) == 16 for name in names)
    assert push(ds.remove_columns("frames"), tmp_path / "values").unchanged == 2


def test_columns_of_map_without_types(tmp_path: Path) -> None:
    """Without `features=`, map stores matrices as lists of lists."""
    sample, embed = emollama_hf.SampleFrames(**OPTIONS), EmoLlamaEmbed("random-tiny")
    ds = rows(tmp_path / "clips", 1, 2).map(sample, batched=True).map(embed, batched=True)
    push(ds, tmp_path / "shared")
    there = shared(tmp_path / "shared")
    np.testing.assert_array_equal(np.asarray(there["emollama"]), np.asarray(ds["emollama"]))
    assert "| `emollama` | (any, any) float16 |" in (tmp_path / "shared" / "README.md").read_text()


# What cannot be pushed


def test_bad_sources_and_targets(features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ds = extract(rows(tmp_path / "clips", 1, 2), "random-tiny", **OPTIONS)
    cases = [
        (tmp_path / "nothing", "shared", {}, "there is no such directory"),
        (DatasetDict({"a": ds, "b": ds}), "shared", {}, r"push takes a datasets\.Dataset.*ds\['a'\]"),
        (ds.select([]), "shared", {}, "has no rows"),
        (ds, "shared", {"key": "mw_label"}, "cannot name rows"),
        (ds, "shared", {"key": "nope"}, "column 'nope' cannot name rows"),
        (ds, "shared", {"drop": ("nope",)}, "'nope' is no column"),
        (ds, "shared", {"drop": ("uuid",)}, "'uuid' names the rows"),
        (ds, "shared", {"tag": "v1"}, "has no tags"),
        (ds, "shared", {"revision": "main"}, "has no revisions"),
        (ds, "shared", {"media": "yes"}, "expected True or False"),
        (concatenate_datasets([ds, ds]), "shared", {}, "both named 'u1' by uuid"),
        (ds, "clips", {}, "is not empty and holds no feature data set"),
    ]
    for source, target, options, message in cases:
        with pytest.raises(ShareError, match=message):
            push(source, tmp_path / target, **options)
    assert not (tmp_path / "shared" / "README.md").exists()
    with pytest.raises(ShareError, match="a directory that extract writes, with its face crops"):
        push(ds, features)
    (tmp_path / "org").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ShareError, match=r"could be a repository on the Hub or a folder"):
        push(ds, "org/name")
    for target, message in [("", "no place was named"), ("hf://spaces/a/b", "no data set repository"),
                            ("s3://", "names no folder"), ("nope://bucket/x", "cannot be opened")]:  # fmt: skip
        with pytest.raises(ShareError, match=message):
            push(ds, target)


def test_an_empty_name_of_a_row_is_refused(tmp_path: Path) -> None:
    ds = Dataset.from_dict({"uuid": ["a", None], "facemae": [[1.0], [2.0]]})
    with pytest.raises(ShareError, match="row 1: uuid is empty"):
        push(ds, tmp_path / "shared")
