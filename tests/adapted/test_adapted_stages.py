"""A stage with an adapter: what it computes, which fingerprint it has, where the adapter travels, what is refused."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, Features
from safetensors.torch import load_file, save_file

import emollama_hf
from emollama_hf import EmoLlamaEmbed, EmotionPredict, FaceMAEEmbed, GenerateAnswer, ModelError, extract
from emollama_hf.checkpoints import open_model
from emollama_hf.encoders.emotion_llama.projections import PROJECTIONS
from tests.adapters import write_classifier
from tests.checkpoints.adapters import adapter_facts, adapter_tensors
from tests.encoders import golden
from tests.stages.test_answers import columns

PART = "emotion_llama"
PREFIX = "llama_model.base_model.model.model."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, an adapter for it, and the model into which its tensors were merged by hand."""
    root = tmp_path_factory.mktemp("adapted")
    golden.convert_golden(root / "model")
    write_classifier(root / "adapter", root / "model")
    merge_by_hand(root / "model", adapter_tensors(open_model(root / "model")), root / "merged")
    return root


def merge_by_hand(model: Path, trained: dict[str, Any], out: Path) -> None:
    """A copy of a model directory in which projections are replaced, and factors added to q and v."""
    shutil.copytree(model, out)
    (out / "provenance.json").unlink()
    (weights,) = (path for path in (out / PART).glob("*.safetensors") if path.name != "lora.safetensors")
    tensors = load_file(weights)
    lora = adapter_facts(open_model(model))["lora"]
    for name, value in trained.items():
        module, _, leaf = name.rpartition(".")
        if module in PROJECTIONS:
            tensors[f"{PROJECTIONS[module]}.{leaf}"] = value
        elif name.endswith("lora_A.weight"):
            layer = name.removeprefix(PREFIX).removesuffix(".lora_A.weight")
            merged = tensors[f"language_model.{layer}.weight"].float()
            added = trained[name.replace("lora_A", "lora_B")] @ value
            tensors[f"language_model.{layer}.weight"] = merged + lora["alpha"] / lora["r"] * added
    save_file(tensors, weights, metadata={"format": "pt"})


def test_hidden_states_are_those_of_the_merged_model(folder: Path) -> None:
    rows = columns("clip_a", "clip_b")
    found = EmoLlamaEmbed(folder / "model", adapter=folder / "adapter", store_dtype="float32")(rows)["emollama"]
    wanted = EmoLlamaEmbed(folder / "merged", store_dtype="float32")(rows)["emollama"]
    plain = EmoLlamaEmbed(folder / "model", store_dtype="float32")(rows)["emollama"]
    # One value of 18,816 differs by 1.02e-5 of the spread on some processors, whose products round otherwise.
    np.testing.assert_allclose(found, wanted, atol=2e-5 * np.std(wanted))
    assert not np.allclose(found, plain, atol=0.1)


def test_answers_are_those_of_the_merged_model(folder: Path) -> None:
    rows, options = columns("clip_a", "clip_c"), {"max_new_tokens": 6}
    found = GenerateAnswer(folder / "model", adapter=folder / "adapter", **options)(rows)
    assert found["answer"] == GenerateAnswer(folder / "merged", **options)(rows)["answer"]


def test_the_fingerprint_is_of_what_the_adapter_holds_and_not_of_where_it_lies(folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder / "adapter", tmp_path / "elsewhere")
    other = write_classifier(tmp_path / "other", folder / "model", seed=1)
    for stage in (EmoLlamaEmbed, EmotionPredict, GenerateAnswer):
        plain, one, again, another = (
            stage(folder / "model", adapter=adapter).fingerprint
            for adapter in (None, folder / "adapter", copied, other)
        )
        assert one == again
        assert len({plain, one, another}) == 3, stage


def test_the_answers_of_the_training_are_part_of_the_fingerprint(folder: Path, tmp_path: Path) -> None:
    other = write_classifier(tmp_path / "other", folder / "model", texts=("yes", "no"))
    one, two = (EmotionPredict(folder / "model", adapter=adapter) for adapter in (folder / "adapter", other))
    assert one.model_digest() == two.model_digest()
    assert one.fingerprint != two.fingerprint


def test_the_face_encoders_know_no_adapter(folder: Path) -> None:
    emollama_hf.configure(model=folder / "model", adapter=folder / "adapter")
    embed = emollama_hf.emollama_embed
    assert embed.fingerprint == EmoLlamaEmbed(folder / "model", adapter=folder / "adapter").fingerprint
    assert emollama_hf.facemae_embed.fingerprint == FaceMAEEmbed(folder / "model").fingerprint
    assert emollama_hf.facemae_embed.resolved_placement().adapter is None
    with pytest.raises(TypeError, match="adapter"):
        FaceMAEEmbed(folder / "model", adapter=folder / "adapter")
    emollama_hf.configure(model=folder / "model")
    assert embed.fingerprint == EmoLlamaEmbed(folder / "model").fingerprint


