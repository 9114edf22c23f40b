"""Adapters on a Hub over HTTP, with the real client: what is sent, what stays, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from emollama_hf.errors import ModelError, ShareError
from emollama_hf.files.digest import hash_file
from emollama_hf.training.adapter_card import adapter_card
from emollama_hf.training.public_facts import public_facts
from emollama_hf.training.push_adapter import push_adapter
from emollama_hf.training.recipe import FAULTS
from tests.hub import Hub, hub
from tests.sharing.clients import on_hub
from tests.training.small_adapters import provenance, small_adapter

REPO = "org/mindwandering-adapter"
PRIVATE = ("anna", "clip0", "p07", "p03", "workstation")


@pytest.fixture
def server() -> Iterator[Hub]:
    with hub() as running:
        yield running


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_adapter(tmp_path_factory.mktemp("finetuned") / "adapter")


def code(folder: Path, **options: object) -> str:
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    return (
        "import emollama_hf\n"
        "from emollama_hf.training.push_adapter import push_adapter\n"
        "try:\n"
        f"    done = push_adapter({str(folder)!r}, {REPO!r}{given})\n"
        "    print('DONE', *done.files, done.commit, *done.left_out)\n"
        "except emollama_hf.ShareError as error:\n"
        "    print('ERROR', error)\n"
    )


def test_a_new_repository_is_private_and_names_nobody(adapter: Path, server: Hub, tmp_path: Path) -> None:
    told = on_hub(server, tmp_path, code(adapter, tag="v1"))
    repo = server.repo(REPO)
    assert f"DONE adapter.safetensors provenance.json README.md {repo.branches['main']}" in told
    assert "host training.fold training.history training.source training.names" in told
    assert repo.private
    assert repo.tags == {"v1": repo.branches["main"]}
    files = repo.files()
    assert sorted(files) == [".gitattributes", "README.md", "adapter.safetensors", "provenance.json"]
    assert files["adapter.safetensors"] == (adapter / "adapter.safetensors").read_bytes()
    texts = files["README.md"].decode() + files["provenance.json"].decode()
    assert not [name for name in PRIVATE if name in texts]
    published = json.loads(files["provenance.json"])
    assert published["base"]["name"] == "emotion-llama-hf"
    assert published["base"]["parts"]["emotion_llama"] == "ab" * 32
    assert published["results"]["metrics"]["auc_roc"].keys() == {"value", "low", "high"}
    metadata = yaml.safe_load(files["README.md"].decode().split("---\n")[1])
    assert metadata["license"] == "llama2"
    assert metadata["base_model"] == "meta-llama/Llama-2-7b-chat-hf"


def test_a_token_of_ones_own_and_a_second_push(adapter: Path, server: Hub, tmp_path: Path) -> None:
    told = on_hub(server, tmp_path, code(adapter, token=server.token) * 2, token="")
    assert told.count("DONE") == 2
    assert server.token not in told
    assert "ERROR no login" in on_hub(server, tmp_path, code(adapter), token="")


def test_a_public_repository_is_refused_unless_it_is_meant(adapter: Path, server: Hub, tmp_path: Path) -> None:
    told = on_hub(server, tmp_path, code(adapter, private=False) + code(adapter) + code(adapter, private=False))
    assert not server.repo(REPO).private
    assert "ERROR org/mindwandering-adapter is public" in told
    assert told.count("DONE") == 2


def test_a_hub_that_refuses_publishes_nothing(adapter: Path, server: Hub, tmp_path: Path) -> None:
    server.fail("POST", "/commit/", status=403, times=9)
    told = on_hub(server, tmp_path, code(adapter))
    assert "ERROR org/mindwandering-adapter: the Hub refused" in told
    assert sorted(server.repo(REPO).files()) == [".gitattributes"]


def test_folders_that_are_no_adapter(adapter: Path, tmp_path: Path) -> None:
    for name in ("fold-0", "fold-1"):
        small_adapter(tmp_path / "all" / name)
    small_adapter(tmp_path / "odd", **{"llama_model.lm_head.weight": torch.ones(3)})
    (small_adapter(tmp_path / "torn") / "adapter.safetensors").write_bytes(b"torn")
    noted = small_adapter(tmp_path / "noted") / "adapter.safetensors"
    save_file(load_file(noted), noted, {"format": "pt", "made_by": "anna"})
    facts = json.loads((noted.parent / "provenance.json").read_text())
    (noted.parent / "provenance.json").write_text(json.dumps({**facts, "files": {noted.name: hash_file(noted)}}))
    for folder, said in {
        "all": "holds the adapters of 2 folds",
        "odd": "'llama_model.lm_head.weight', expected the tensors of an adapter alone",
        "noted": "'made_by', expected the tensors of an adapter alone",
        "torn": "is not the file that provenance.json describes",
        "none": "there is no such folder",
    }.items():
        with pytest.raises((ShareError, ModelError), match=re.escape(said)):
            push_adapter(tmp_path / folder, REPO)
    with pytest.raises(ShareError, match="is no repository of the Hub, expected OWNER/NAME"):
        push_adapter(adapter, "./name")


def test_a_colleague_opens_it_by_its_name(adapter: Path, server: Hub, tmp_path: Path) -> None:
    told = on_hub(server, tmp_path, code(adapter) + (
        "from emollama_hf.checkpoints.adapter import open_adapter\n"
        f"there, here = open_adapter({REPO!r}), open_adapter({str(adapter)!r})\n"
        "print('SAME', there.digest == here.digest, there.commit == done.commit, there.base_parts == here.base_parts)\n"
    ))  # fmt: skip
    assert "SAME True True True" in told


def test_a_path_in_a_text_that_is_public_stays_here() -> None:
    facts = provenance()
    facts["prompt"]["instruction"] = "See /home/anna/clips/a.mp4."
    facts["training"]["seed"] = "/home/anna"
    facts["labels"]["texts"] = ["/home/anna/x/y", "b"]
    found, left_out = public_facts(facts)
    assert {"prompt.instruction", "training.seed", "labels.texts"} <= set(left_out)
    assert "anna" not in json.dumps(found)


def test_the_card_says_what_it_was_trained_on_and_what_it_is_not_for() -> None:
    card = adapter_card(public_facts(provenance())[0], REPO)
    for said in (
        "| trained on | 84 clips of 7 groups (",
        "| best epoch chosen by | 24 clips: epoch 3 |",
        "| held out | 36 clips, a fold of `test_fold_num` |",
        "Of 36 clips of 3 groups that were held out",
        "corrected, seed 42, learning rate 0.0001, epochs 5, batch 4 x 4",
        "rank 2, alpha 16, on `q_proj` and `v_proj`",
        "NonMW 0.8, MW 1.6",
        "`[classification] Is the mind wandering?`",
        "Not for surveillance, and not for decisions about people",
        "Labels are reports",
        "LLAMA 2 Community License",
        'adapter="org/mindwandering-adapter"',
    ):
        assert said in card, said
    assert re.search(r"\| AUC-ROC \| \.\d\d \[\.\d\d, (\.\d\d|1\.00)\] \| ", card)
    published = adapter_card(public_facts(provenance(recipe="as_published"))[0], REPO)
    assert published.count(FAULTS[2]) == 1


def test_a_base_of_random_weights_has_no_licence_and_says_so() -> None:
    card = adapter_card(public_facts(provenance(random=True))[0], REPO)
    assert "its answers mean nothing" in card
    assert "Llama-2" not in card
    assert "license" not in card.split("---\n")[1]


def test_a_card_without_results_and_with_few_facts() -> None:
    card = adapter_card(public_facts({"kind": "adapter", "lora": {"r": 4}})[0], REPO)
    assert "Nothing was held out" in card
    assert "of how many people is not recorded" in card
    untested = adapter_card(public_facts(provenance(recipe="as_published", tested=False))[0], REPO)
    assert "Nothing was held out" in untested
    assert FAULTS[2] in untested


def test_all_that_a_training_records_is_public_but_for_what_may_name_people_or_is_long() -> None:
    assert set(public_facts(provenance())[1]) == {
        "host", "training.fold", "training.history", "training.source", "training.names",
    }  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_value_is_published_in_its_form_or_not_at_all(data: Any) -> None:
    """A stranger's provenance.json, too: nothing raises, what is public stays public, and a card can be written."""
    facts = provenance()
    part = data.draw(st.sampled_from(["lora", "base", "prompt", "labels", "training", "results"]))
    where = facts[part] if data.draw(st.booleans()) else facts
    where[data.draw(st.sampled_from(sorted(where)))] = data.draw(JSON)
    found, _ = public_facts(facts)
    assert public_facts(found) == (found, ())
    assert adapter_card(found, REPO).startswith("---\n")
