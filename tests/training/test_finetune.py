"""`finetune` from labelled rows to adapters: the published step, folds, going on, what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Image, List, Value
from PIL import Image as Picture
from safetensors.torch import load_file
from transformers import TrainerCallback

import emollama_hf
from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.training.training_error import TrainingError
from tests import second_process
from tests.encoders import golden
from tests.encoders.conftest import golden_directory, source
from tests.small_disk import small_disk
from tests.training import golden_step

__all__ = ["golden_directory", "source"]

#: Values with which random-tiny learns a dozen clips in seconds.
QUICK: dict[str, Any] = {
    "learning_rate": 1e-2, "batch_size": 4, "accumulation": 1, "lora_rank": 4, "gradient_checkpointing": False,
    "target_texts": {"MW": "mw", "NonMW": "ok"}, "epochs": 6,
}  # fmt: skip


def golden_clips() -> Dataset:
    """The three recorded clips, with the columns that `extract` gives."""
    rows: dict[str, list[Any]] = {name: [] for name in ("file_name", "peak_frame", "facemae", "videomae", "mw_label")}
    for name, answer in zip(golden_step.RECORDED["clips"], golden_step.RECORDED["answers"], strict=True):
        face, video = golden.outputs(f"{name}/visual_tokens_fork")["video_features"][0]
        values = (f"{name}.mp4", Picture.fromarray(golden.peak_frame(name)), face, video, answer)
        for column, value in zip(rows, values, strict=True):
            rows[column].append(value)
    vector = List(Value("float32"), length=64)
    kinds = {"file_name": Value("string"), "peak_frame": Image(), "facemae": vector, "videomae": vector}
    return Dataset.from_dict(rows, features=Features({**kinds, "mw_label": Value("string")}))


def people(count: int = 6, clips: int = 4, *, seed: int = 0) -> Dataset:
    """Clips of random-tiny's sizes: MW has a bright picture, NonMW a dark one. Folds divide the people."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[Any]] = {
        "file_name": [], "peak_frame": [], "facemae": [], "videomae": [], "mw_label": [], "participant_id": [],
        "test_fold_num": [],
    }  # fmt: skip
    width = open_model("random-tiny").width("facemae")
    for person in range(count):
        for clip in range(clips):
            bright = clip % 2 == 0
            picture = rng.integers(0, 60, (56, 56, 3), np.uint8) + np.uint8(150 if bright else 0)
            values = (
                f"P{person}_{clip}.mp4", Picture.fromarray(picture), rng.normal(size=width), rng.normal(size=width),
                "MW" if bright else "NonMW", f"P{person}", person % 3,
            )  # fmt: skip
            for column, value in zip(rows, values, strict=True):
                rows[column].append(value)
    vector = List(Value("float32"), length=width)
    kinds = {"file_name": Value("string"), "peak_frame": Image(), "facemae": vector, "videomae": vector}
    named = {"mw_label": Value("string"), "participant_id": Value("string"), "test_fold_num": Value("int64")}
    return Dataset.from_dict(rows, features=Features({**kinds, **named}))


def finetune(ds: Any, out: Path, **options: Any) -> Any:
    named = {"label": "mw_label", "group": "participant_id", "fold_column": "test_fold_num"}
    return emollama_hf.finetune(ds, "random-tiny", out, work=out.with_name("work"), **{**named, **QUICK, **options})


def tensors(adapter: Path) -> dict[str, Any]:
    return load_file(adapter / "adapter.safetensors")


