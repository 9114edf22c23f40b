"""LoRA stays LoRA: the factors that a conversion keeps beside the weights into which it merges them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from emollama_hf.checkpoints import open_model
from emollama_hf.conversion.pickle_file import read_checkpoint
from emollama_hf.encoders.emotion_llama.lora import Lora
from emollama_hf.encoders.emotion_llama.trained_names import decoder_weight
from emollama_hf.errors import ModelError
from emollama_hf.files.digest import sha256_file
from tests.checkpoints.hub_server import serve
from tests.checkpoints.test_hub import REPO, ask, errors_of
from tests.encoders import golden


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.convert_golden(tmp_path_factory.mktemp("kept") / "model")


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "copy"))


def kept(model: Path) -> Path:
    return model / "emotion_llama" / "lora.safetensors"


def test_the_file_has_the_checkpoints_factors_as_they_are(model: Path) -> None:
    checkpoint = golden.source_states()["emotion_llama"]
    factors = {name: tensor for name, tensor in checkpoint.items() if ".lora_" in name}
    found = load_file(kept(model))
    assert found.keys() == factors.keys()
    assert all(found[name].dtype == factors[name].dtype and torch.equal(found[name], factors[name]) for name in found)
    with safe_open(kept(model), "pt") as file:
        assert file.metadata() == {"alpha": "2", "format": "pt"}


def test_the_factors_out_of_the_merged_weights_leave_the_base(model: Path) -> None:
    lora = open_model(model).load_lora("emotion_llama")
    base, merged = golden.source_states()["llama"], load_file(model / "emotion_llama" / "model.safetensors")
    assert lora.alpha == golden.MANIFEST["hyperparameters"]["lora"]["alpha"]
    layers = golden.MANIFEST["hyperparameters"]["llama"]["num_hidden_layers"]
    assert lora.factors.keys() == {
        f"model.layers.{layer}.self_attn.{kind}_proj.weight" for layer in range(layers) for kind in "qv"
    }
    for name, factor in lora.factors.items():
        stored = merged[decoder_weight(name)]
        assert factor.a.shape[0] == factor.b.shape[1] == 8
        assert not torch.equal(stored, base[name].float())
        back = factor.removed_from(stored)
        assert (back - base[name].float()).abs().max() < 1e-6
        assert torch.equal(back.half(), base[name]), "in the type of the base, to the bit"


def test_the_base_comes_back_of_a_half_type_to_its_rounding(tmp_path: Path) -> None:
    model = golden.convert_golden(tmp_path / "half", dtype="float16")
    lora = open_model(model).load_lora("emotion_llama")
    assert {factor.a.dtype for factor in lora.factors.values()} == {torch.float32}, "the checkpoint's, not the model's"
    base, merged = golden.source_states()["llama"], load_file(model / "emotion_llama" / "model.safetensors")
    for name, factor in lora.factors.items():
        stored = merged[decoder_weight(name)]
        assert stored.dtype == torch.float16
        away = (factor.removed_from(stored) - base[name].float()).abs()
        assert (away <= stored.abs().float() * 2**-11 + 1e-6).all()


def test_loading_with_the_factors_removed_is_the_plain_decoder(model: Path) -> None:
    """What training does: the base under the names of the part's files."""
    source = open_model(model)
    factors = source.load_lora("emotion_llama").factors
    changes = {decoder_weight(name): factor.removed_from for name, factor in factors.items()}
    network = source.load("emotion_llama", changes=changes, without=("vision_model",))
    base = golden.source_states()["llama"]
    for name, tensor in network.language_model.state_dict().items():
        assert (tensor - base[f"model.{name}"].float()).abs().max() < 1e-6