def test_a_configured_adapter_is_not_for_a_model_that_is_named(folder: Path) -> None:
    emollama_hf.configure(model=folder / "model", adapter=folder / "adapter")
    assert EmoLlamaEmbed(folder / "model").fingerprint == EmoLlamaEmbed(folder / "model", adapter=None).fingerprint
    assert emollama_hf.emotion_predict.config.labels == ("mind wandering", "non-mind wandering")
    assert EmotionPredict(folder / "model").config.prompt == "generation"


def test_a_pickle_brings_the_adapter(folder: Path) -> None:
    for stage in (EmoLlamaEmbed, EmotionPredict):
        one = stage(folder / "model", adapter=folder / "adapter")
        again = pickle.loads(pickle.dumps(one))
        assert again.placement.adapter == str(folder / "adapter")
        assert again.fingerprint == one.fingerprint
        assert again.config == one.config
    emollama_hf.configure(model=folder / "model", adapter=folder / "adapter")
    dumped = pickle.dumps(emollama_hf.emotion_predict)
    emollama_hf.configure(model="random-tiny")
    assert pickle.loads(dumped).fingerprint == EmotionPredict(folder / "model", adapter=folder / "adapter").fingerprint


def test_worker_processes_compute_the_same(folder: Path) -> None:
    rows = {name: list(values) for name, values in columns("clip_a", "clip_b", "clip_c").items()}
    ds = Dataset.from_dict(rows)
    predict = EmotionPredict(folder / "model", adapter=folder / "adapter", method="likelihood", device="cpu")
    features = Features({**ds.features, **predict.features})
    alone = ds.map(predict, batched=True, features=features, load_from_cache_file=False)
    several = ds.map(predict, batched=True, features=features, num_proc=2, load_from_cache_file=False)
    np.testing.assert_allclose(several["emotion_probs"], alone["emotion_probs"], rtol=1e-4)


def test_a_run_finds_again_what_the_same_adapter_has_computed(folder: Path, tmp_path: Path) -> None:
    ds = Dataset.from_dict({name: list(values) for name, values in columns("clip_a", "clip_b").items()})
    options: dict[str, Any] = {"stages": ["emotion_predict"], "method": "likelihood", "out": tmp_path / "out"}
    first = extract(ds, folder / "model", adapter=folder / "adapter", **options)
    moved = shutil.copytree(folder / "adapter", tmp_path / "moved")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EmotionPredict, "compute", None)  # nothing may be computed
        again = extract(ds, folder / "model", adapter=moved, **options)
    assert again["emotion_probs"] == first["emotion_probs"]


@pytest.mark.parametrize("stage", ["emollama_embed", "emotion_predict", "generate_answer"])
def test_an_adapter_that_is_missing_or_for_another_model_is_an_error_before_any_work(
    stage: str, folder: Path, tmp_path: Path
) -> None:
    ds = Dataset.from_dict({name: list(values) for name, values in columns("clip_a").items()})
    out = tmp_path / "out"
    with pytest.raises(ModelError, match="absent"):
        extract(ds, folder / "model", stages=[stage], adapter=tmp_path / "absent", out=out)
    with pytest.raises(ModelError, match=PART):
        extract(ds, folder / "merged", stages=[stage], adapter=folder / "adapter", out=out)
    assert not out.exists()


def test_an_adapter_without_effect_is_an_error(folder: Path) -> None:
    ds = Dataset.from_dict({"facemae_frames": [np.zeros((16, 8, 8, 3), np.uint8)]})
    with pytest.raises(ValueError, match=r"adapter=.* would have no effect"):
        extract(ds, folder / "model", stages=["facemae_embed"], adapter=folder / "adapter")


@pytest.mark.parametrize("stage", ["emollama_embed", "emotion_predict"])
def test_an_adapter_for_another_layout_is_an_error_before_any_work(stage: str, folder: Path, tmp_path: Path) -> None:
    upstream = write_classifier(tmp_path / "upstream", folder / "model", layout="upstream")
    ds = Dataset.from_dict({name: list(values) for name, values in columns("clip_a").items()})
    with pytest.raises(ModelError, match=r"trained with layout='upstream'.*layout='fork'"):
        extract(ds, folder / "model", stages=[stage], adapter=upstream, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert EmoLlamaEmbed(folder / "model", adapter=upstream, layout="upstream").fingerprint


def test_random_weights_with_an_adapter_still_mean_nothing(tmp_path: Path) -> None:
    adapter = write_classifier(tmp_path / "adapter", "random-tiny")
    stage = EmoLlamaEmbed("random-tiny", adapter=adapter)
    assert stage.source.is_random
    assert stage.fingerprint != EmoLlamaEmbed("random-tiny").fingerprint
    assert open_model("random-tiny", adapter=adapter).digest("facemae") == open_model("random-tiny").digest("facemae")