@pytest.mark.parametrize("recipe", ["as_published", "corrected"])
@pytest.mark.parametrize("chat_template", [False, True])
def test_one_published_step(
    golden_directory: Path, tmp_path: Path, source: ModelSource, recipe: str, chat_template: bool
) -> None:
    """Three clips, weights given, no dropout: every change is that of the recorded gradients, by either recipe.

    A first step of Adam does not depend on what the loss is divided by.
    """
    weights = dict(zip(golden_step.RECORDED["answers"], golden_step.RECORDED["class_weights"], strict=True))
    emollama_hf.finetune(
        golden_clips(), golden_directory, tmp_path / "out", label="mw_label", recipe=recipe, learning_rate=1e-3,
        max_steps=1, batch_size=3, lora_dropout=0.0, class_weights=weights, chat_template=chat_template,
    )  # fmt: skip
    found, old = tensors(tmp_path / "out"), golden_step.recorded(chat_template=chat_template)
    start = golden.source_states()["emotion_llama"]
    assert {f"grad/{name}" for name in found} == {name for name in old if name.startswith("grad/")}
    for name, tensor in found.items():
        before, gradient = start[name].double().numpy(), old[f"grad/{name}"].astype(np.float64)
        decay = golden_step.RECORDED["weight_decay"] if tensor.ndim > 1 else 0.0
        expected = -1e-3 * (decay * before + gradient / (np.abs(gradient) + 1e-8))
        spread = max(float(expected.std()), float(np.abs(expected).mean()))
        assert golden_step.spread_ratio(tensor.double().numpy() - before, expected, spread) < 1e-2, name


def test_all_folds_find_what_tells_the_labels_apart(tmp_path: Path) -> None:
    done = finetune(people(), tmp_path / "out", fold="all")
    assert [path.name for path in done.adapters] == ["fold-0", "fold-1", "fold-2"]
    assert done.report is not None
    first = done.report.table.iloc[0]
    assert first["column"] == "emotion_llama (corrected)"
    assert first["f1"] == 1.0
    assert len(done.report.predictions.query("column == 'emotion_llama (corrected)'")) == 24
    for number, path in enumerate(done.adapters):
        facts = json.loads((path / "provenance.json").read_text())
        assert facts["training"]["fold"] == str(number)
        assert facts["training"]["rows"]["held_out"] == 8
        assert facts["lora"] == {"r": 4, "alpha": 16.0, "targets": ["q_proj", "v_proj"], "on": "merged"}
        assert facts["results"]["metrics"]["f1"]["value"] == 1.0
        text = json.dumps(facts)
        assert not any(name in text for name in ("P0", "mp4", str(tmp_path)))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "fold-0", "fold-1", "fold-2", "predictions.parquet", "report", ".training",
    }  # fmt: skip
    assert not list((tmp_path / "out" / ".training").rglob("*.safetensors"))


def test_eight_clips_are_learned_by_heart(tmp_path: Path) -> None:
    """Labels that nothing in the clips tells: the adapter answers each of the eight as it was labelled."""
    ds = people(4, 2)
    rng = np.random.default_rng(1)
    pictures = [Picture.fromarray(rng.integers(0, 255, (56, 56, 3), np.uint8)) for _ in range(8)]
    ds = ds.remove_columns("peak_frame")
    ds = Dataset.from_dict(
        {**ds.to_dict(), "peak_frame": pictures}, features=Features({**ds.features, "peak_frame": Image()})
    )
    options = {"epoch_chosen_by": "last", "epochs": 40, "fold_column": None, "group": None}
    finetune(ds, tmp_path / "out", **options)
    predict = emollama_hf.EmotionPredict("random-tiny", adapter=tmp_path / "out", method="likelihood")
    found = predict({name: list(ds[name]) for name in ("peak_frame", "facemae", "videomae")})["emotion"]
    assert list(found) == [{"MW": "mw", "NonMW": "ok"}[label] for label in ds["mw_label"]]


@pytest.mark.parametrize("options", [{"dtype": "bfloat16"}, {"quantize": "4bit"}, {"quantize": "8bit"}])
def test_half_products_and_quantized_bases_learn_too(tmp_path: Path, options: dict[str, Any]) -> None:
    done = finetune(people(), tmp_path / "out", fold=0, epochs=8, **options)
    assert done.report is not None
    assert done.report.table.iloc[0]["f1"] == 1.0
    facts = json.loads((tmp_path / "out" / "provenance.json").read_text())["training"]
    assert facts["dtype"] == options.get("dtype", "float32")
    assert facts["quantize"] == options.get("quantize")


