"""Names that a library wrapped, and tensors that lie deeper in a checkpoint, are said with what to do about them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from emollama_hf import ModelError
from emollama_hf.checkpoints import open_model
from emollama_hf.conversion.pickle_file import model_state
from emollama_hf.encoders.emotion_llama.eva import eva_tensors
from emollama_hf.encoders.emotion_llama.llama import llama_tensors
from emollama_hf.encoders.emotion_llama.projections import projection_tensors
from emollama_hf.encoders.facemae.conversion import facemae_tensors
from emollama_hf.encoders.videomae.conversion import videomae_tensors
from emollama_hf.tensors.wrapped_names import unwrapped, wrapping_hint
from tests.encoders import golden
from tests.encoders.golden import SOURCES, convert_golden

CONFIGS = golden.configs()
DECODER = CONFIGS["emotion_llama"]
STATES = golden.source_states()
CONVERT: dict[str, Callable[[dict[str, torch.Tensor]], object]] = {
    "facemae": lambda state: dict(facemae_tensors(state, CONFIGS["facemae"])),
    "videomae": lambda state: dict(videomae_tensors(state, CONFIGS["videomae"])),
    "eva": lambda state: dict(eva_tensors(state, DECODER["vision_config"])),
    "emotion_llama": lambda state: dict(projection_tensors(state, DECODER)),
    "llama": lambda state: dict(llama_tensors(state, DECODER["text_config"], {})),
}
#: Segments that libraries put before or between the words of a name.
SEGMENTS = (
    "module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module", "_module",
    "state_dict", "model_state_dict",
)  # fmt: skip


def test_no_published_name_counts_as_wrapped() -> None:
    for state in STATES.values():
        assert wrapping_hint(state) == ""
        assert all(unwrapped(name) == name for name in state)


@given(st.data())
def test_any_wrapping_at_any_depth_in_any_order_is_seen_through(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for state in STATES.values() for name in state]))
    words = name.split(".")
    for _ in range(data.draw(st.integers(1, 4))):
        words.insert(data.draw(st.integers(0, len(words) - 1)), data.draw(st.sampled_from(SEGMENTS)))
    assert unwrapped(".".join(words)) == name
    assert wrapping_hint([".".join(words)]).startswith("names are wrapped: ")


@pytest.mark.parametrize("wrapped", SEGMENTS)
@pytest.mark.parametrize("kind", CONVERT)
def test_every_source_says_that_its_names_are_wrapped(kind: str, wrapped: str) -> None:
    state = {f"{wrapped}.{name}": tensor for name, tensor in STATES[kind].items()}
    with pytest.raises(
        ModelError, match=rf"names are wrapped: {wrapped}\. of .*\({len(state)} of {len(state)} names\)"
    ):
        CONVERT[kind](state)


def test_one_compiled_submodule_is_enough() -> None:
    state = {name.replace("blocks.1.", "blocks.1._orig_mod."): tensor for name, tensor in STATES["eva"].items()}
    with pytest.raises(ModelError, match=r"_orig_mod\. of torch\.compile \(\d+ of \d+ names\)"):
        CONVERT["eva"](state)


def test_a_wrapped_file_of_another_source_is_told_as_both() -> None:
    with pytest.raises(ModelError, match=r"this looks like EVA's checkpoint; --facemae wants .*Its names are wrapped"):
        CONVERT["facemae"]({f"module._orig_mod.{name}": tensor for name, tensor in STATES["eva"].items()})


@pytest.mark.parametrize("adapter", ["default", "mind_wandering"])
def test_the_names_of_a_later_peft(adapter: str) -> None:
    state = {
        name.replace("lora_A.weight", f"lora_A.{adapter}.weight").replace(
            "lora_B.weight", f"lora_B.{adapter}.weight"
        ): one
        for name, one in STATES["emotion_llama"].items()
    }
    with pytest.raises(ModelError, match=r"names are wrapped: \.default\. .*of peft.*lora_A\.weight instead of"):
        CONVERT["emotion_llama"](state)
    llama = {
        f"base_model.model.{name}".replace("q_proj.", "q_proj.base_layer."): one
        for name, one in STATES["llama"].items()
    }
    with pytest.raises(ModelError, match=r"base_model\.model\. of peft.*base_layer\. of peft|base_layer\..*base_model"):
        CONVERT["llama"](llama)


@pytest.mark.parametrize("kind", CONVERT)
def test_a_beginning_that_nobody_knows(kind: str) -> None:
    state = {f"net.model.{name}": tensor for name, tensor in STATES[kind].items()}
    with pytest.raises(ModelError, match=r"\d+ names would fit without their beginning net\.model\.: save"):
        CONVERT[kind](state)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"state_dict": {"w": 1}, "epoch": 3}, r"Tensors are in \['state_dict'\] \(1 tensors\).*NEW\), and give"),
        ({"module": {"_orig_mod.w": 1}}, r"\['module'\].*Their names are wrapped: _orig_mod\. of torch\.compile"),
        ({"model": {"state_dict": {"w": 1}}}, r"\['model'\]\['state_dict'\] \(1 tensors\)"),
        ({"student": {"w": 1}, "teacher": {"w": 1, "v": 1}}, r"\['student'\].* and \['teacher'\].*the one you want"),
        ({"optimizer": {"state": {"w": 1}}}, "Check that this is a checkpoint with weights"),
    ],
)
def test_tensors_that_lie_deeper(content: dict[str, object], expected: str) -> None:
    def filled(value: object) -> object:
        if isinstance(value, dict):
            return {key: filled(one) for key, one in value.items()}
        return torch.ones(2) if value == 1 else value

    with pytest.raises(ModelError, match=expected):
        model_state(filled(content))  # type: ignore[arg-type]


def test_a_file_and_a_converted_directory_with_wrapped_names(tmp_path: Path) -> None:
    torch.save({"state_dict": STATES["facemae"]}, tmp_path / "lightning.pth")
    encoders = {"eva": None, "emotion_llama": None, "llama": None, "videomae": None}
    with pytest.raises(ModelError, match=r"--facemae .*lightning\.pth.*\['state_dict'\]"):
        convert_golden(tmp_path / "model", **encoders, facemae=tmp_path / "lightning.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["lightning.pth"]
    weights = convert_golden(tmp_path / "model", **encoders, facemae=SOURCES["facemae"]) / "facemae/model.safetensors"
    save_file({f"_orig_mod.{name}": tensor for name, tensor in load_file(weights).items()}, weights)
    with pytest.raises(ModelError, match=r"facemae: the tensors do not fit.*_orig_mod\. of torch\.compile"):
        open_model(tmp_path / "model").load("facemae")
