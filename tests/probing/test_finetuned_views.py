"""A finetuned model's predictions as a row of the table: on the same rows, labels, groups and folds, or an error."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from emollama_hf.measures.predictions import NO_CLASS
from emollama_hf.probing.predictions_file import FinetunedPredictions, read_predictions, write_predictions
from emollama_hf.probing.probe import probe
from emollama_hf.probing.probe_error import ProbeError
from tests.commands.command_line import run
from tests.training.tested_rows import OPTIONS, clips, finetuned

PROBE: dict[str, Any] = {
    "label": "mw_label", "group": "participant_id", "fold": "test_fold_num", "columns": "noise", "permutations": 0,
    "resamples": 200,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("training") / "finetuned"
    finetuned(out, clips())
    return out


def test_it_is_a_row_with_the_numbers_of_its_report(folder: Path) -> None:
    report = json.loads((folder / "report" / "probe.json").read_text())
    result = probe(clips(), **PROBE, adapter=folder)
    name = "emotion_llama (corrected)"
    assert result.order[0] == name
    assert result.scores[name].intervals["auc_roc"].value == report["views"][name]["metrics"]["auc_roc"]["value"]
    assert result.p_value(name, "chance", "auc_roc") < 0.05
    assert result.random == ()
    assert result.table.set_index("column").loc[name, "model"] == "finetuned"


def test_rows_may_be_fewer_and_in_another_order(folder: Path) -> None:
    ds = clips()
    name = "emotion_llama (corrected)"
    first = probe(ds, **PROBE, adapter=folder).predictions
    turned = probe(ds.select(reversed(range(10, len(ds)))), **PROBE, adapter=folder).predictions
    both = [one[one["column"] == name].set_index("name")["p_MW"] for one in (first, turned)]
    assert both[0].loc[both[1].index].equals(both[1])


def test_the_order_of_classes_is_that_of_the_probe(folder: Path, tmp_path: Path) -> None:
    there = read_predictions(folder)
    facts = {**there.facts, "classes": ["MW", "NonMW"]}
    turned = replace(there, probabilities=there.probabilities[:, ::-1], predicted=1 - there.predicted, positive=0,
                     facts=facts)  # fmt: skip
    write_predictions(tmp_path / "predictions.parquet", turned)
    results = [probe(clips(), **PROBE, adapter=one) for one in (folder, tmp_path)]
    assert results[0].predictions.equals(results[1].predictions)


def test_two_recipes_and_two_folders_of_one_recipe(folder: Path, tmp_path: Path) -> None:
    finetuned(tmp_path / "published", clips(), recipe="as_published")
    finetuned(tmp_path / "again", clips())
    result = probe(clips(), **PROBE, adapter=[folder, tmp_path / "published", tmp_path / "again"])
    assert {"emotion_llama (corrected)", "emotion_llama (as_published)", "emotion_llama (corrected), again"} <= set(
        result.order
    )
    with pytest.raises(ProbeError, match="named twice"):
        probe(clips(), **PROBE, adapter=[folder, folder, folder])


def changed(column: str, row: int, value: Any) -> Dataset:
    ds = clips()
    values = list(ds[column])
    values[row] = value
    feature = ds.features[column]
    return ds.remove_columns(column).add_column(column, values).cast_column(column, feature)


@pytest.mark.parametrize(
    ("ds", "options", "said"),
    [
        (clips(groups=16), {}, r"no prediction of 48 of the 192 probed rows: clip0144.*--fold all"),
        (clips(seed=1), {}, r"another label of \d+ of the 144 probed rows: row 'clip00\d\d' has '(Non)?MW' here"),
        (changed("uuid", 3, "other"), {}, r"no prediction of 1 of the 144 probed rows: other"),
        (clips(), {"fold": None}, r"folds of 'test_fold_num', and this probe made.*--fold test_fold_num"),
        (clips().add_column("other", [int(n[1:]) % 3 for n in clips()["participant_id"]]), {"fold": "other"},
         r"another fold of \d+ of the 144 probed rows"),
        (clips().add_column("pair", [f"g{int(n[1:]) % 4}" for n in clips()["participant_id"]]), {"group": "pair"},
         r"another group of 144 of the 144 probed rows"),
    ],
)  # fmt: skip
def test_other_rows_labels_groups_and_folds_are_errors(
    ds: Dataset, options: dict[str, Any], said: str, folder: Path
) -> None:
    with pytest.raises(ProbeError, match=said):
        probe(ds, **{**PROBE, **options}, adapter=folder)


def test_other_classes_are_an_error(folder: Path) -> None:
    ds = clips()
    words = [["calm", "wandering"][number] for number in ds["mw_label"]]
    ds = ds.remove_columns("mw_label").add_column("mw_label", words)
    with pytest.raises(ProbeError, match=r"trained on the classes NonMW, MW, and 'mw_label' has calm, wandering"):
        probe(ds, **PROBE, adapter=folder)


def test_trained_without_groups_it_is_compared_by_folds(tmp_path: Path) -> None:
    finetuned(tmp_path, clips(), options=replace(OPTIONS, group=None))
    assert "emotion_llama (corrected)" in probe(clips(), **PROBE, adapter=tmp_path).order


def test_random_weights_are_refused_unless_allowed(tmp_path: Path) -> None:
    finetuned(tmp_path, clips(), options=replace(OPTIONS, random=True))
    with pytest.raises(ProbeError, match=r"emotion_llama \(corrected\): trained on random weights.*--allow-random"):
        probe(clips(), **PROBE, adapter=tmp_path)
    result = probe(clips(), **PROBE, adapter=tmp_path, allow_random=True)
    assert result.random == ("emotion_llama (corrected)",)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "has no predictions.parquet"), (b"PAR1", "cannot be read"), ("plain", "is not as finetune writes it")],
)
def test_folders_without_predictions(content: bytes | str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    if content == "plain":
        Dataset.from_dict({"name": ["a"]}).to_parquet(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(ProbeError, match=said):
        probe(clips(), **PROBE, adapter=tmp_path)


def test_the_command_takes_it(folder: Path, tmp_path: Path) -> None:
    clips().save_to_disk(str(tmp_path / "clips"))
    told = ("--label", "mw_label", "--group", "participant_id", "--columns", "noise", "--permutations", "0",
            "--resamples", "200", "--adapter", str(folder))  # fmt: skip
    lines = run("probe", str(tmp_path / "clips"), *told, "--fold", "test_fold_num").stdout.splitlines()
    assert any(line.startswith("emotion_llama (corrected) ") for line in lines)
    ran = run("probe", str(tmp_path / "clips"), *told, status=1)
    assert "--fold test_fold_num" in ran.stderr


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), classes=st.lists(TEXTS, min_size=2, max_size=4, unique=True), count=st.integers(1, 5))
def test_what_is_written_is_read(data: Any, classes: list[str], count: int, tmp_path_factory: Any) -> None:
    texts = st.lists(TEXTS, min_size=count, max_size=count).map(tuple)
    raw = np.random.default_rng(count).random((count, len(classes)))
    written = FinetunedPredictions(
        names=data.draw(texts),
        groups=data.draw(texts),
        folds=data.draw(texts),
        truth=data.draw(texts),
        predicted=np.array(
            data.draw(st.lists(st.integers(NO_CLASS, len(classes) - 1), min_size=count, max_size=count))
        ),
        probabilities=raw / raw.sum(axis=1, keepdims=True),
        positive=data.draw(st.integers(0, len(classes) - 1)),
        facts={"view": "v", "label": "l", "group": None, "fold": "f", "classes": classes, "random": False, "seed": 3},
    )
    folder = tmp_path_factory.mktemp("written")
    write_predictions(folder / "predictions.parquet", written)
    read = read_predictions(folder)
    assert (read.names, read.groups, read.folds, read.truth) == (
        written.names, written.groups, written.folds, written.truth,
    )  # fmt: skip
    assert np.array_equal(read.predicted, written.predicted)
    assert np.array_equal(read.probabilities, written.probabilities)
    assert read.positive == written.positive
    assert read.facts.items() >= written.facts.items()
