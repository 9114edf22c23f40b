"""An adapter's directory: what is written is read again, and what is no adapter is said in a sentence."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.checkpoints import adapter as adapter_module
from emollama_hf.checkpoints.adapter import open_adapter, write_adapter
from emollama_hf.checkpoints.write import write_model
from emollama_hf.errors import ModelError
from tests.checkpoints.adapters import adapter_facts, adapter_tensors, write_random_adapter
from tests.checkpoints.hub_server import COMMIT, serve
from tests.checkpoints.test_hub import ask, errors_of

REPO = "lab/mind-wandering-adapter"


@pytest.fixture(scope="module")
def tiny() -> ModelSource:
    return open_model("random-tiny")


@pytest.fixture
def adapter(tiny: ModelSource, tmp_path: Path) -> Path:
    return write_random_adapter(tmp_path / "adapter", tiny)


def test_what_is_written_is_read_again(tiny: ModelSource, tmp_path: Path) -> None:
    tensors = adapter_tensors(tiny)
    given = {name: tensor.to(torch.float64).requires_grad_() for name, tensor in tensors.items()}
    facts = {**adapter_facts(tiny, on="original"), "labels": {"positive": "MW"}}
    assert write_adapter(tmp_path / "run" / "adapter", given, facts) == tmp_path / "run" / "adapter"
    found = open_adapter(tmp_path / "run" / "adapter")
    read = found.tensors()
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensors[name]) and read[name].dtype == torch.float32 for name in read)
    assert (found.rank, found.alpha, found.on, found.part) == (4, 8.0, "original", "emotion_llama")
    assert found.provenance["labels"] == {"positive": "MW"}
    assert (found.provenance["format"], found.provenance["kind"]) == (1, "adapter")
    assert {path.name for path in found.directory.iterdir()} == {"adapter.safetensors", "provenance.json"}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in found.directory.iterdir()}
    assert len(modes) == 1, "whoever may read one may read the other"


def test_the_digest_is_of_tensors_and_lora_facts(tiny: ModelSource, adapter: Path, tmp_path: Path) -> None:
    digest = open_adapter(adapter).digest
    same = Path(shutil.copytree(adapter, tmp_path / "elsewhere"))
    provenance = json.loads((same / "provenance.json").read_text())
    (same / "provenance.json").write_text(json.dumps({**provenance, "results": {"f1": 0.4}}))
    assert open_adapter(same).digest == digest
    others = [
        write_random_adapter(tmp_path / "alpha", tiny, alpha=16.0),
        write_random_adapter(tmp_path / "on", tiny, on="original"),
        write_random_adapter(tmp_path / "seed", tiny, seed=1),
    ]
    assert len({digest, *(open_adapter(other).digest for other in others)}) == 4


def test_opening_imports_no_torch(adapter: Path) -> None:
    program = (
        "import sys\nfrom emollama_hf.checkpoints.adapter import open_adapter\n"
        "print(open_adapter(sys.argv[1]).rank, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, adapter], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["4", "False"]


def test_an_earlier_adapter_is_replaced_and_other_files_stay(tiny: ModelSource, adapter: Path) -> None:
    (adapter / "predictions.parquet").write_bytes(b"kept")
    before = open_adapter(adapter).digest
    write_random_adapter(adapter, tiny, seed=1)
    assert open_adapter(adapter).digest != before
    assert (adapter / "predictions.parquet").read_bytes() == b"kept"
    assert len(list(adapter.iterdir())) == 3


def test_a_call_that_was_interrupted_between_the_files_opens_nothing(tiny: ModelSource, adapter: Path) -> None:
    """New weights beside the earlier provenance: alpha and base of one, tensors of the other."""
    provenance = (adapter / "provenance.json").read_bytes()
    write_random_adapter(adapter, tiny, seed=1)
    (adapter / "provenance.json").write_bytes(provenance)
    with pytest.raises(ModelError, match=r"adapter\.safetensors is not the file that provenance\.json describes"):
        open_adapter(adapter)


def test_tensors_that_are_nan_are_not_written(tiny: ModelSource, tmp_path: Path) -> None:
    tensors = adapter_tensors(tiny)
    tensors["llama_proj.bias"] = tensors["llama_proj.bias"] * float("nan")
    with pytest.raises(ModelError, match=r"llama_proj\.bias \(48 NaN of 48\).*The training failed"):
        write_adapter(tmp_path / "adapter", tensors, adapter_facts(tiny))
    assert not (tmp_path / "adapter").exists()


def test_facts_that_do_not_fit_are_not_written(tiny: ModelSource, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has LoRA factors of rank 4, and provenance\.json says rank 64"):
        write_adapter(tmp_path / "adapter", adapter_tensors(tiny), adapter_facts(tiny, r=64))
    with pytest.raises(ModelError, match="does not say for which model it was trained"):
        write_adapter(tmp_path / "adapter", adapter_tensors(tiny), {**adapter_facts(tiny), "base": {}})
    assert not (tmp_path / "adapter").exists()


def test_a_folder_of_folds_names_them(tiny: ModelSource, tmp_path: Path) -> None:
    for fold in (0, 1):
        write_random_adapter(tmp_path / "run" / f"fold-{fold}", tiny)
    with pytest.raises(ModelError, match=r"holds the adapters of 2 folds \(fold-0, fold-1\).*run/fold-0\."):
        open_adapter(tmp_path / "run")
    assert open_adapter(tmp_path / "run" / "fold-1").rank == 4


def test_what_is_no_adapter(tiny: ModelSource, adapter: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "model", facemae=tiny.load("facemae"), provenance={})
    (tmp_path / "empty").mkdir()
    for name, said in {
        " ": "adapter='' is empty",
        str(tmp_path / "nothing"): "there is no such directory, and it is no Hub id",
        str(adapter / "adapter.safetensors"): "is a file, expected the directory",
        str(tmp_path / "model"): "is a model directory: give it as model=",
        str(tmp_path / "empty"): r"has no adapter\.safetensors and no provenance\.json: its training did not finish",
    }.items():
        with pytest.raises(ModelError, match=said):
            open_adapter(name)
    (adapter / "provenance.json").unlink()
    with pytest.raises(ModelError, match=r"has no provenance\.json"):
        open_adapter(adapter)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "model"}, "kind 'model', expected 'adapter'"),
        (
            {"format": 2, "emollama_hf": "9.1"},
            r"format 2, and this version reads 1\. It was written by emollama_hf '9\.1'",
        ),
        ({"lora": None}, "says no LoRA facts"),
        ({"lora": {"r": 0, "alpha": -1, "targets": "q", "on": "top"}}, "r=0 .*alpha=-1 .*targets='q' .*on='top'"),
        ({"lora": {"r": 8, "alpha": 8, "targets": ["q_proj"], "on": "merged"}}, "of rank 4, and .* says rank 8"),
        ({"lora": {"r": 4, "alpha": 10**400, "targets": ["q_proj"], "on": "merged"}}, "alpha=10+ .*at most 1e\\+06"),
        ({"lora": {"r": 4, "alpha": 1e30, "targets": ["q_proj"], "on": "merged"}}, "alpha=1e\\+30 .*at most 1e\\+06"),
        ({"base": {"name": "x", "parts": {"emotion_llama": "no digest"}}}, "does not say for which model"),
        ({"base": {"name": "x", "parts": {"facemae": "0" * 64}}}, "does not say for which model"),
        ({"base": []}, "does not say for which model"),
    ],
)
def test_provenance_that_cannot_be(change: dict[str, Any], said: str, adapter: Path) -> None:
    provenance = json.loads((adapter / "provenance.json").read_text())
    (adapter / "provenance.json").write_text(json.dumps({**provenance, **change}))
    with pytest.raises(ModelError, match=said):
        open_adapter(adapter)


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff"])
def test_provenance_that_is_no_object(content: bytes, adapter: Path) -> None:
    (adapter / "provenance.json").write_bytes(content)
    with pytest.raises(ModelError, match="not JSON of an adapter"):
        open_adapter(adapter)


def rewritten(adapter: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    """Other tensors, in a file of which nobody recorded the hash."""
    save_file(change(load_file(adapter / "adapter.safetensors")), adapter / "adapter.safetensors")
    provenance = json.loads((adapter / "provenance.json").read_text())
    del provenance["files"]
    (adapter / "provenance.json").write_text(json.dumps(provenance))


def test_tensors_that_do_not_fit_are_listed(adapter: Path) -> None:
    def change(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        state["llama_proj.weight"] = state["llama_proj.weight"][:, 1:].contiguous()
        del state["cls_tk_llama_proj.bias"]
        return {**state, "lm_head.weight": torch.zeros(2, 2)}

    rewritten(adapter, change)
    with pytest.raises(ModelError) as found:
        open_model("random-tiny", adapter=adapter).load("emotion_llama")
    for said in (
        "1 missing: cls_tk_llama_proj.bias",
        "1 unexpected: lm_head.weight",
        "1 of another shape: llama_proj.weight",
        "for a model of other sizes, or is not whole",
    ):
        assert said in str(found.value)


def test_tensors_that_are_nan_are_not_loaded(adapter: Path) -> None:
    def change(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {**state, "llama_proj.bias": state["llama_proj.bias"] * float("nan")}

    rewritten(adapter, change)
    with pytest.raises(ModelError, match=r"llama_proj\.bias \(48 NaN of 48\)"):
        open_model("random-tiny", adapter=adapter).load("emotion_llama")


def test_an_adapter_without_factors(adapter: Path) -> None:
    rewritten(adapter, lambda state: {name: tensor for name, tensor in state.items() if "lora" not in name})
    with pytest.raises(ModelError, match=r"has no LoRA factors, and .* says rank 4"):
        open_adapter(adapter)


def test_a_damaged_file(adapter: Path) -> None:
    provenance = json.loads((adapter / "provenance.json").read_text())
    del provenance["files"]
    (adapter / "provenance.json").write_text(json.dumps(provenance))
    whole = (adapter / "adapter.safetensors").read_bytes()
    (adapter / "adapter.safetensors").write_bytes(whole[:-1000])
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        open_adapter(adapter).tensors()
    (adapter / "adapter.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelError, match=r"adapter\.safetensors cannot be read"):
        open_adapter(adapter)


def test_from_the_hub_its_two_files_are_fetched(tiny: ModelSource, adapter: Path, tmp_path: Path) -> None:
    (adapter / "report").mkdir()
    (adapter / "report" / "large.html").write_text("not fetched")
    program = (
        "from emollama_hf.checkpoints.adapter import open_adapter\n"
        f"adapter = open_adapter({REPO!r})\n"
        "print(adapter.digest, adapter.commit)\n"
        f"print(open_model('random-tiny', adapter={REPO!r}).digest('emotion_llama'))"
    )
    with serve(REPO, adapter) as (endpoint, downloads):
        first, second = ask(endpoint, tmp_path / "home", program)
        assert first.split() == [open_adapter(adapter).digest, COMMIT]
        assert second == open_model("random-tiny", adapter=adapter).digest("emotion_llama")
        assert sorted(downloads) == ["adapter.safetensors", "provenance.json"]
        calls = errors_of(["open_model('random-tiny', adapter='lab/nothing')"])
        (message,) = ask(endpoint, tmp_path / "home", calls)
    assert "'lab/nothing' does not exist, or is private" in message
    (adapter / "adapter.safetensors").unlink()
    with serve(REPO, adapter) as (endpoint, _):
        (message,) = ask(endpoint, tmp_path / "other", errors_of([f"open_model('random-tiny', adapter={REPO!r})"]))
    assert "has no adapter.safetensors: its training did not finish" in message


def test_an_adapter_that_is_known_is_not_read_again_until_a_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_model("random-tiny")
    write_random_adapter(tmp_path / "adapter", source)
    monkeypatch.setattr(adapter_module, "is_settled", lambda state: True)
    first = open_adapter(tmp_path / "adapter")
    assert open_adapter(tmp_path / "adapter") is first
    write_random_adapter(tmp_path / "adapter", source, seed=1)
    assert open_adapter(tmp_path / "adapter").digest != first.digest
    (tmp_path / "adapter" / "provenance.json").unlink()
    with pytest.raises(ModelError, match=r"provenance.json"):
        open_adapter(tmp_path / "adapter")
