"""Rows of a training: in their order, with what is frozen computed once, and what cannot be trained on left out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from datasets import Dataset, Features, Image, concatenate_datasets

from emollama_hf import EmoLlamaEmbed, extract, load
from emollama_hf.stages.image_tokens import ImageTokens
from emollama_hf.training.training_data import training_data
from tests import videos
from tests.extraction.crops import OPTIONS, crops
from tests.training.labelled import NAMED, WIDTH, labelled

TINY = "random-tiny"
FROM_CLIPS: dict[str, Any] = {"label": "mw_label", "group": "participant_id", "device": "cpu"}


def test_rows_and_columns_are_those_that_were_given() -> None:
    ds = labelled()
    data = training_data(ds, TINY, **NAMED)
    assert len(data) == len(data.ds) == 32
    assert data.rows.labels.classes == ("NonMW", "MW")
    assert data.rows.names[5] == "clip005"
    assert data.rows.fold_names == ("0", "1", "2", "3")
    assert data.features.shape == (32, 2, WIDTH)
    for row in (0, 31):
        np.testing.assert_array_equal(data.tokens(row), np.array(ds[row]["image_tokens"], np.float16))
        given = np.array([ds[row]["facemae"], ds[row]["videomae"]], np.float32)
        np.testing.assert_array_equal(data.features[row], given)
    assert data.tokens(3).dtype == np.float16
    assert data.tokens(3).flags.writeable


def test_rows_that_cannot_be_used_are_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    whole = labelled()
    missing: dict[str, Any] = {
        "mw_label": [None if row == 2 else "MW" if row % 3 == 0 else "NonMW" for row in range(32)],
        "facemae": [None if row == 4 else list(one) for row, one in enumerate(whole["facemae"])],
        "participant_id": [None if row == 9 else f"p{row // 4}" for row in range(32)],
        "emollama_status": ["no_face" if row in (0, 7) else "ok" for row in range(32)],
    }
    with caplog.at_level(logging.WARNING):
        data = training_data(labelled(**missing), TINY, **NAMED)
    told = {"failed (no_face)": 2, "without facemae": 1, "without mw_label": 1, "without participant_id": 1}
    assert data.rows.left_out == told
    assert "5 of 32 rows are left out: " in caplog.text
    kept = [row for row in range(32) if row not in (0, 2, 4, 7, 9)]
    assert data.rows.indices.tolist() == kept
    assert list(data.ds["uuid"]) == list(data.rows.names) == [f"clip{row:03d}" for row in kept]
    before = training_data(whole, TINY, **NAMED)
    for position, row in enumerate(kept):
        np.testing.assert_array_equal(data.tokens(position), before.tokens(row))
        np.testing.assert_array_equal(data.features[position], before.features[row])


def test_without_groups_each_row_is_one() -> None:
    data = training_data(labelled().remove_columns(["participant_id", "test_fold_num"]), TINY, label="mw_label")
    assert data.rows.groups.tolist() == list(range(32))
    assert data.rows.folds is None


def test_layout_upstream_has_a_vector_of_sound_or_zeros() -> None:
    heard = [[float(row)] * WIDTH for row in range(32)]
    data = training_data(labelled(hubert=heard), TINY, layout="upstream", **NAMED)
    np.testing.assert_array_equal(data.features[:, 2], np.array(heard, np.float32))
    assert not training_data(labelled(), TINY, layout="upstream", **NAMED).features[:, 2].any()


def test_digest_changes_with_all_that_is_trained_on_and_with_nothing_else() -> None:
    digest = training_data(labelled(), TINY, **NAMED).digest
    assert training_data(labelled(note=["-"] * 32), TINY, **NAMED).digest == digest
    others = [
        training_data(labelled(), TINY, **NAMED, positive="NonMW"),
        training_data(labelled(), TINY, **NAMED | {"group": None}),
        training_data(labelled(), TINY, **NAMED | {"fold_column": None}),
        training_data(labelled().select(range(1, 32)), TINY, **NAMED),
        training_data(labelled(facemae=[[0.5] * WIDTH] * 32), TINY, **NAMED),
        training_data(labelled(mw_label=[row % 2 for row in range(32)]), TINY, **NAMED),
    ]
    assert len({digest, *(other.digest for other in others)}) == 7


# Computed from clips


def of_people(ds: Dataset) -> Dataset:
    for name, values in (("mw_label", ["MW", "NonMW"]), ("participant_id", ["a", "b", "c"])):
        ds = ds.add_column(name, [values[row % len(values)] for row in range(len(ds))])
    return ds


def test_frozen_work_is_computed_once_and_is_what_the_decoder_would_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**FROM_CLIPS, "work": tmp_path / "work", "store_dtype": "float32"}
    clips = crops(tmp_path / "clips", 1, 2, 3, 4)
    ds = of_people(extract(clips, TINY, keep="peak_frame", pooling="mean", **OPTIONS).remove_columns(["frames"]))
    data = training_data(ds, TINY, **options)
    assert (tmp_path / "work" / ".cache").is_dir()  # which is never uploaded
    monkeypatch.setattr(ImageTokens, "compute_together", None)
    again = training_data(ds.select([3, 1, 0]), TINY, **options)
    monkeypatch.undo()
    np.testing.assert_array_equal(again.tokens(0), data.tokens(3))
    network, picture = EmoLlamaEmbed(TINY, device="cpu").model(), np.asarray(ds[2]["peak_frame"])
    with torch.inference_mode():
        vectors = torch.from_numpy(data.features[2:3])
        expected = network.visual_tokens(network.pixels(picture)[None], vectors)
        assert torch.equal(network.project(torch.from_numpy(data.tokens(2))[None], vectors), expected)


def test_a_row_without_a_peak_frame_is_left_out(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    pictures = [PIL.Image.fromarray(random.integers(0, 255, (24, 24, 3), np.uint8)) for _ in range(7)]
    whole = labelled(groups=2).remove_columns(["image_tokens"])
    peaks = Dataset.from_dict({"peak_frame": [*pictures, None]}, features=Features({"peak_frame": Image()}))
    ds = concatenate_datasets([whole, peaks], axis=1)
    data = training_data(ds, TINY, work=tmp_path, **FROM_CLIPS)
    assert data.rows.left_out == {"failed (bad_frames)": 1}
    assert data.rows.indices.tolist() == list(range(7))
    direct = ImageTokens(TINY, device="cpu")({"peak_frame": pictures})["image_tokens"]
    np.testing.assert_array_equal(np.stack([data.tokens(row) for row in range(7)]), direct)


def test_a_folder_of_clips_with_a_table_of_labels(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    names = [f"{number}.mp4" for number in range(4)]
    for name in names:
        videos.write_video(folder / name, videos.pan(16, size=(64, 48)))
    (folder / "broken.mp4").write_bytes(b"no video")
    table = tmp_path / "labels.csv"
    rows = [f"{name},{'MW' if at % 2 else 'NonMW'},p{at // 2}" for at, name in enumerate([*names, "broken.mp4"])]
    table.write_text("\n".join(["file_name,mw_label,participant_id", *rows]) + "\n")
    data = training_data(folder, TINY, labels=table, **FROM_CLIPS)
    assert data.rows.names == tuple(names)
    assert data.rows.left_out == {"failed (not_a_video)": 1}
    assert data.rows.labels.counts() == {"MW": 2, "NonMW": 2}
    assert data.tokens(3).shape == (65, 40)


def test_a_feature_set_that_kept_the_peak_frame(tmp_path: Path) -> None:
    ds = of_people(crops(tmp_path / "clips", 1, 2, 3, 4))
    extract(ds, TINY, out=tmp_path / "out", keep="peak_frame", pooling="mean", **OPTIONS)
    placed = training_data(tmp_path / "out", TINY, work=tmp_path / "out", **FROM_CLIPS)
    opened = training_data(load(tmp_path / "out"), TINY, **FROM_CLIPS)
    assert placed.digest == opened.digest
    np.testing.assert_array_equal(placed.tokens(1), opened.tokens(1))
