"""A model with an adapter: its weights, its digest, and what is said of an adapter for another model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes import functional

from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.checkpoints.adapter import open_adapter, write_adapter
from emollama_hf.encoders.emotion_llama.trained_names import PROJECTIONS, decoder_weight
from emollama_hf.errors import ModelError
from tests.checkpoints.adapters import adapter_facts, adapter_tensors, write_random_adapter
from tests.encoders import golden

QUERY = "language_model.layers.0.self_attn.q_proj.weight"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.convert_golden(tmp_path_factory.mktemp("adapted") / "model")


def with_factors(base: torch.Tensor, tensors: dict[str, torch.Tensor], layer: str, scale: float) -> torch.Tensor:
    """Said once more, without the code that is tested."""
    name = f"llama_model.base_model.model.{layer}"
    return base.double() + scale * tensors[f"{name}.lora_B.weight"].double() @ tensors[f"{name}.lora_A.weight"].double()


@pytest.mark.parametrize("on", ["original", "merged"])
def test_the_weights_are_the_base_with_the_adapters_factors(on: str, model: Path, tmp_path: Path) -> None:
    plain = open_model(model)
    tensors = adapter_tensors(plain)
    write_adapter(tmp_path / "adapter", tensors, adapter_facts(plain, on=on))
    found = open_model(model, adapter=tmp_path / "adapter").load("emotion_llama").state_dict()
    before = plain.load("emotion_llama").state_dict()
    base = golden.source_states()["llama"] if on == "original" else {}
    changed = set()
    for layer in range(3):
        for kind in "qv":
            name = f"model.layers.{layer}.self_attn.{kind}_proj"
            weight = decoder_weight(f"{name}.weight")
            start = base[f"{name}.weight"] if on == "original" else before[weight]
            assert (found[weight] - with_factors(start, tensors, name, 8.0 / 4)).abs().max() < 2e-6
            assert (found[weight] - before[weight]).abs().max() > 0.01
            changed.add(weight)
    for old, new in PROJECTIONS.items():
        for kind in ("weight", "bias"):
            if old != "feats_llama_proj3":
                assert torch.equal(found[f"{new}.{kind}"], tensors[f"{old}.{kind}"])
                changed.add(f"{new}.{kind}")
    assert all(torch.equal(found[name], before[name]) for name in before if name not in changed)


def test_the_upstream_layout_brings_the_projection_of_sound(model: Path, tmp_path: Path) -> None:
    adapter = write_random_adapter(tmp_path / "adapter", open_model(model), sound=True)
    found = open_model(model, adapter=adapter).load("emotion_llama")
    assert torch.equal(found.audio_projection.weight, open_adapter(adapter).tensors()["feats_llama_proj3.weight"])


def test_another_rank_and_alpha_than_the_originals(model: Path, tmp_path: Path) -> None:
    plain = open_model(model)
    adapter = write_random_adapter(tmp_path / "adapter", plain, rank=2, alpha=3.0)
    found = open_model(model, adapter=adapter).load("emotion_llama").state_dict()[QUERY]
    start = plain.load("emotion_llama").state_dict()[QUERY]
    tensors = open_adapter(adapter).tensors()
    assert (found - with_factors(start, tensors, "model.layers.0.self_attn.q_proj", 1.5)).abs().max() < 2e-6


@pytest.mark.parametrize("quantize", [None, "4bit"])
def test_merging_comes_before_rounding(quantize: Any, model: Path, tmp_path: Path) -> None:
    adapted = open_model(model, adapter=write_random_adapter(tmp_path / "adapter", open_model(model)))
    exact = adapted.load("emotion_llama").state_dict()[QUERY]
    layer = adapted.load("emotion_llama", dtype="bfloat16", quantize=quantize).language_model.layers[0].self_attn.q_proj
    if quantize is None:
        assert torch.equal(layer.weight, exact.bfloat16())
    else:
        packed, _ = functional.quantize_4bit(exact, quant_type="nf4", compress_statistics=False)
        assert torch.equal(layer.weight, packed)


def test_only_the_decoders_digest_is_another(model: Path, tmp_path: Path) -> None:
    plain = open_model(model)
    adapted = [
        open_model(model, adapter=write_random_adapter(tmp_path / str(seed), plain, seed=seed)) for seed in (0, 1)
    ]
    digests = {source.digest("emotion_llama") for source in (plain, *adapted)}
    assert len(digests) == 3
    assert open_model(model, adapter=tmp_path / "0").digest("emotion_llama") in digests
    for part in ("facemae", "videomae"):
        assert {source.digest(part) for source in adapted} == {plain.digest(part)}
        assert adapted[0].config(part) == plain.config(part)
    assert adapted[0].width("emotion_llama") == plain.width("emotion_llama")
    assert adapted[0].tokenizer("emotion_llama").encode("happy") == plain.tokenizer("emotion_llama").encode("happy")
    assert torch.equal(*(one.load_kept("emotion_llama")["lm_head.weight"] for one in (adapted[0], plain)))
    assert torch.equal(*(one.load("facemae").vit.cls_token for one in (adapted[0], plain)))


def test_what_is_recorded_of_it(model: Path, tmp_path: Path) -> None:
    adapter = write_random_adapter(tmp_path / "adapter", open_model(model))
    adapted, opened = open_model(model, adapter=adapter), open_adapter(adapter)
    file = {
        "name": "adapter.safetensors",
        "size": (adapter / "adapter.safetensors").stat().st_size,
        "sha256": opened.sha256,
    }
    origin = adapted.origin()
    assert origin["adapter"] == {"digest": opened.digest, **file}
    assert origin["checkpoints"] == [*open_model(model).origin()["checkpoints"], {"source": "adapter", **file}]
    stored, before = adapted.stored_tensors("emotion_llama"), open_model(model).stored_tensors("emotion_llama")
    assert len(before) - len(stored) == 2 * 3 + 2 * 4, "these have memory of their own"
    assert QUERY in before
    assert QUERY not in stored
    assert "audio_projection.weight" in stored


def test_a_random_model_can_have_one(tmp_path: Path) -> None:
    tiny = open_model("random-tiny")
    adapted = open_model("random-tiny", adapter=write_random_adapter(tmp_path / "adapter", tiny))
    assert adapted.is_random
    assert adapted.origin().keys() == {"adapter"}
    assert not torch.equal(*(one.load("emotion_llama").state_dict()[QUERY] for one in (tiny, adapted)))
    write_random_adapter(tmp_path / "original", tiny, on="original")
    with pytest.raises(ModelError, match="random-tiny has no LoRA factors"):
        open_model("random-tiny", adapter=tmp_path / "original").load("emotion_llama")


def test_changes_of_the_caller_come_after_the_adapters(model: Path, tmp_path: Path) -> None:
    """Training goes on from an adapter: its factors out of the weights leave the base again."""
    plain = open_model(model)
    for on in ("original", "merged"):
        adapted = open_model(model, adapter=write_random_adapter(tmp_path / on, plain, on=on))
        lora = adapted.load_lora("emotion_llama")
        assert lora.alpha == 8.0
        changes = {decoder_weight(name): factor.removed_from for name, factor in lora.factors.items()}
        network = adapted.load("emotion_llama", changes=changes, without=("vision_model",))
        found = network.language_model.state_dict()
        if on == "original":
            base = {name: tensor.float() for name, tensor in golden.source_states()["llama"].items()}
        else:
            state = plain.load("emotion_llama").language_model.state_dict()
            base = {f"model.{name}": tensor for name, tensor in state.items()}
        assert all((found[name] - base[f"model.{name}"]).abs().max() < 3e-6 for name in found)


def test_the_image_encoder_alone_needs_no_decoder(model: Path, tmp_path: Path) -> None:
    adapted = open_model(model, adapter=write_random_adapter(tmp_path / "adapter", open_model(model)))
    alone = adapted.load("emotion_llama", without=("language_model", "image_projection"))
    assert alone.language_model is None
    assert torch.equal(alone.facemae_projection.weight, adapted.adapter.tensors()["feats_llama_proj1.weight"])  # type: ignore[attr-defined]


def test_an_adapter_for_another_model(model: Path, tmp_path: Path) -> None:
    other = golden.convert_golden(tmp_path / "other", dtype="float16")
    adapter = write_random_adapter(tmp_path / "adapter", open_model(other))
    adapted = open_model(model, adapter=adapter)
    here, there = (open_model(one).digest("emotion_llama")[:12] for one in (model, other))
    said = (
        rf"was trained for another model than .*: its digests differ for emotion_llama \({there} in training, {here} "
        r"here\)\. Open it with 'the-base', with which it was trained .*, or train again on this model"
    )
    for ask in (adapted.digest, adapted.load, adapted.load_lora):
        with pytest.raises(ModelError, match=said):
            ask("emotion_llama")
    assert adapted.digest("facemae") == open_model(model).digest("facemae"), "nothing is said of it in training"


def test_a_face_encoder_of_another_model(model: Path, tmp_path: Path) -> None:
    """Features that the adapter never saw: said when that part is asked for, and all parts at once by check_base."""
    plain = open_model(model)
    facts = adapter_facts(plain)
    facts["base"]["parts"] |= {"facemae": "0" * 64, "videomae": plain.digest("videomae")}
    adapter = write_adapter(tmp_path / "adapter", adapter_tensors(plain), facts)
    adapted = open_model(model, adapter=adapter)
    adapted.load("emotion_llama", without=("vision_model",))
    adapted.load("videomae")
    for ask in (adapted.digest, adapted.load):
        with pytest.raises(ModelError, match=r"digests differ for facemae \(000000000000 in training"):
            ask("facemae")
    with pytest.raises(ModelError, match=r"digests differ for facemae \(0"):
        open_adapter(adapter).check_base(plain)


def test_an_adapter_on_factors_that_the_model_did_not_keep(model: Path, tmp_path: Path) -> None:
    plain = open_model(model)
    adapter = write_random_adapter(tmp_path / "adapter", plain, on="original")
    kept = model / "emotion_llama" / "lora.safetensors"
    moved = kept.rename(tmp_path / "lora.safetensors")
    try:
        with pytest.raises(ModelError, match=r"it was converted before the LoRA factors were kept"):
            open_model(model, adapter=adapter).load("emotion_llama")
    finally:
        moved.rename(kept)


def test_a_model_source_is_what_it_is(model: Path, tmp_path: Path) -> None:
    adapted = open_model(model, adapter=write_random_adapter(tmp_path / "adapter", open_model(model)))
    assert isinstance(adapted, ModelSource)
    assert (adapted.name, adapted.commit, adapted.is_random) == (str(model), None, False)
