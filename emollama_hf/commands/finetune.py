"""`emollama-hf finetune`: labelled clips in, an adapter and its scores on people that it has not seen out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import emollama_hf
from emollama_hf.commands.extract import quiet_unless_terminal
from emollama_hf.commands.probe_table import print_result
from emollama_hf.commands.recipe_values import typed_recipe
from emollama_hf.commands.report import console
from emollama_hf.training.finetuned import Finetuned
from emollama_hf.training.recipe import FAULTS, chosen_recipe


def run_finetune(
    source: str, model: str, out: Path, *, options: Mapping[str, Any], recipe_values: Mapping[str, Any]
) -> None:
    """Train, print progress, the table and what to do next.

    Args:
        source: Data set, feature set or folder of clips.
        model: Of the base.
        out: The folder to write.
        options: As `emollama_hf.finetune`; None for its default.
        recipe_values: By the names of `Recipe`'s attributes, as they were typed; None for the recipe's.

    Raises:
        ValueError: As `emollama_hf.finetune`.
    """
    quiet_unless_terminal()
    values = typed_recipe(recipe_values)
    recipe = chosen_recipe(options["recipe"], values)
    screen = console()
    if recipe.name == "as_published":
        screen.print("The recipe as it was published, for comparison. Its known faults:")
        for fault in FAULTS:
            screen.print(f"- {fault}")
        screen.print()
    given = {name: value for name, value in options.items() if value is not None}
    done = emollama_hf.finetune(source, model, out, **given, **values)
    if done.report is not None:
        print_result(screen, done.report, written=f"Wrote {done.directory}: report/ and predictions.parquet.")
        screen.print()
    for adapter in done.adapters:
        screen.print(f"Adapter: {adapter}")
    screen.print("\nNext:")
    for line in _next(source, model, done, options):
        screen.print(f"  emollama-hf {shlex.join(line)}")


def _next(source: str, model: str, done: Finetuned, options: Mapping[str, Any]) -> list[list[str]]:
    """Commands that use an adapter, with the names of this training."""
    adapter = str(done.adapters[0])
    labels = [] if options["labels"] is None else ["--labels", str(options["labels"])]
    lines = [
        ["extract", source, *labels, "--model", model, "--adapter", adapter, "--out", "TRAINED"],
        ["push-adapter", adapter, "ORG/NAME"],
    ]
    if len(done.adapters) > 1 and options["group"] is not None:
        # Of frozen features: those of an adapter have seen the labels of the clips that it was trained on.
        names = ["--label", options["label"], "--group", options["group"], "--fold", options["fold_column"]]
        lines.append(["probe", "FEATURES", *names, "--adapter", str(done.directory)])
    return lines
