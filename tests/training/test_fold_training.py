"""One training: it learns, keeps its best epoch, goes on after a kill, and says what stops it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from emollama_hf.training.saved_states import COMPLETE, last_state, states
from emollama_hf.training.scoring import score_as_published, score_by_likelihood
from emollama_hf.training.training_error import TrainingError
from tests import second_process
from tests.training.tiny_clips import asked, fresh, quick, trained

LABELS = np.arange(8) % 2


def test_eight_clips_are_learned(tmp_path: Path) -> None:
    model, done, clips = trained(quick(epochs=12), tmp_path)
    ask = asked()
    scored = score_by_likelihood(model, clips, ask.opened, ask.answers, batch_size=4, products=torch.float32)
    assert scored.predicted.tolist() == LABELS.tolist()
    assert done.chosen is not None
    assert done.steps == 24


def test_the_best_epoch_is_kept_and_not_the_last(tmp_path: Path) -> None:
    """Clips with exchanged labels choose: what is learned makes them worse."""
    model, done, _ = trained(quick(epochs=30, learning_rate=3e-2), tmp_path, chosen_by=1)
    losses = {entry["epoch"]: entry["eval_loss"] for entry in done.history if "eval_loss" in entry}
    assert done.chosen is not None
    assert done.chosen["epoch"] == min(losses, key=lambda epoch: losses[epoch])
    assert done.chosen["epoch"] < 30
    best = load_file(tmp_path / "best.safetensors")
    assert all(torch.equal(best[name], tensor) for name, tensor in model.trained_tensors().items())


def test_a_batch_scores_what_single_clips_do(tmp_path: Path) -> None:
    model, _, clips = trained(quick(epochs=1), tmp_path, choosing=False)
    ask = asked()
    one, many = (
        score_by_likelihood(model, clips, ask.opened, ask.answers, batch_size=size, products=torch.float32).scores
        for size in (1, 8)
    )
    assert np.abs(one - many).max() < 1e-4


def test_gradient_checkpointing_changes_nothing(tmp_path: Path) -> None:
    plain, kept = (
        trained(quick(epochs=1, gradient_checkpointing=one, lora_dropout=0.0), tmp_path / str(one), choosing=False)[0]
        for one in (False, True)
    )
    after = kept.trained_tensors()
    assert all(torch.allclose(after[name], one, atol=1e-5) for name, one in plain.trained_tensors().items())


def test_accumulated_batches_are_one_large_batch(tmp_path: Path) -> None:
    whole, parts = (
        trained(quick(epochs=1, max_steps=1, batch_size=8 // parts, accumulation=parts, lora_dropout=0.0, eps=1e-2),
                tmp_path / str(parts), choosing=False)[0]
        for parts in (1, 4)
    )  # fmt: skip
    start, after = fresh(quick()).trained_tensors(), parts.trained_tensors()
    for name, one in whole.trained_tensors().items():
        spread = (one - start[name]).std()
        assert (after[name] - one).abs().max() < 1e-2 * spread + 1e-7, name


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from transformers import TrainerCallback
from pathlib import Path
from tests.training.tiny_clips import quick, trained
class Kill(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        if state.global_step == 5:
            os.kill(os.getpid(), signal.SIGKILL)
trained(quick(epochs=4, save_steps=2, batch_size=2), Path(sys.argv[1]), callbacks=[Kill()])
"""


def test_a_killed_training_goes_on_and_ends_with_the_same_bits(tmp_path: Path) -> None:
    """Step 5 is in the middle of an epoch of four; the last state is that of step 4, or of step 2 if 4 is cut."""
    recipe = quick(epochs=4, save_steps=2, batch_size=2)
    undisturbed, told, _ = trained(recipe, tmp_path / "whole")
    killed = second_process.run(KILLED, tmp_path / "killed", Path(__file__).parents[2])
    assert killed.returncode == -9, killed.stderr
    assert last_state(tmp_path / "killed") is not None
    resumed, again, _ = trained(recipe, tmp_path / "killed")
    assert again.steps == told.steps == 16
    assert again.chosen == told.chosen
    after = resumed.trained_tensors()
    assert all(torch.equal(after[name], one) for name, one in undisturbed.trained_tensors().items())


def test_a_state_that_was_not_written_to_the_end_is_not_taken(tmp_path: Path) -> None:
    trained(quick(epochs=2), tmp_path, choosing=False)
    first, last = states(tmp_path).values()
    (last / COMPLETE).unlink()
    (last / "trained.safetensors").write_bytes(b"half")
    assert last_state(tmp_path) == first
    _, again, _ = trained(quick(epochs=2), tmp_path, choosing=False)
    assert again.steps == 4


def test_a_loss_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    recipe = quick(learning_rate=1.0, clip_norm=None, epochs=40, eps=0.0, betas=(0.0, 0.0))
    with pytest.raises(TrainingError, match="the loss is nan at step"):
        trained(recipe, tmp_path, choosing=False)


def test_float16_needs_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="float16"):
        trained(quick(), tmp_path, dtype="float16")


def test_a_perfect_answer_scores_nothing_as_published(tmp_path: Path) -> None:
    """The trained answers are not what the published evaluation looks for: F1 is 0 for a model that is always right."""
    from emollama_hf.checkpoints import open_model
    from emollama_hf.training.prompting import published_scored_texts

    texts = ("mw", "nonmw")
    model, _, clips = trained(quick(epochs=80, learning_rate=3e-2), tmp_path, texts=texts)
    ask, tokenizer = asked(texts), open_model("random-tiny").tokenizer("emotion_llama")
    right = score_as_published(model, clips, ask.opened, tokenizer, texts, batch_size=4, products=torch.float32)
    assert right.answers == tuple(texts[label] for label in LABELS)
    published = score_as_published(
        model, clips, ask.opened, tokenizer, published_scored_texts(texts), batch_size=4,
        products=torch.float32,
    )  # fmt: skip
    assert (published.predicted < 0).all()
