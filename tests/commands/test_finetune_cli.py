"""`emollama-hf finetune` and `push-adapter` as a person meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from emollama_hf.training.public_facts import public_facts
from emollama_hf.training.recipe import FAULTS
from tests.commands.command_line import run, run_fresh
from tests.hub import hub
from tests.training.labelled import labelled

NAMED = ("--model", "random-tiny", "--label", "mw_label", "--group", "participant_id")
FOLDS = ("--fold-column", "test_fold_num")
QUICK = ("--max-steps", "2", "--batch-size", "8", "--accumulation", "1", "--lora-rank", "2")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("rows") / "rows"
    labelled(groups=8, rows_of_group=6, folds=2).save_to_disk(str(path))
    return str(path)


@pytest.fixture(scope="module")
def trained(rows: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder of all folds, and what the command printed."""
    out = tmp_path_factory.mktemp("trained") / "all"
    ran = run("finetune", rows, *NAMED, *FOLDS, "--fold", "all", *QUICK, "--class-weight", "MW=1.6", "--class-weight",
              "NonMW=0.7", "--target-text", "MW=away", "--target-text", "NonMW=here", "--out", str(out))  # fmt: skip
    return out, ran.stdout


def test_a_table_a_conclusion_and_what_is_next(trained: tuple[Path, str]) -> None:
    out, said = trained
    assert said.startswith("mw_label of 48 rows")
    assert "emollama-hf probe FEATURES --label mw_label --group participant_id --fold test_fold_num" in said
    assert f"emollama-hf push-adapter {out / 'fold-0'} ORG/NAME" in said
    assert "of random weights, which mean nothing" in said
    found = pd.read_parquet(out / "predictions.parquet")
    assert len(found) == 48
    assert set(found["fold"]) == {"0", "1"}
    facts = json.loads((out / "fold-1" / "provenance.json").read_text())
    assert facts["training"]["class_weights"] == {"MW": 1.6, "NonMW": 0.7}
    assert facts["labels"]["texts"] == ["here", "away"]
    assert facts["training"]["options"]["max_steps"] == 2


def test_of_what_training_records_names_of_folds_and_the_history_stay_here(trained: tuple[Path, str]) -> None:
    facts = json.loads((trained[0] / "fold-1" / "provenance.json").read_text())
    assert public_facts(facts)[1] == ("training.fold", "training.history")


def test_it_stands_in_the_table_of_a_probe(trained: tuple[Path, str], rows: str) -> None:
    told = ("--label", "mw_label", "--group", "participant_id", "--fold", "test_fold_num", "--columns", "facemae",
            "--permutations", "0", "--resamples", "200", "--adapter", str(trained[0]))  # fmt: skip
    said = run("probe", rows, *told, "--allow-random").stdout
    assert "finetuned" in said
    assert any(line.startswith("emotion_llama (corrected) - facemae") for line in said.splitlines())
    assert "trained on random weights" in run("probe", rows, *told, status=1).stderr


def test_an_adapter_is_pushed(trained: tuple[Path, str], tmp_path: Path) -> None:
    with hub() as server:
        told = run_fresh("push-adapter", str(trained[0] / "fold-0"), "org/adapter", **server.environment(tmp_path))
        assert server.repo("org/adapter").private
    assert "org/adapter (private): adapter.safetensors, provenance.json, README.md" in told.stdout
    assert 'EmoLlamaEmbed(model, adapter="org/adapter")' in told.stdout
    refused = run("push-adapter", str(trained[0]), "org/adapter", status=1)
    assert "holds the adapters of 2 folds" in refused.stderr


def test_the_published_recipe_lists_its_faults_first_and_one_fold_is_an_adapter(rows: str, tmp_path: Path) -> None:
    said = run("finetune", rows, *NAMED, *FOLDS, "--fold", "1", "--recipe", "as_published", "--max-steps", "1",
               "--out", str(tmp_path / "one")).stdout  # fmt: skip
    assert said.startswith("The recipe as it was published, for comparison. Its known faults:\n- ")
    assert all(fault in said for fault in FAULTS)
    assert (tmp_path / "one" / "adapter.safetensors").is_file()
    assert "fold 1 of test_fold_num" in said
    assert "emollama-hf probe" not in said


def test_a_data_set_that_does_not_exist_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    ran = run("finetune", "nothing", *NAMED, *FOLDS, "--fold", "0", "--out", str(tmp_path / "out"), status=1)
    assert "'nothing' is no directory here" in ran.stderr
    assert "Give a directory, a data set on the Hub (org/name), or a URL." in ran.stderr


def test_the_help_says_that_steps_stand_in_place_of_epochs() -> None:
    shown = " ".join(run("finetune", "--help").stdout.replace("│", " ").split())
    assert "Optimiser steps, in place of --epochs." in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((*FOLDS, "--fold", "7"), "7"),
        ((*FOLDS,), "fold_column='test_fold_num' without a fold"),
        (("--fold", "all"), "--fold-column"),
        ((*FOLDS, "--fold", "0", "--recipe", "best"), "Valid: corrected, as_published"),
        ((*FOLDS, "--fold", "0", "--class-weight", "MW"), "expected CLASS=VALUE"),
        ((*FOLDS, "--fold", "0", "--learning-rate", "7"), "expected a number from 0 to 1"),
        ((*FOLDS, "--fold", "0", "--lora", "continue"), "lora"),
    ],
)
def test_an_error_is_one_line(rows: str, options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    ran = run("finetune", rows, *NAMED, *options, "--out", str(tmp_path / "out"), status=1)
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert [line for line in ran.stderr.splitlines() if line.startswith("emollama-hf: ")][-1].endswith(".")
