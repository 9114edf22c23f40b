"""The index of shards says which file holds a tensor: no other file's copy is used, whatever the order of the files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from emollama_hf import ModelError
from emollama_hf.checkpoints import open_model
from emollama_hf.conversion.pickle_file import read_checkpoint
from tests.conversion.test_convert import as_shards
from tests.encoders.golden import convert_golden

NORM = "model.norm.weight"
ONLY_LLAMA = {"eva": None, "emotion_llama": None, "facemae": None, "videomae": None}


def read(path: Path) -> dict[str, torch.Tensor]:
    loaded = load_file(path) if path.suffix == ".safetensors" else read_checkpoint(path)
    return {name: tensor.clone() for name, tensor in loaded.items()}


def write(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    (save_file if path.suffix == ".safetensors" else torch.save)(tensors, path)


def change_index(folder: Path, change: Callable[[dict[str, str]], object]) -> None:
    (path,) = folder.glob("*.index.json")
    index = json.loads(path.read_text())
    change(index["weight_map"])
    path.write_text(json.dumps(index))


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_a_stale_copy_before_or_after_the_right_file_is_left_out_and_said(kind: str, tmp_path: Path) -> None:
    folder = as_shards(tmp_path / "llama", kind, 3)
    digest = open_model(convert_golden(tmp_path / "model", llama=folder)).digest("emotion_llama")
    (index,) = folder.glob("*.index.json")
    home = json.loads(index.read_text())["weight_map"][NORM]
    others = [path for path in sorted(folder.glob(f"*.{kind}")) if path.name != home]
    for path in others:
        write(path, {**read(path), NORM: torch.full((96,), 7.0)})
    out = convert_golden(tmp_path / "stale", llama=folder)
    assert open_model(out).digest("emotion_llama") == digest
    dropped = json.loads((out / "provenance.json").read_text())["sources"]["llama"]["dropped"]
    assert dropped == [f"{NORM} of {path.name}" for path in others]


def test_indexes_that_do_not_belong_to_their_files(tmp_path: Path) -> None:
    folder = as_shards(tmp_path / "llama", "safetensors", 2)
    (index,) = folder.glob("*.index.json")
    original = index.read_text()
    first, second = (f"model-0000{number}-of-00002.safetensors" for number in (1, 2))
    home = json.loads(original)["weight_map"][NORM]
    other = second if home == first else first
    for change, message in (
        (
            lambda places: places.update({NORM: other}),
            rf"tensors that are not in the file that it names \(1\): {NORM} \({other}; it is in {home}",
        ),
        (
            lambda places: places.update(nobody=first),
            rf"tensors that are not in the file that it names \(1\): nobody \({first}\)",
        ),
        (lambda places: places.pop(NORM), rf"tensors that are in files and not in it \(1\): {NORM} \(in {home}\)"),
        (lambda places: places.update({NORM: "gone.safetensors"}), r"lacks 1 of 3 shards .* names: gone\.safetensors"),
        (lambda places: places.update({NORM: 3}), "not an index of shards"),
        (lambda places: places.update({NORM: f"../{home}"}), "names files of other folders"),
        (lambda places: places.clear(), "names no tensor"),
    ):
        index.write_text(original)
        change_index(folder, change)
        with pytest.raises(ModelError, match=message):
            convert_golden(tmp_path / "model", **ONLY_LLAMA, llama=folder)
    doubled = original.replace('"weight_map": {', f'"weight_map": {{"{NORM}": "{other}", ')
    index.write_text(doubled)
    with pytest.raises(ModelError, match=rf"{NORM} is named twice"):
        convert_golden(tmp_path / "model", **ONLY_LLAMA, llama=folder)
    index.write_text(original)
    change_index(folder, lambda places: places.update({"model.layers.0.self_attn.rotary_emb.inv_freq": first}))
    assert convert_golden(tmp_path / "model", **ONLY_LLAMA, llama=folder).is_dir()  # nobody uses that one


def test_a_stale_copy_in_a_model_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emollama_hf.checkpoints.write.SHARD_BYTES", 100_000)
    out = convert_golden(tmp_path / "model", eva=None, emotion_llama=None, llama=None, videomae=None)
    files = sorted((out / "facemae").glob("*.safetensors"))
    assert len(files) > 2
    right = open_model(out).load("facemae").vit.norm.weight
    stored = open_model(out).stored_tensors("facemae")
    for path in files:
        if "norm.weight" not in (tensors := read(path)):
            save_file({**tensors, "norm.weight": torch.zeros(64, dtype=torch.float64)}, path)
    assert torch.equal(open_model(out).load("facemae").vit.norm.weight, right)
    assert open_model(out).stored_tensors("facemae") == stored
    change_index(
        out / "facemae", lambda places: places.update({"norm.weight": files[0].name, "cls_token": files[-1].name})
    )
    with pytest.raises(ModelError, match=r"index and files do not belong together.*cls_token"):
        open_model(out).load("facemae")
