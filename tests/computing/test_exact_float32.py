"""Float32 products while a model computes, and the program's own settings before and after."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from emollama_hf import EmoLlamaEmbed, FaceMAEEmbed, VideoMAEEmbed
from emollama_hf.computing.exact_float32 import exact_float32

BACKENDS: Any = torch.backends
SWITCHES = {
    "cuda.matmul": BACKENDS.cuda.matmul,
    "cudnn.conv": BACKENDS.cudnn.conv,
    "mkldnn.matmul": BACKENDS.mkldnn.matmul,
    "mkldnn.conv": BACKENDS.mkldnn.conv,
}
SETTINGS: dict[str, Callable[[], None]] = {
    "as torch is by itself": lambda: None,
    "high": lambda: torch.set_float32_matmul_precision("high"),
    "medium": lambda: torch.set_float32_matmul_precision("medium"),
    "convolutions off": lambda: setattr(BACKENDS.cudnn, "allow_tf32", False),
    "products on": lambda: setattr(BACKENDS.cuda.matmul, "allow_tf32", True),
    "one switch, the newer interface": lambda: setattr(BACKENDS.cuda.matmul, "fp32_precision", "tf32"),
    "bfloat16 on a CPU": lambda: setattr(BACKENDS.mkldnn.matmul, "fp32_precision", "bf16"),
    "all, the newer interface": lambda: setattr(BACKENDS, "fp32_precision", "tf32"),
}


@pytest.fixture(autouse=True)
def settings_of_the_session() -> Iterator[None]:
    yield
    BACKENDS.fp32_precision = "none"
    for switch in SWITCHES.values():
        switch.fp32_precision = "none"
    torch.set_float32_matmul_precision("highest")
    BACKENDS.cudnn.allow_tf32 = True


def state() -> dict[str, Any]:
    """Every switch, by both interfaces; what torch refuses to read is "mixed"."""

    def read(switch: Callable[[], Any]) -> Any:
        try:
            return switch()
        except RuntimeError:
            return "mixed"

    return {
        **{name: switch.fp32_precision for name, switch in SWITCHES.items()},
        "precision": read(torch.get_float32_matmul_precision),
        "matmul": read(lambda: BACKENDS.cuda.matmul.allow_tf32),
        "cudnn": read(lambda: BACKENDS.cudnn.allow_tf32),
    }


@pytest.mark.parametrize("setting", SETTINGS)
def test_nothing_is_rounded_while_it_lasts_and_all_is_as_before_afterwards(setting: str) -> None:
    SETTINGS[setting]()
    before = state()
    with exact_float32():
        assert {switch.fp32_precision for switch in SWITCHES.values()} <= {"ieee", "none"}
        with exact_float32():
            pass
        assert {switch.fp32_precision for switch in SWITCHES.values()} <= {"ieee", "none"}
    assert state() == before


def test_settings_are_turned_back_after_an_error_and_by_the_last_of_several_threads() -> None:
    torch.set_float32_matmul_precision("high")
    with pytest.raises(ValueError, match="wrong"), exact_float32():
        raise ValueError("wrong")
    assert torch.get_float32_matmul_precision() == "high"
    entered, leave = threading.Event(), threading.Event()

    def compute() -> None:
        with exact_float32():
            entered.set()
            leave.wait(10)

    other = threading.Thread(target=compute)
    with exact_float32():
        other.start()
        assert entered.wait(10)
    assert torch.get_float32_matmul_precision() == "highest", "the other thread still computes"
    leave.set()
    other.join()
    assert torch.get_float32_matmul_precision() == "high"


def test_every_network_computes_with_it_whatever_the_program_allows() -> None:
    rng = np.random.default_rng(0)
    row = {
        "facemae_frames": [rng.integers(0, 256, (2, 32, 32, 3), np.uint8)],
        "videomae_frames": [rng.integers(0, 256, (16, 32, 32, 3), np.uint8)],
        "peak_frame": [rng.integers(0, 256, (64, 64, 3), np.uint8)],
    }
    seen: dict[str, set[str]] = {}
    torch.set_float32_matmul_precision("high")
    for cls in (FaceMAEEmbed, VideoMAEEmbed, EmoLlamaEmbed):
        stage = cls("random-tiny", device="cpu")

        def look(name: str = stage.name) -> None:
            seen.setdefault(name, set()).update(switch.fp32_precision for switch in SWITCHES.values())

        hook = stage.model().register_forward_pre_hook(lambda *_, look=look: look())
        row |= {name: value for name, value in stage(row).items() if name in stage.makes}
        hook.remove()
        assert torch.get_float32_matmul_precision() == "high"
    assert set(seen) == {"facemae_embed", "videomae_embed", "emollama_embed"}
    assert all(found <= {"ieee", "none"} for found in seen.values())