@given(
    rank=st.integers(1, 4), rows=st.integers(1, 6), columns=st.integers(1, 6),
    alpha=st.floats(0.1, 32), seed=st.integers(0, 2**16),
)  # fmt: skip
def test_removing_undoes_merging(rank: int, rows: int, columns: int, alpha: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(rank, columns, generator=generator), torch.randn(rows, rank, generator=generator)
    lora, weight = Lora(a, b, alpha / rank), torch.randn(rows, columns, generator=generator)
    merged = lora.merged_into(weight)
    limit = 1e-6 * (1 + merged.abs().max() + (lora.scale * b @ a).abs().max())
    assert (lora.removed_from(merged) - weight).abs().max() < limit


def test_the_digest_does_not_see_it_and_provenance_does(model: Path, copy: Path) -> None:
    recorded = json.loads((model / "provenance.json").read_text())["parts"]["emotion_llama"]
    assert recorded["kept"]["lora.safetensors"] == {
        "size": kept(model).stat().st_size,
        "sha256": sha256_file(kept(model)),
    }
    assert "lora.safetensors" not in recorded["files"]
    kept(copy).unlink()
    assert open_model(copy).digest("emotion_llama") == open_model(model).digest("emotion_llama") == recorded["digest"]
    assert torch.equal(*(open_model(one).load("emotion_llama").image_projection.bias for one in (copy, model)))


def test_a_model_that_was_converted_before_says_how_to_go_on(copy: Path) -> None:
    kept(copy).unlink()
    advice = (
        r"has no lora\.safetensors: it was converted before the LoRA factors were kept\. Run emollama-hf "
        r"convert again, with --eva, --emotion-llama and --llama, or train a new LoRA on top: lora='new' / --lora new\."
    )
    with pytest.raises(ModelError, match=advice):
        open_model(copy).load_lora("emotion_llama")


def test_what_has_no_factors_says_so(model: Path) -> None:
    with pytest.raises(ModelError, match=r"random-tiny has no LoRA factors: its weights are random.*--lora new"):
        open_model("random-tiny").load_lora("emotion_llama")
    with pytest.raises(ModelError, match="facemae has no LoRA"):
        open_model(model).load_lora("facemae")


def cut_short(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return dict(list(state.items())[1:])


def with_nan(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    name = next(iter(state))
    return {**state, name: state[name] * float("nan")}


def of_another_model(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: torch.cat([tensor, tensor], dim=1) for name, tensor in state.items()}


@pytest.mark.parametrize(
    ("change", "metadata", "said"),
    [
        (cut_short, {"alpha": "2"}, "1 missing: .*lora_[AB]"),
        (with_nan, {"alpha": "2"}, "NaN"),
        (of_another_model, {"alpha": "2"}, "of another shape"),
        (lambda state: {}, {"alpha": "2"}, "holds no LoRA factors"),
        (dict, {}, "says no LoRA alpha"),
        (dict, {"alpha": "-1"}, "says no LoRA alpha"),
        (dict, {"alpha": "sixteen"}, "says no LoRA alpha"),
    ],
)
def test_factors_that_do_not_fit(
    change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]],
    metadata: dict[str, str],
    said: str,
    copy: Path,
) -> None:
    save_file(change(load_file(kept(copy))), kept(copy), {**metadata, "format": "pt"})
    with pytest.raises(ModelError, match=r"lora\.safetensors is not the file that was converted"):
        open_model(copy).load_lora("emotion_llama")
    (copy / "provenance.json").unlink()  # or nothing but another hash would be said
    with pytest.raises(ModelError, match=said):
        open_model(copy).load_lora("emotion_llama")


def test_on_the_hub_it_is_fetched_when_it_is_asked_for(model: Path, tmp_path: Path) -> None:
    with serve(REPO, model) as (endpoint, downloads):
        ask(endpoint, tmp_path, "source.load('emotion_llama'), source.digest('emotion_llama')")
        assert "emotion_llama/model.safetensors" in downloads
        assert "emotion_llama/lora.safetensors" not in downloads
        alpha = "print(source.load_lora('emotion_llama').alpha)"
        assert ask(endpoint, tmp_path, alpha) == ["2.0"]
        assert downloads.count("emotion_llama/lora.safetensors") == 1
    with serve(REPO, golden.convert_golden(tmp_path / "encoders", llama=None)) as (endpoint, _):
        (message,) = ask(endpoint, tmp_path / "other", errors_of(["source.load_lora('emotion_llama')"]))
    assert "was converted without --llama" in message


def test_no_factors_are_kept_where_none_were_merged(tmp_path: Path) -> None:
    assert not kept(golden.convert_golden(tmp_path / "model", llama=None)).exists()


def test_a_checkpoint_of_the_originals_own_training_converts_like_the_published_one(tmp_path: Path) -> None:
    """checkpoint_best.pth: the same entries, the trained tensors with other values, the state of another epoch."""
    published = read_checkpoint(golden.SOURCES["emotion_llama"])
    generator = torch.Generator().manual_seed(0)
    trained = {
        name: tensor + 0.1 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in published["model"].items()
        if "lora_" in name or "llama_proj" in name
    }
    best = {**published, "model": {**published["model"], **trained}, "epoch": 12}
    torch.save(best, tmp_path / "checkpoint_best.pth")
    model = golden.convert_golden(tmp_path / "model", emotion_llama=tmp_path / "checkpoint_best.pth")
    found, base = load_file(model / "emotion_llama" / "model.safetensors"), golden.source_states()["llama"]
    assert torch.equal(found["image_projection.weight"], trained["llama_proj.weight"])
    lora = open_model(model).load_lora("emotion_llama")
    assert lora.alpha == 2.0
    for name, factor in lora.factors.items():
        prefix = f"llama_model.base_model.model.{name.removesuffix('.weight')}"
        a, b = (trained[f"{prefix}.lora_{which}.weight"].double() for which in "AB")
        assert torch.equal(factor.a.double(), a)
        assert (found[decoder_weight(name)] - (base[name].double() + 2.0 / 8 * b @ a)).abs().max() < 1e-6
