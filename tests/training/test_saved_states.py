"""States on the disk: killed at any write a training ends the same, and a damaged state is never gone on from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from emollama_hf.training.saved_states import states
from emollama_hf.training.training_error import TrainingError
from tests import second_process
from tests.training.tiny_clips import quick, trained

#: Ends the process at a write to its folder, and does so again at a later write until the training is finished.
KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
import torch
torch.set_num_threads(1)
from pathlib import Path
from safetensors.torch import save_file
from tests.training.tiny_clips import quick, trained
folder, options, stride = Path(sys.argv[1]), eval(sys.argv[3]), int(sys.argv[4])
writes = {"os.rename", "os.remove", "os.rmdir", "os.mkdir"}
left = None
def hook(event, args):
    global left
    if left is None or not (event in writes or event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR)):
        return
    if str(folder) in str(args[0]):
        left -= 1
        if left == 0:
            os._exit(9)
sys.addaudithook(hook)
def run(at, into):
    global left
    child = os.fork()
    if child == 0:
        left = at
        model, done, _ = trained(quick(**options), into)
        left = None
        save_file(model.trained_tensors(), into / "end.safetensors")
        (into / "steps").write_text(f"{done.steps} {done.chosen}")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert run(None, folder / "whole") == 0
kills = 0
for at in range(1, 10_000, stride):
    into = folder / f"killed-{at}"
    ended = run(at, into)
    if ended == 0:
        break
    assert ended == 9, ended
    kills += 1
    assert run(None, into) == 0
print("KILLS", kills)
"""


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 2, "save_steps": 2},  # a state by steps, and the end of an epoch, at the same step
        {"epochs": 9, "max_steps": 3, "save_steps": 1},  # the last step is in the middle of an epoch
    ],
)
def test_killed_at_any_write_a_training_ends_the_same(tmp_path: Path, options: dict[str, int]) -> None:
    done = second_process.run(KILLED, tmp_path, Path(__file__).parents[2], repr(options), 7)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.split("KILLS ")[1]) >= 4
    whole = load_file(tmp_path / "whole" / "end.safetensors")
    for killed in tmp_path.glob("killed-*"):
        assert (killed / "steps").read_text() == (tmp_path / "whole" / "steps").read_text(), killed.name
        after = load_file(killed / "end.safetensors")
        assert all(torch.equal(after[name], one) for name, one in whole.items()), killed.name


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("trained.safetensors", zeros),
        ("optimizer.pt", half),
        ("scheduler.pt", Path.unlink),
        ("rng_state.pth", zeros),
        ("trainer_state.json", zeros),
    ],
)
def test_a_damaged_state_is_removed_and_the_one_before_is_taken(
    tmp_path: Path, damage: Callable[[Path], None], file: str, caplog: pytest.LogCaptureFixture
) -> None:
    model, _, _ = trained(quick(epochs=2), tmp_path)
    damage(list(states(tmp_path).values())[-1] / file)
    with caplog.at_level(logging.WARNING, "emollama_hf"):
        again, done, _ = trained(quick(epochs=2), tmp_path)
    assert "checkpoint-4 is damaged" in caplog.text
    assert done.steps == 4
    after = again.trained_tensors()
    assert all(torch.equal(after[name], one) for name, one in model.trained_tensors().items())


@pytest.mark.parametrize("damage", [zeros, half, Path.unlink])
def test_without_the_best_epoch_a_training_begins_again(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """To go on would take the best of the epochs that are left, without a word."""
    recipe = quick(epochs=6, learning_rate=3e-2)
    model, told, _ = trained(recipe, tmp_path, chosen_by=1)
    damage(tmp_path / "best.safetensors")
    with caplog.at_level(logging.WARNING, "emollama_hf"):
        again, done, _ = trained(recipe, tmp_path, chosen_by=1)
    assert "the tensors of the best epoch are damaged: training begins again" in caplog.text
    assert done.chosen == told.chosen
    after = again.trained_tensors()
    assert all(torch.equal(after[name], one) for name, one in model.trained_tensors().items())


@pytest.mark.parametrize("choosing", [False, True])
def test_a_short_training_whose_loss_is_no_number_is_an_error(tmp_path: Path, choosing: bool) -> None:
    """Fewer steps than are logged at once: nothing is saved that a next run would go on from."""
    recipe = quick(learning_rate=1.0, clip_norm=None, epochs=3, eps=0.0, betas=(0.0, 0.0), weight_decay=10.0)
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at step"):
        trained(recipe, tmp_path, choosing=choosing)
    for state in states(tmp_path).values():
        assert all(bool(one.isfinite().all()) for one in load_file(state / "trained.safetensors").values())
