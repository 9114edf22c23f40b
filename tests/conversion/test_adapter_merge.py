"""`convert --adapter`: an adapter becomes a part of a model directory, which computes what both compute together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import emollama_hf
from emollama_hf import ModelError
from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.checkpoints.adapter import open_adapter
from emollama_hf.checkpoints.write import write_model
from emollama_hf.encoders.emotion_llama.prompt import VISUAL_ID
from emollama_hf.encoders.emotion_llama.trained_names import decoder_weight
from emollama_hf.files.digest import sha256_file
from tests.checkpoints.adapters import write_random_adapter
from tests.checkpoints.hub_server import serve
from tests.checkpoints.test_hub import REPO, ask
from tests.commands.command_line import run
from tests.encoders import golden
from tests.encoders.golden import SOURCES, convert_golden
from tests.small_disk import small_disk

ARCHITECTURE = golden.MANIFEST["hyperparameters"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert_golden(tmp_path_factory.mktemp("merge") / "base")


@pytest.fixture(scope="module", params=["original", "merged"])
def adapter(request: pytest.FixtureRequest, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_adapter(tmp_path_factory.mktemp("adapter") / "fold-0", open_model(model), on=request.param)


@pytest.fixture(scope="module")
def merged(model: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emollama_hf.convert(model=model, adapter=adapter, out=tmp_path_factory.mktemp("merged") / "model")


def hidden_states(source: ModelSource) -> torch.Tensor:
    network = source.load("emotion_llama")
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 2, network.config.feature_size, generator=generator)
    pixels = network.pixels(np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8))[None]
    ids = torch.cat(
        [torch.tensor([1, 15]), torch.full((network.config.visual_tokens(2),), VISUAL_ID), torch.tensor([7, 2])]
    )
    with torch.inference_mode():
        return network(pixels, features, ids[None]).last_hidden_state


def same_weights(one: ModelSource, other: ModelSource) -> bool:
    """To the bit. What they compute may differ by rounding: a mapped tensor is aligned as its file has it."""
    states = [source.load("emotion_llama").state_dict() for source in (one, other)]
    return all(torch.equal(states[0][name], states[1][name]) for name in {**states[0], **states[1]})


def provenance(model: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((model / "provenance.json").read_text())
    return found


def test_it_computes_what_both_compute_together(model: Path, adapter: Path, merged: Path) -> None:
    together, found = hidden_states(open_model(model, adapter=adapter)), hidden_states(open_model(merged))
    assert (found - together).abs().max() <= 1e-5 * together.std()
    assert (hidden_states(open_model(model)) - together).std() > 0.1 * together.std()


def test_its_other_tensors_and_parts_are_those_of_the_base(model: Path, adapter: Path, merged: Path) -> None:
    name = "emotion_llama/model.safetensors"
    before, found = load_file(model / name), load_file(merged / name)
    assert found.keys() == before.keys()
    assert "lm_head.weight" in found
    changed = {name for name in found if not torch.equal(found[name], before[name])}
    assert len(changed) == 2 * 3 + 2 * 4
    assert {found[name].dtype for name in changed} == {torch.float32}
    assert all(found[name].dtype == before[name].dtype for name in found if name not in changed)
    files = {path.relative_to(model) for path in model.rglob("*") if path.is_file()}
    assert files == {path.relative_to(merged) for path in merged.rglob("*") if path.is_file()}
    different = {path.as_posix() for path in files if sha256_file(model / path) != sha256_file(merged / path)}
    assert different == {name, "emotion_llama/lora.safetensors", "provenance.json"}


def test_training_can_go_on_from_the_adapters_factors(model: Path, adapter: Path, merged: Path) -> None:
    lora, opened = open_model(merged).load_lora("emotion_llama"), open_adapter(adapter)
    assert lora.alpha == opened.alpha == 8.0
    kept, trained = load_file(merged / "emotion_llama" / "lora.safetensors"), opened.tensors()
    assert kept.keys() == {name for name in trained if ".lora_" in name}
    assert all(torch.equal(kept[name], trained[name]) for name in kept)
    with safe_open(merged / "emotion_llama" / "lora.safetensors", "pt") as file:
        assert file.metadata() == {"alpha": "8", "format": "pt"}
    weights = load_file(merged / "emotion_llama" / "model.safetensors")
    before, published = load_file(model / "emotion_llama" / "model.safetensors"), golden.source_states()["llama"]
    for name, factor in lora.factors.items():
        base = published[name].float() if opened.on == "original" else before[decoder_weight(name)]
        assert (factor.removed_from(weights[decoder_weight(name)]) - base).abs().max() < 3e-6


def test_provenance_names_both(model: Path, adapter: Path, merged: Path) -> None:
    before, found, opened = provenance(model), provenance(merged), open_adapter(adapter)
    assert found["merged"]["model"] == {
        "name": "base",
        "commit": None,
        "parts": {part: before["parts"][part]["digest"] for part in before["parts"]},
    }
    assert found["merged"]["adapter"]["digest"] == opened.digest
    assert found["merged"]["adapter"]["name"] == "fold-0"
    assert found["merged"]["adapter"]["provenance.json"] == opened.provenance
    assert found["sources"] == {**before["sources"], "adapter": found["sources"]["adapter"]}
    assert found["sources"]["adapter"]["sha256"] == opened.sha256
    assert found["options"]["lora_alpha"] == 8.0
    digests = {part: found["parts"][part]["digest"] == before["parts"][part]["digest"] for part in before["parts"]}
    assert digests == {"facemae": True, "videomae": True, "emotion_llama": False}
    last = open_model(merged).origin()["checkpoints"][-1]
    assert (last["source"], last["name"]) == ("adapter", "adapter.safetensors")


def test_from_the_originals_files_it_is_the_same(model: Path, adapter: Path, merged: Path, tmp_path: Path) -> None:
    out = convert_golden(tmp_path / "model", adapter=adapter)
    one, other = provenance(out), provenance(merged)
    assert {part: entry["digest"] for part, entry in one["parts"].items()} == {
        part: entry["digest"] for part, entry in other["parts"].items()
    }
    assert one["merged"]["model"]["parts"] == other["merged"]["model"]["parts"]
    assert {path.relative_to(out) for path in out.rglob("*")} == {
        path.relative_to(merged) for path in merged.rglob("*")
    }
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_in_a_half_type_all_of_it_is(tmp_path: Path) -> None:
    base = convert_golden(tmp_path / "base", dtype="float16")
    adapter = write_random_adapter(tmp_path / "adapter", open_model(base))
    out = convert_golden(tmp_path / "model", adapter=adapter, dtype="float16")
    assert {tensor.dtype for tensor in load_file(out / "emotion_llama" / "model.safetensors").values()} == {
        torch.float16
    }
    wide = load_file(
        emollama_hf.convert(model=base, adapter=adapter, out=tmp_path / "wide") / "emotion_llama" / "model.safetensors"
    )
    assert wide["image_projection.weight"].dtype == torch.float32
    assert wide["audio_projection.weight"].dtype == torch.float16


def test_a_model_in_several_files(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emollama_hf.checkpoints.write.SHARD_BYTES", 200_000)
    base = convert_golden(tmp_path / "base")
    adapter = write_random_adapter(tmp_path / "adapter", open_model(base))
    out = emollama_hf.convert(model=base, adapter=adapter, out=tmp_path / "model")
    assert len(list((out / "emotion_llama").glob("model-*.safetensors"))) > 2
    assert same_weights(open_model(out), open_model(base, adapter=adapter))


def test_a_model_that_was_written_by_hand(tmp_path: Path) -> None:
    base = write_model(
        tmp_path / "base",
        emotion_llama=open_model("random-tiny").load("emotion_llama"),
        tokenizer=golden.LLAMA,
        provenance={},
    )
    adapter = write_random_adapter(tmp_path / "adapter", open_model(base))
    ran = run("convert", "--model", str(base), "--adapter", str(adapter), "--out", str(tmp_path / "model"))
    assert "The adapter adapter was merged into base." in " ".join(ran.stdout.split())
    merged = open_model(tmp_path / "model")
    assert merged.load_lora("emotion_llama").alpha == 8.0
    assert same_weights(merged, open_model(base, adapter=adapter))


def test_the_command_line_says_what_became_of_it(model: Path, adapter: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "model")
    ran = run("convert", "--model", str(model), "--adapter", str(adapter), "--out", out)
    for text in ("adapter.safetensors", "merged with alpha 8 (from the adapter)", "fold-0 was merged into base"):
        assert text in " ".join(ran.stdout.split())
    assert ran.stderr == ""
    sizes = tmp_path / "sizes.json"
    sizes.write_text(json.dumps(ARCHITECTURE))
    options = [text for name, path in SOURCES.items() for text in (f"--{name.replace('_', '-')}", str(path))]
    more = ("--architecture", str(sizes), "--adapter", str(adapter), "--out", str(tmp_path / "two"))
    assert "The adapter fold-0 was merged." in run("convert", *options, *more).stdout
    one, two = (open_model(path).digest("emotion_llama") for path in (out, tmp_path / "two"))
    assert one == two


def test_requests_that_say_nothing_or_two_things(model: Path, adapter: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sources = {name: str(path) for name, path in SOURCES.items()}
    for arguments, said in (
        ({"model": model}, "no --adapter was given"),
        ({"adapter": adapter}, "nothing to merge it into. Name the model directory"),
        ({"model": model, "adapter": adapter, "eva": sources["eva"]}, "--eva is for a conversion from the original's"),
        ({"model": model, "adapter": adapter, "dtype": "float16"}, "--dtype is for a conversion"),
        ({"model": model, "adapter": adapter, "lora_alpha": 16.0}, "--lora-alpha is for a conversion"),
        ({"adapter": adapter, "eva": sources["eva"]}, "which needs --emotion-llama, --llama as well"),
        ({"model": "random-tiny", "adapter": adapter}, "has random weights and no files"),
        ({"model": tmp_path / "nothing", "adapter": adapter}, "there is no such directory"),
        ({"model": model, "adapter": model}, "is a model directory: give it as model="),
    ):
        with pytest.raises(ModelError, match=said):
            emollama_hf.convert(out=out, **arguments)
        assert not out.exists()


def test_an_adapter_for_another_model_is_merged_into_none(model: Path, tmp_path: Path) -> None:
    other = convert_golden(tmp_path / "other", dtype="float16")
    adapter = write_random_adapter(tmp_path / "adapter", open_model(other))
    for arguments in ({"model": model}, {**SOURCES, "architecture": ARCHITECTURE}):
        with pytest.raises(ModelError, match="trained for another model"):
            emollama_hf.convert(out=tmp_path / "out", adapter=adapter, **arguments)  # type: ignore[arg-type]
        assert {path.name for path in tmp_path.iterdir()} == {"other", "adapter"}


def test_a_model_that_has_been_merged_takes_the_adapter_no_more(merged: Path, adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="trained for another model"):
        emollama_hf.convert(model=merged, adapter=adapter, out=tmp_path / "twice")


def test_factors_that_the_model_did_not_keep(model: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(model, tmp_path / "base"))
    (base / "emotion_llama" / "lora.safetensors").unlink()
    adapter = write_random_adapter(tmp_path / "adapter", open_model(base), on="original")
    with pytest.raises(ModelError, match="converted before the LoRA factors were kept"):
        emollama_hf.convert(model=base, adapter=adapter, out=tmp_path / "out")
    on_top = write_random_adapter(tmp_path / "top", open_model(base), on="merged")
    assert open_model(emollama_hf.convert(model=base, adapter=on_top, out=tmp_path / "out")).load_lora("emotion_llama")


def test_a_disk_that_is_full(model: Path, adapter: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1_000_000):
        with pytest.raises(ModelError, match=r"has 1\.0 MB free, the result needs 3\.\d MB\. Make room"):
            emollama_hf.convert(model=model, adapter=adapter, out=tmp_path / "disk" / "model")
        assert list((tmp_path / "disk").iterdir()) == []


def test_a_model_of_the_hub(model: Path, tmp_path: Path) -> None:
    adapter = write_random_adapter(tmp_path / "adapter", open_model(model))
    program = (
        "import emollama_hf\n"
        f"emollama_hf.convert(model={REPO!r}, adapter={str(adapter)!r}, out={str(tmp_path / 'out')!r})\n"
        "print('done')"
    )
    with serve(REPO, model) as (endpoint, downloads):
        assert ask(endpoint, tmp_path / "home", program) == ["done"]
    assert "emotion_llama/lora.safetensors" not in downloads, "an adapter on top needs none of it"
    out = tmp_path / "out"
    assert not any(path.is_symlink() for path in out.rglob("*"))
    assert provenance(out)["merged"]["model"]["name"] == REPO
    assert same_weights(open_model(out), open_model(model, adapter=adapter))
