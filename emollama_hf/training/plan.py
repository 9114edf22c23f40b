"""What a training does with its rows: answers, prompt, the division of each fold, class weights; without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emollama_hf.checkpoints import ModelSource
from emollama_hf.probing.rows import ProbeRows
from emollama_hf.training.class_weights import class_weights
from emollama_hf.training.prompting import PART, Prompting, instruction_of, prompting
from emollama_hf.training.recipe import Recipe
from emollama_hf.training.split import Split, chosen_folds, parts
from emollama_hf.training.target_texts import target_texts


@dataclass(frozen=True, eq=False)
class Plan:
    """What is decided by rows and options alone.

    Attributes:
        prompting: the prompt, and the answer of each class.
        splits: which rows are trained and tested on, by the name of the fold.
        weights: (classes,) of each fold's loss, by the name of the fold.
    """

    prompting: Prompting
    splits: dict[str | None, Split]
    weights: dict[str | None, np.ndarray]


def planned(
    rows: ProbeRows, source: ModelSource, recipe: Recipe, *, fold: str | int | None, grouped: bool, layout: str,
    task: str, instruction: str | None,
) -> Plan:  # fmt: skip
    """The plan of a training.

    Args:
        rows: with their labels, groups and folds; features are not read.
        source: of the base, whose tokenizer is read.
        recipe: the recipe.
        fold: value of the fold column, "all", or None.
        grouped: whether a column gives the groups.
        layout, task, instruction: of the prompt.

    Raises:
        TrainingError: no such fold, no inner split, answers or weights that do not fit the classes, a prompt that does
            not fit the model.

    Example:
        >>> planned(rows, source, Recipe(), fold="all", ...).splits.keys()
        dict_keys(['0', '1', '2', '3'])
    """
    classes = rows.labels.classes
    texts = target_texts(recipe.target_texts, classes, source.tokenizer(PART), recipe=recipe.name).texts
    asked = prompting(
        source, task=task, instruction=instruction_of(classes, instruction), chat_template=recipe.chat_template,
        layout=layout, texts=texts,
    )  # fmt: skip
    splits = {
        name: parts(rows, name, chosen_by=recipe.epoch_chosen_by, grouped=grouped, seed=recipe.seed)
        for name in chosen_folds(rows, fold)
    }
    everything = np.arange(len(rows))
    weights = {
        name: class_weights(
            recipe.class_weights, rows.labels, everything if recipe.weights_from_all else one.training_part
        )
        for name, one in splits.items()
    }
    return Plan(asked, splits, weights)
