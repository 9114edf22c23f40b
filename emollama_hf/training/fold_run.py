"""One fold of a training: fitted, its best epoch chosen, and the held-out clips scored.

fit ─► states ─► best epoch ─► trained.safetensors ─► scores of the held-out clips ─► outcome.json
adapter directory written ─► `settle`: outcome.json stays, the tensors are the adapter's
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from emollama_hf.computing.number_types import DtypeName
from emollama_hf.console.logs import package_logger
from emollama_hf.files.atomic_write import atomic_path, write_files
from emollama_hf.files.json_text import json_text
from emollama_hf.files.strict_json import read_object
from emollama_hf.training.best_epoch import forget_best
from emollama_hf.training.clips import Clips, Collate
from emollama_hf.training.fold_training import train
from emollama_hf.training.prompting import Prompting, published_scored_texts
from emollama_hf.training.recipe import Recipe
from emollama_hf.training.saved_states import remove_states, saving
from emollama_hf.training.scoring import Scored, score_as_published, score_by_likelihood
from emollama_hf.training.split import Split
from emollama_hf.training.trainable import TrainableEmotionLlama
from emollama_hf.training.training_data import TrainingData
from emollama_hf.training.training_error import TrainingError

logger = package_logger(__name__)

_TENSORS, _OUTCOME = "trained.safetensors", "outcome.json"


@dataclass(frozen=True, eq=False)
class Setting:
    """What all folds of a training share.

    Attributes:
        data: the rows, with stored image tokens and vectors.
        recipe: the values.
        prompting: prompt and answers.
        tokenizer: of the model.
        dtype: of products: "float32", "bfloat16" or "float16".
        device: "cpu" or a CUDA device.
        callbacks, report_to: as for transformers' Trainer.
    """

    data: TrainingData
    recipe: Recipe
    prompting: Prompting
    tokenizer: Any
    dtype: DtypeName
    device: str
    callbacks: Sequence[Any] = ()
    report_to: Sequence[str] = ()

    def clips(self, positions: np.ndarray) -> Clips:
        """Some of the rows, as they are trained on and scored."""
        return Clips(self.data, positions, self.data.rows.labels.numbers)


@dataclass(frozen=True, eq=False)
class FoldOutcome:
    """A finished fold.

    Attributes:
        scored: of the held-out clips, in the order of the split; None where nothing was held out.
        facts: JSON-able: `chosen` epoch, `steps`, `history` of losses, and the answers' `texts` as published.
    """

    scored: Scored | None
    facts: Mapping[str, Any]


def run_fold(
    model: TrainableEmotionLlama,
    setting: Setting,
    split: Split,
    weights: np.ndarray,
    *,
    folder: Path,
    title: str,
    writes: bool,
) -> FoldOutcome:
    """Train and score one fold, from the last saved state; `finished_fold` then finds it.

    Args:
        model: with the tensors that the training begins with; ends with those of the best epoch.
        setting: what all folds share.
        split: which rows are fitted, choose and are held out.
        weights: (classes,) of the fold's labels.
        folder: of the fold's states and its outcome.
        title: for messages.
        writes: whether this process writes and scores, the first of several.

    Raises:
        TrainingError: as `train`.
    """
    recipe, prompting = setting.recipe, setting.prompting
    collate = Collate(prompting.opened, prompting.answers, weights, prompting.pad_id)
    # As published, clips that choose have the weight 1.
    choosing = Collate(
        prompting.opened, prompting.answers, np.ones_like(weights) if recipe.name == "as_published" else weights,
        prompting.pad_id,
    )  # fmt: skip
    training = train(
        model, setting.clips(split.fit), setting.clips(split.held) if len(split.held) else None, collate, choosing,
        recipe, folder=folder, title=title, dtype=setting.dtype, device=setting.device, callbacks=setting.callbacks,
        report_to=setting.report_to,
    )  # fmt: skip
    facts: dict[str, Any] = {"chosen": training.chosen, "steps": training.steps, "history": training.history}
    if not writes:
        return FoldOutcome(None, facts)
    scored = _scored(model, setting, split.test) if len(split.test) else None
    if scored is not None and np.isnan(scored.scores).any():
        raise TrainingError(
            f"{title}: {int(np.isnan(scored.scores).any(axis=1).sum())} of {len(split.test)} held-out clips have a "
            "score that is no number: a value left the range of the number type. Train with dtype='bfloat16' or "
            "'float32'."
        )
    with saving(folder, training.steps):
        with atomic_path(folder / _TENSORS) as path:
            save_file(model.trained_tensors(), path)
        said = {} if scored is None else {"scores": scored.scores.tolist(), "answers": scored.answers}
        if scored is not None:  # JSON has no infinity
            said["scores"] = [[None if one == -np.inf else one for one in row] for row in scored.scores.tolist()]
        write_files(folder, {_OUTCOME: json_text({**facts, **said}).encode()})
    remove_states(folder)
    return FoldOutcome(scored, facts)


def finished_fold(folder: Path) -> FoldOutcome | None:
    """The outcome of a fold whose training and scoring are finished; None where they are not."""
    try:
        found = read_object(folder / _OUTCOME)
    except (OSError, ValueError):
        return None
    if (folder / _TENSORS).is_file() and _damaged(folder / _TENSORS):
        return None
    scores, answers = found.pop("scores", None), found.pop("answers", None)
    scored = None
    if scores is not None:
        values = np.array([[-np.inf if one is None else one for one in row] for row in scores], np.float64)
        scored = Scored(values, None if answers is None else tuple(answers))
    return FoldOutcome(scored, found)


def _damaged(tensors: Path) -> bool:
    try:
        with safe_open(tensors, "pt"):
            return False
    except (OSError, SafetensorError):
        return True


def finished_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """The trained tensors of a finished fold that was not settled."""
    found: dict[str, torch.Tensor] = load_file(folder / _TENSORS)
    return found


def is_settled(folder: Path) -> bool:
    """Whether a finished fold's tensors lie in its adapter directory alone."""
    return (folder / _OUTCOME).is_file() and not (folder / _TENSORS).is_file()


def settle(folder: Path) -> None:
    """Remove the tensors of a finished fold whose adapter directory is written: 300 MB each at real size."""
    forget_best(folder)
    (folder / _TENSORS).unlink(missing_ok=True)


def _scored(model: TrainableEmotionLlama, setting: Setting, positions: np.ndarray) -> Scored:
    clips, prompting, recipe = setting.clips(positions), setting.prompting, setting.recipe
    products: torch.dtype = getattr(torch, setting.dtype)
    logger.info("scoring %d held-out clips", len(clips))
    if recipe.name == "as_published":
        return score_as_published(
            model, clips, prompting.opened, setting.tokenizer, published_scored_texts(setting.data.rows.labels.classes),
            batch_size=recipe.batch_size, products=products,
        )  # fmt: skip
    return score_by_likelihood(
        model, clips, prompting.opened, prompting.answers, batch_size=recipe.batch_size, products=products
    )