def test_losses_go_to_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    finetune(people(), tmp_path / "out", fold=0, epochs=1, report_to="tensorboard")
    assert list((tmp_path / "out" / ".training").rglob("events.out.tfevents.*"))


LAUNCHED = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tests.training.test_finetune import finetune, people
done = finetune(people(), Path(sys.argv[1]), fold="all", epochs=8, device="cpu", batch_size=2)
print("REPORT", done.report is None)
"""


def test_two_processes_train_one_model(tmp_path: Path) -> None:
    """As on two GPUs: each has half of a batch, the first writes."""
    program = tmp_path / "train.py"
    program.write_text(LAUNCHED)
    # What `accelerate launch` starts for several GPUs.
    command = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    done = subprocess.run(
        [sys.executable, *command, str(program), str(tmp_path / "out"), str(Path(__file__).parents[2])],
        capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert sorted(line for line in done.stdout.splitlines() if line.startswith("REPORT")) == [
        "REPORT False", "REPORT True",
    ]  # fmt: skip
    facts = json.loads((tmp_path / "out" / "fold-0" / "provenance.json").read_text())
    assert facts["training"]["steps"] == 24
    assert facts["results"]["metrics"]["f1"]["value"] == 1.0


def test_a_second_call_finds_everything(tmp_path: Path) -> None:
    ds, options = people(), {"fold": 1, "epochs": 2}
    first = finetune(ds, tmp_path / "out", **options)
    changed = (tmp_path / "out" / "adapter.safetensors").stat().st_mtime_ns
    again = finetune(ds, tmp_path / "out", **options)
    assert (tmp_path / "out" / "adapter.safetensors").stat().st_mtime_ns == changed
    assert repr(again) == repr(first)


def test_other_options_need_another_folder(tmp_path: Path) -> None:
    ds = people()
    finetune(ds, tmp_path / "out", fold=1, epochs=1)
    with pytest.raises(TrainingError, match=r"holds a training that differs from this one \(recipe:"):
        finetune(ds, tmp_path / "out", fold=1, epochs=2)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(TrainingError, match="holds no training of emollama_hf"):
        finetune(ds, tmp_path / "other", fold=1, epochs=1)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.txt"]


def test_an_adapter_that_was_removed_is_trained_again(tmp_path: Path) -> None:
    ds, out = people(), tmp_path / "out"
    finetune(ds, out, fold=1, epochs=1)
    before = tensors(out)
    (out / "adapter.safetensors").unlink()
    finetune(ds, out, fold=1, epochs=1)
    assert all((tensors(out)[name] == one).all() for name, one in before.items())


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from transformers import TrainerCallback
from tests.training.test_finetune import finetune, people
class Kill(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        if Path(args.output_dir).name == "1" and state.global_step == 5:
            os.kill(os.getpid(), signal.SIGKILL)
finetune(people(), Path(sys.argv[1]), fold="all", epochs=2, save_steps=2, callbacks=[Kill()])
"""


def test_killed_in_the_second_fold_all_folds_end_the_same(tmp_path: Path) -> None:
    ds, options = people(), {"fold": "all", "epochs": 2, "save_steps": 2}
    whole = finetune(ds, tmp_path / "whole", **options)
    killed = second_process.run(KILLED, tmp_path / "killed", Path(__file__).parents[2])
    assert killed.returncode == -9, killed.stderr
    assert (tmp_path / "killed" / "fold-0" / "adapter.safetensors").is_file()
    resumed = finetune(ds, tmp_path / "killed", **options)
    for one, other in zip(whole.adapters, resumed.adapters, strict=True):
        before, after = tensors(one), tensors(other)
        assert all((after[name] == tensor).all() for name, tensor in before.items())
    assert resumed.report is not None
    assert whole.report is not None
    assert resumed.report.predictions.equals(whole.report.predictions)


