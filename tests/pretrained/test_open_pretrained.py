"""Names of encoders: what they mean, what is cheap, and errors that say the next step."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from emollama_hf.errors import MissingPartError, ModelError
from emollama_hf.pretrained import open_pretrained
from tests.pretrained.saved_models import save_timm, save_transformers, timm_model, transformers_model


def test_opening_imports_no_torch(tmp_path: Path) -> None:
    save_timm(timm_model("vit"), tmp_path / "model")
    program = (
        "import sys\n"
        "from emollama_hf.pretrained import open_pretrained\n"
        "from emollama_hf.encoders import find_encoder\n"
        "find_encoder('image_encoder')\n"
        f"print(open_pretrained({str(tmp_path / 'model')!r}).part, open_pretrained('no/repository').commit)\n"
        "print({'torch', 'timm', 'transformers'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("image_encoder None\nset()\n", "")


@pytest.mark.parametrize(
    ("name", "weights", "said"),
    [
        ("", None, "is empty"),
        ("resnet50", None, "nothing is downloaded"),
        ("resnet50", "absent.pth", "there is no such file"),
        ("resnet50", ".", "is a directory"),
        ("resnet50", "notes.txt", "expected a checkpoint"),
        ("notes.txt", None, "is a file"),
        ("./no such model", None, "no such directory"),
        ("a/b/c", None, "no such directory"),
        ("resnet50\0", None, "no file can have this name"),
    ],
)
def test_names_that_mean_nothing(
    name: str, weights: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(ModelError, match=said):
        open_pretrained(name, weights=weights)


def test_an_architecture_that_timm_does_not_know(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(1)}, tmp_path / "own.pth")
    with pytest.raises(ModelError, match="Names like it: resnet50"):
        open_pretrained("resnet50o", weights=tmp_path / "own.pth").config("image_encoder")


def test_a_tag_decides_the_pictures(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(1)}, tmp_path / "own.pth")
    mean = {}
    for name in ("vit_base_patch16_clip_224.openai", "vit_base_patch16_224"):
        config = open_pretrained(name, weights=tmp_path / "own.pth").config("image_encoder")
        assert (config["width"], config["architecture"]) == (768, name.split(".")[0])
        mean[name] = config["preprocessing"]["mean"][0]
    assert mean == {"vit_base_patch16_clip_224.openai": 0.48145466, "vit_base_patch16_224": 0.5}


def test_another_part_is_refused(tmp_path: Path) -> None:
    source = open_pretrained(save_timm(timm_model("vit"), tmp_path))
    with pytest.raises(MissingPartError, match="its part is image_encoder, and facemae is asked for"):
        source.load("facemae")
    with pytest.raises(ModelError, match="no tokenizer"):
        source.tokenizer("image_encoder")
    with pytest.raises(ModelError, match="quantize"):
        source.load("image_encoder", quantize="4bit")


@pytest.mark.parametrize(
    ("absent", "said"), [("config.json", "has no config.json"), ("model.safetensors", "has no weights")]
)
def test_a_directory_that_lacks_a_file(absent: str, said: str, tmp_path: Path) -> None:
    save_timm(timm_model("vit"), tmp_path)
    (tmp_path / absent).unlink()
    with pytest.raises(ModelError, match=said):
        open_pretrained(tmp_path).load("image_encoder")


@pytest.mark.parametrize("content", ["{", "[1]", '{"a": NaN}', "\xff"])
def test_a_config_that_is_no_object(content: str, tmp_path: Path) -> None:
    save_timm(timm_model("vit"), tmp_path)
    (tmp_path / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ModelError, match="not JSON of a configuration"):
        open_pretrained(tmp_path).load("image_encoder")


def test_a_link_out_of_the_directory_is_refused(tmp_path: Path) -> None:
    save_timm(timm_model("vit"), tmp_path / "model")
    shutil.move(tmp_path / "model" / "model.safetensors", tmp_path / "elsewhere.safetensors")
    (tmp_path / "model" / "model.safetensors").symlink_to(tmp_path / "elsewhere.safetensors")
    with pytest.raises(ModelError, match="outside of"):
        open_pretrained(tmp_path / "model").load("image_encoder")


def test_shards_and_pickles_give_what_one_file_gives(tmp_path: Path) -> None:
    model = transformers_model("dinov2")
    save_transformers(model, "dinov2", tmp_path / "one")
    save_transformers(model, "dinov2", tmp_path / "shards")
    (tmp_path / "shards" / "model.safetensors").unlink()
    model.save_pretrained(tmp_path / "shards", max_shard_size="10KB")
    assert len(list((tmp_path / "shards").glob("model-*.safetensors"))) > 1
    save_transformers(model, "dinov2", tmp_path / "pickle")
    state = load_file(tmp_path / "pickle" / "model.safetensors")
    (tmp_path / "pickle" / "model.safetensors").unlink()
    torch.save(state, tmp_path / "pickle" / "pytorch_model.bin")
    save_timm(timm_model("vit"), tmp_path / "timm", safe=False)
    expected, *others = (
        dict(open_pretrained(tmp_path / name).load("image_encoder").named_parameters())
        for name in ("one", "shards", "pickle")
    )
    for other in others:
        assert all(torch.equal(other[name], tensor) for name, tensor in expected.items())
    assert open_pretrained(tmp_path / "timm").load("image_encoder").width == 16
    (shard, *_) = (tmp_path / "shards").glob("model-*.safetensors")
    shard.unlink()
    with pytest.raises(ModelError, match="lacks 1 of"):
        open_pretrained(tmp_path / "shards").load("image_encoder")


def test_the_digest_is_of_what_is_computed(tmp_path: Path) -> None:
    first = tmp_path / "first"
    save_transformers(transformers_model("vit"), "vit", first)
    digest = open_pretrained(first).digest("image_encoder")
    assert len(digest) == 64
    shutil.copytree(first, tmp_path / "deep" / "er")
    assert open_pretrained(tmp_path / "deep" / "er").digest("image_encoder") == digest
    (first / "README.md").write_text("A card.")
    assert open_pretrained(first).digest("image_encoder") == digest

    def changed(name: str, **more: object) -> str:
        path = first / name
        before = path.read_text()
        path.write_text(json.dumps(json.loads(before) | more))
        found = open_pretrained(first).digest("image_encoder")
        path.write_text(before)
        return found

    others = {
        changed("preprocessor_config.json", image_mean=[0.4, 0.5, 0.5]),
        changed("preprocessor_config.json", resample=3),
        changed("config.json", layer_norm_eps=1e-5),
        changed("config.json", hidden_act="relu"),
    }
    # Names of classes and labels, and who wrote the file, change nothing.
    assert changed("config.json", id2label={"0": "joy"}, architectures=["Other"], transformers_version="4") == digest
    state = load_file(first / "model.safetensors")
    state["layernorm.bias"] = state["layernorm.bias"] + 1
    save_file(state, first / "model.safetensors")
    others.add(open_pretrained(first).digest("image_encoder"))
    assert len(others | {digest}) == 6


def test_the_digest_of_a_checkpoint_is_of_its_bytes_and_not_its_name(tmp_path: Path) -> None:
    state = timm_model("vit").state_dict()
    torch.save(state, tmp_path / "a.pth")
    (tmp_path / "folder").mkdir()
    shutil.copy(tmp_path / "a.pth", tmp_path / "folder" / "b.pt")
    digests = {
        open_pretrained("test_vit", weights=path).digest("image_encoder")
        for path in (tmp_path / "a.pth", tmp_path / "folder" / "b.pt")
    }
    assert len(digests) == 1
    assert open_pretrained("test_vit2", weights=tmp_path / "a.pth").digest("image_encoder") not in digests


def test_origin_names_the_files(tmp_path: Path) -> None:
    (weights,) = open_pretrained(save_timm(timm_model("vit"), tmp_path)).origin()["weights"]
    assert weights["name"] == "model.safetensors"
    assert weights["size"] == (tmp_path / "model.safetensors").stat().st_size
    assert len(weights["sha256"]) == 64
