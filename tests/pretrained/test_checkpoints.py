"""Checkpoints of training programs: what is recognised, what is left out, and what is refused with both lists."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from emollama_hf.errors import ModelError
from emollama_hf.pretrained import open_pretrained
from tests.pretrained.saved_models import FRAMES, far, save_timm, save_transformers, timm_model, transformers_model

#: An architecture of timm that is small as it is.
ARCHITECTURE = "test_resnet"
State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(1)
    found: nn.Module = timm.create_model(ARCHITECTURE, num_classes=8).eval()
    return found


def features(weights: Path, name: str = ARCHITECTURE) -> torch.Tensor:
    """What a checkpoint computes of the frames."""
    network = open_pretrained(name, weights=weights).load("image_encoder")
    found: torch.Tensor = network.sequences([network.prepared(FRAMES)])[0]
    return found


def own_features(model: Any, weights: Path) -> torch.Tensor:
    """What the model that was saved computes of them."""
    pixels = torch.from_numpy(open_pretrained(ARCHITECTURE, weights=weights).load("image_encoder").prepared(FRAMES))
    with torch.no_grad():
        found: torch.Tensor = model.forward_head(model.forward_features(pixels), pre_logits=True)
    return found


def under(prefix: str, state: State) -> State:
    return {prefix + name: tensor for name, tensor in state.items()}


WRAPPED: dict[str, Callable[[State], Any]] = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3, "best_acc": 0.63},
    "model and optimizer": lambda state: {"model": state, "optimizer": {"state": {}}, "epoch": 3},
    "model_state_dict": lambda state: {"model_state_dict": state},
    "net": lambda state: {"net": state, "acc": 1.0},
    "teacher before student": lambda state: {
        "student": {name: tensor * 0 for name, tensor in state.items()},
        "teacher": state,
    },
    "nested": lambda state: {"model": {"state_dict": state}},
    "DataParallel": lambda state: {"state_dict": under("module.", state)},
    "compiled and wrapped": lambda state: under("_orig_mod.module.", state),
    "a training class": lambda state: under("module.backbone.", state) | {"module.head.weight": torch.ones(7, 3)},
    "an encoder with a projection head": lambda state: {
        "state_dict": under("encoder.", state) | {"projection_head.0.weight": torch.ones(2, 2)}
    },
    "a head of other classes": lambda state: {
        name: torch.ones(7, tensor.shape[1]) if name == "fc.weight" else torch.ones(7) if name == "fc.bias" else tensor
        for name, tensor in state.items()
    },
    "a head of several layers": lambda state: {
        **{name: tensor for name, tensor in state.items() if not name.startswith("fc.")},
        "fc.0.weight": torch.ones(4, 2),
        "fc.3.weight": torch.ones(7, 4),
    },
    "a prefix of its own word": lambda state: under("my_resnet.", state) | {"fc_va.weight": torch.ones(7, 3)},
    "weights of the classes": lambda state: under("model.", state) | {"criterion.weight": torch.ones(8)},
    "a head for valence and arousal": lambda state: (
        state | {"fc_va.weight": torch.ones(2, 4), "fc2.bias": torch.ones(2)}
    ),
    "no head": lambda state: {name: tensor for name, tensor in state.items() if not name.startswith("fc.")},
    "no counts of batches": lambda state: {
        name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")
    },
    "float16": lambda state: {name: t.half() if t.is_floating_point() else t for name, t in state.items()},
}


@pytest.mark.parametrize("form", WRAPPED)
def test_the_forms_of_a_checkpoint(form: str, model: nn.Module, tmp_path: Path) -> None:
    weights = tmp_path / "affectnet.pth"
    torch.save(WRAPPED[form](model.state_dict()), weights)
    assert far(features(weights), own_features(model, weights)) < (5e-3 if form == "float16" else 1e-5)


def test_the_old_format_of_torch_save_and_safetensors(model: nn.Module, tmp_path: Path) -> None:
    torch.save(model.state_dict(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    save_file(under("module.", model.state_dict()), tmp_path / "new.safetensors")
    expected = own_features(model, tmp_path / "old.pt")
    assert far(features(tmp_path / "old.pt"), expected) < 1e-5
    assert far(features(tmp_path / "new.safetensors"), expected) < 1e-5


def test_what_was_recognised_and_left_out_is_logged(
    model: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weights = tmp_path / "affectnet.pth"
    torch.save({"state_dict": under("module.", model.state_dict())}, weights)
    with caplog.at_level(logging.INFO, logger="emollama_hf"):
        features(weights)
    told = " ".join(caplog.messages)
    assert "entry state_dict" in told
    assert "prefix module. taken off" in told
    assert "left out, no part of the encoder (2): fc.bias, fc.weight" in told


def test_of_many_tensors_left_out_few_are_logged(
    model: nn.Module, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="emollama_hf")
    heads = {f"head.{letter}.weight": torch.ones(1) for letter in "abcdefghij"}
    torch.save(model.state_dict() | heads, tmp_path / "many.pth")
    features(tmp_path / "many.pth")
    told = next(one.getMessage() for one in caplog.records if "left out" in one.getMessage())
    assert "(12): " in told
    assert told.endswith("and 7 more")


def test_a_norm_before_the_head_is_not_left_out(model: nn.Module, tmp_path: Path) -> None:
    torch.save(model.state_dict() | {"fc_norm.weight": torch.ones(4)}, tmp_path / "normed.pth")
    with pytest.raises(ModelError, match=r"1 unexpected: fc_norm\.weight"):
        features(tmp_path / "normed.pth")


def test_a_checkpoint_of_another_origin_is_renamed_as_timm_does(tmp_path: Path) -> None:
    """OpenCLIP's names of a tower of timm, which timm's filter of the vision transformers knows."""
    model = timm_model("vit")
    save_timm(model, tmp_path / "model")
    expected = features(tmp_path / "model" / "model.safetensors", str(tmp_path / "model"))
    torch.save(under("visual.trunk.", model.state_dict()), tmp_path / "clip.pth")
    assert torch.equal(features(tmp_path / "clip.pth", str(tmp_path / "model")), expected)


def test_missing_and_unexpected_tensors_are_listed_together(model: nn.Module, tmp_path: Path) -> None:
    state = model.state_dict()
    del state["layer1.0.conv1.weight"]
    state |= {"layer9.0.conv1.weight": torch.ones(2), "layer2.0.bn1.bias": torch.ones(3)}
    torch.save(state, tmp_path / "wrong.pth")
    with pytest.raises(ModelError) as error:
        features(tmp_path / "wrong.pth")
    for said in (
        "1 missing: layer1.0.conv1.weight",
        "1 unexpected: layer9.0.conv1.weight",
        "1 of another shape: layer2",
    ):
        assert said in str(error.value)


def test_a_checkpoint_of_another_architecture(tmp_path: Path) -> None:
    torch.save(timm_model("vit").state_dict(), tmp_path / "vit.pth")
    with pytest.raises(ModelError, match=f"{ARCHITECTURE}.* missing: .* unexpected: "):
        features(tmp_path / "vit.pth")


def test_one_name_with_and_without_a_prefix_is_refused(model: nn.Module, tmp_path: Path) -> None:
    state = model.state_dict()
    some = dict(list(state.items())[:3])
    torch.save(under("module.", state) | some, tmp_path / "double.pth")
    with pytest.raises(ModelError, match="with and without the prefix module"):
        features(tmp_path / "double.pth")


class _Code:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("old", [False, True])
def test_code_in_a_pickle_is_not_run(old: bool, model: nn.Module, tmp_path: Path) -> None:
    state = {**model.state_dict(), "extra": _Code(tmp_path / "ran")}
    torch.save(state, tmp_path / "code.pth", _use_new_zipfile_serialization=not old)
    with pytest.raises(ModelError, match="is code and not data"):
        features(tmp_path / "code.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(state["extra"]))
    with pytest.raises(ModelError):
        features(tmp_path / "plain.pth")
    assert not (tmp_path / "ran").exists()


def test_a_pickled_module_is_refused(model: nn.Module, tmp_path: Path) -> None:
    torch.save(model, tmp_path / "whole.pth")
    with pytest.raises(ModelError, match=r"is code and not data.*model\.state_dict\(\)"):
        features(tmp_path / "whole.pth")


@pytest.mark.parametrize("name", ["cut.pth", "cut.safetensors"])
def test_a_truncated_file(name: str, model: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".pth":
        torch.save(model.state_dict(), path)
    else:
        save_file(model.state_dict(), path)
    whole = path.read_bytes()
    for length in (0, 7, 1000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError, match=r"cut\.") as error:
            features(path)
        assert "Traceback" not in str(error.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers(value: float, model: nn.Module, tmp_path: Path) -> None:
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state["layer1.0.conv1.weight"][0] = value
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(ModelError, match=r"layer1\.0\.conv1\.weight"):
        features(tmp_path / "nan.pth")


def test_a_quantized_checkpoint_is_refused(model: nn.Module, tmp_path: Path) -> None:
    state = model.state_dict()
    state["layer1.0.conv1.weight"] = state["layer1.0.conv1.weight"].to(torch.int8)
    torch.save(state, tmp_path / "int8.pth")
    with pytest.raises(ModelError, match="int8"):
        features(tmp_path / "int8.pth")


def test_weights_of_transformers_under_a_training_class(tmp_path: Path) -> None:
    found = transformers_model("vit")
    save_transformers(found, "vit", tmp_path / "model")
    expected = features(tmp_path / "model" / "model.safetensors", str(tmp_path / "model"))
    state = found.state_dict()
    for prefix in ("module.", "backbone.", "module.model.encoder."):
        torch.save({"state_dict": under(prefix, state)}, tmp_path / "own.ckpt")
        assert torch.equal(features(tmp_path / "own.ckpt", str(tmp_path / "model")), expected)
    del state["layernorm.weight"]
    torch.save(state | {"layernorm.scale": torch.ones(16)}, tmp_path / "own.ckpt")
    with pytest.raises(ModelError, match=r"1 missing: layernorm\.weight; 1 unexpected: layernorm\.scale"):
        features(tmp_path / "own.ckpt", str(tmp_path / "model"))