def test_the_published_recipe_scores_nothing_and_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ds = people()
    with caplog.at_level("WARNING", "emollama_hf"):
        done = finetune(ds, tmp_path / "out", recipe="as_published", fold=0, epochs=2, target_texts=None)
    assert "has F1 0" in caplog.text
    assert done.report is not None
    assert done.report.scores["emotion_llama (as_published)"].intervals["f1"].value == 0
    facts = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert facts["labels"]["texts"] == ["mw", "nonmw"]
    assert len(facts["training"]["faults"]) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fold": None}, "would hold nothing out"),
        ({"fold": 9}, "there is no such fold"),
        ({"fold": 0, "fold_column": None}, "is a value of a column of folds"),
        ({"fold": 0, "lora": "old"}, "lora='old' is unknown"),
        ({"fold": 0, "lora": "continue"}, "random"),
        ({"fold": 0, "quantize": "2bit"}, "quantize='2bit' is unknown"),
        ({"fold": 0, "learning_rat": 1}, "Did you mean learning_rate"),
        ({"fold": 0, "instruction": "Is {file_name} there?"}, "names a column"),
        ({"fold": 0, "instruction": "word " * 3000}, "more than the"),
        ({"fold": 0, "layout": "sideways"}, "layout='sideways' is unknown"),
        ({"fold": 0, "class_weights": {"MW": 1.0}}, "nothing for 'NonMW'"),
        ({"fold": 0, "target_texts": {"MW": "mind", "NonMW": "mind not"}}, "begin those of"),
        ({"fold": 0, "recipe": "published"}, "recipe='published' is unknown"),
    ],
)
def test_what_cannot_be_trained_is_said_before_anything_is(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        finetune(people(), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_folds_is_kept_when_one_is_removed(tmp_path: Path) -> None:
    ds, out = people(), tmp_path / "out"
    finetune(ds, out, fold="all", epochs=1)
    kept = tensors(out / "fold-0")
    shutil.rmtree(out / "fold-1")
    finetune(ds, out, fold="all", epochs=1)
    assert (out / "fold-1" / "adapter.safetensors").is_file()
    assert all((tensors(out / "fold-0")[name] == one).all() for name, one in kept.items())


def test_a_full_disk_is_said_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """A state of random-tiny takes 200 kB: the disk has room for the first ones."""
    ds, options = people(), {"fold": 0, "epochs": 4, "save_steps": 2}
    whole = finetune(ds, tmp_path / "whole", **options)
    disk = tmp_path / "disk"
    with small_disk(disk, 2_000_000):
        filler = disk / "filler"
        filler.write_bytes(bytes(2_000_000 - 450_000))
        with pytest.raises(TrainingError, match=r"the state of step \d+ was not written: the disk is full"):
            finetune(ds, disk / "out", **options)
        assert not (disk / "out" / "adapter.safetensors").exists()
        filler.unlink()
        finetune(ds, disk / "out", **options)
        before, after = tensors(whole.directory), tensors(disk / "out")
        assert all((after[name] == one).all() for name, one in before.items())


def test_out_of_gpu_memory_says_what_helps_and_keeps_what_was_saved(tmp_path: Path) -> None:
    class Full(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 3:
                raise torch.OutOfMemoryError("CUDA out of memory.")

    ds, options = people(), {"fold": 0, "epochs": 2, "save_steps": 2}
    with pytest.raises(TrainingError, match=r"batch_size=4.*halve batch_size and double accumulation"):
        finetune(ds, tmp_path / "out", callbacks=[Full()], **options)
    assert (tmp_path / "out" / ".training" / "0" / "checkpoint-2" / "complete.json").is_file()
    assert finetune(ds, tmp_path / "out", **options).report is not None
