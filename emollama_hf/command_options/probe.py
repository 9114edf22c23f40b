"""Options of `emollama-hf probe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emollama_hf.command_options.shared_options import Device, SharedSet, Split

_ALL_FEATURES = "Column, or part of it: emollama[6:10], emollama:mean; again for more. Default: every feature column."

_CONTROL = (
    "Column of numbers or categories that might give the label away; again for more. The control has by itself: frame "
    "count, frames a second, duration, face coverage, whether there is sound."
)


def probe(
    dataset: SharedSet,
    label: Annotated[str, typer.Option(help="Column of the labels.")],
    group: Annotated[str, typer.Option(help="Column of the participants: none is ever trained and tested on.")],
    fold: Annotated[str | None, typer.Option(help="Column of the folds. Default: folds are made by group.")] = None,
    columns: Annotated[list[str] | None, typer.Option("--columns", "--column", help=_ALL_FEATURES)] = None,
    combine: Annotated[
        list[str] | None, typer.Option(help="Vectors side by side: facemae+resnet50; again for more.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Column of levels between which the gap is measured.")] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help=_CONTROL),
    ] = None,
    adapter: Annotated[
        list[str] | None,
        typer.Option(help="Folder that finetune wrote with --fold all: a row of the table; again for more."),
    ] = None,
    positive: Annotated[str | None, typer.Option(help="Class of F1 and AUC-PR. Default: the rarest.")] = None,
    metric: Annotated[
        str, typer.Option(help="To judge by: auc_roc, auc_pr, f1, balanced_accuracy or kappa.")
    ] = "auc_roc",
    folds: Annotated[int, typer.Option(help="Folds that are made.")] = 5,
    permutations: Annotated[int, typer.Option(help="Refits with permuted labels, of vectors.")] = 3,
    resamples: Annotated[int, typer.Option(help="Resamples of the groups, for intervals.")] = 2000,
    seeds: Annotated[int, typer.Option(help="Networks of a sequence, which are averaged.")] = 3,
    max_epochs: Annotated[int, typer.Option(help="Epochs of a network at most.")] = 30,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    device: Device = "auto",
    allow_random: Annotated[
        bool, typer.Option("--allow-random", help="Probe features of random weights, which mean nothing.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for table, predictions and figures.")] = None,
    split: Split = None,
    config: Annotated[str | None, typer.Option(help="Configuration of the data set.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit on the Hub.")] = None,
) -> None:
    r"""Find out which feature column carries a label, on people that no classifier was trained on.

    Needs the extra probe: pip install 'emollama_hf\[probe]'. Ends with 0, or with 1 on an error.
    """
    from emollama_hf.commands.probe import run_probe

    run_probe(
        dataset, out=out, label=label, group=group, fold=fold, columns=columns, combine=combine or (), by=by,
        control=control or (), adapter=adapter, positive=positive, metric=metric, folds=folds,
        permutations=permutations, resamples=resamples, seeds=seeds, max_epochs=max_epochs, seed=seed, device=device,
        allow_random=allow_random, split=split, config_name=config, revision=revision,
    )  # fmt: skip
