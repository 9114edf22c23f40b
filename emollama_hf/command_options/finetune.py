"""Options of `emollama-hf finetune`; those of a recipe are named as the attributes of `Recipe`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emollama_hf.command_options.shared_options import Device, Split

_DATASET = "Feature set with peak_frame, folder of clips, data set: a directory, ORG/NAME on the Hub, a URL."
_WEIGHT = "Weight of a class, CLASS=NUMBER; again for each class. Or balanced, or none. Default: balanced."
_TEXT = "Answer that is trained for a class, CLASS=TEXT; again for each class. Default: the labels' words."
#: Panel of the help with what a recipe decides.
_RECIPE = "Values of the recipe (default: that of --recipe)"


def finetune(
    dataset: Annotated[str, typer.Argument(help=_DATASET, show_default=False)],
    label: Annotated[str, typer.Option(help="Column of the labels.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the adapter, new or of the same training.")],
    model: Annotated[
        str, typer.Option("--model", "-m", help="Model directory, Hub id, or random-tiny.", envvar="EMOLLAMA_MODEL")
    ],
    group: Annotated[
        str | None, typer.Option(help="Column of the participants: none is trained and tested on.")
    ] = None,
    fold_column: Annotated[str | None, typer.Option(help="Column of the folds.")] = None,
    fold: Annotated[
        str | None, typer.Option(help="Fold that is held out and tested, or all. Default: nothing is held out.")
    ] = None,
    recipe: Annotated[str, typer.Option(help="corrected, or as_published with its faults.")] = "corrected",
    positive: Annotated[str | None, typer.Option(help="Class of F1 and AUC-PR. Default: the rarest.")] = None,
    labels: Annotated[Path | None, typer.Option(help="CSV of a folder of clips, with file_name or uuid.")] = None,
    lora: Annotated[
        str | None,
        typer.Option(help="continue trains the published LoRA further, new another one on top of the model."),
    ] = None,
    layout: Annotated[str, typer.Option(help="fork, or upstream with a vector of the sound.")] = "fork",
    task: Annotated[str | None, typer.Option(help="Task word of the prompt. Default: classification.")] = None,
    instruction: Annotated[str | None, typer.Option(help="Question of the prompt. Default: names the classes.")] = None,
    quantize: Annotated[str | None, typer.Option(help="4bit or 8bit: the frozen decoder in fewer bits.")] = None,
    device: Device = "auto",
    split: Split = None,
    work: Annotated[
        Path | None, typer.Option(help="Folder for what is computed once. Default: in the cache of datasets.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit of the model on the Hub.")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="Tokenizer of the model, if it has none.")] = None,
    report_to: Annotated[
        list[str] | None, typer.Option(help="tensorboard, or another logger of transformers; again for more.")
    ] = None,
    epoch_chosen_by: Annotated[
        str | None,
        typer.Option(
            help="inner: by training rows that are set aside; test: by the tested ones, as published; last: no choice.",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Of AdamW, after the warm-up.", rich_help_panel=_RECIPE)
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training part.", rich_help_panel=_RECIPE)] = None,
    max_steps: Annotated[
        int | None, typer.Option(help="Optimiser steps, in place of --epochs.", rich_help_panel=_RECIPE)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Clips that a device computes together.", rich_help_panel=_RECIPE)
    ] = None,
    accumulation: Annotated[
        int | None, typer.Option(help="Batches of an optimiser step.", rich_help_panel=_RECIPE)
    ] = None,
    warmup: Annotated[
        float | None, typer.Option(help="Share of the steps in which the rate rises.", rich_help_panel=_RECIPE)
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="constant, linear or cosine, after the warm-up.", rich_help_panel=_RECIPE)
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option(help="Of weights with two axes.", rich_help_panel=_RECIPE)
    ] = None,
    betas: Annotated[str | None, typer.Option(help="Of AdamW: 0.9,0.999.", rich_help_panel=_RECIPE)] = None,
    eps: Annotated[float | None, typer.Option(help="Of AdamW.", rich_help_panel=_RECIPE)] = None,
    clip_norm: Annotated[
        float | None, typer.Option(help="Longest gradient; 0: no clipping.", rich_help_panel=_RECIPE)
    ] = None,
    lora_rank: Annotated[int | None, typer.Option(help="Of a new LoRA.", rich_help_panel=_RECIPE)] = None,
    lora_alpha: Annotated[float | None, typer.Option(help="Of a new LoRA.", rich_help_panel=_RECIPE)] = None,
    lora_dropout: Annotated[
        float | None, typer.Option(help="Share of a LoRA's inputs that are dropped.", rich_help_panel=_RECIPE)
    ] = None,
    class_weights: Annotated[
        list[str] | None, typer.Option("--class-weight", help=_WEIGHT, rich_help_panel=_RECIPE)
    ] = None,
    target_texts: Annotated[
        list[str] | None, typer.Option("--target-text", help=_TEXT, rich_help_panel=_RECIPE)
    ] = None,
    chat_template: Annotated[
        bool | None,
        typer.Option("--chat-template/--no-chat-template", help="Prompt in [INST].", rich_help_panel=_RECIPE),
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="auto, float32, bfloat16 or float16, of products.", rich_help_panel=_RECIPE)
    ] = None,
    gradient_checkpointing: Annotated[
        bool | None,
        typer.Option(
            "--gradient-checkpointing/--no-gradient-checkpointing",
            help="A fifth of the memory for a third more time.",
            rich_help_panel=_RECIPE,
        ),
    ] = None,
    save_steps: Annotated[
        int | None, typer.Option(help="Steps between two states that a run goes on from.", rich_help_panel=_RECIPE)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything that is drawn.", rich_help_panel=_RECIPE)] = None,
) -> None:
    r"""Train Emotion-LLaMA to answer with a clip's label, and test it on people that it has not seen.

    What stays frozen is computed once, before the first epoch. Run the same command again after a crash or Ctrl-C: it
    goes on where it was.

    Needs the extra train: pip install 'emollama_hf\[train]'. Ends with 0, or with 1 on an error.
    """
    from emollama_hf.commands.finetune import run_finetune

    run_finetune(
        dataset, model, out,
        options={
            "label": label, "group": group, "fold_column": fold_column, "fold": fold, "recipe": recipe,
            "positive": positive, "labels": labels, "lora": lora, "layout": layout, "task": task,
            "instruction": instruction, "quantize": quantize, "device": device, "split": split, "work": work,
            "revision": revision, "tokenizer": tokenizer, "report_to": tuple(report_to or ()),
        },
        recipe_values={
            "epoch_chosen_by": epoch_chosen_by, "learning_rate": learning_rate, "epochs": epochs,
            "max_steps": max_steps, "batch_size": batch_size, "accumulation": accumulation, "warmup": warmup,
            "schedule": schedule, "weight_decay": weight_decay, "betas": betas, "eps": eps, "clip_norm": clip_norm,
            "lora_rank": lora_rank, "lora_alpha": lora_alpha, "lora_dropout": lora_dropout,
            "class_weights": class_weights, "target_texts": target_texts, "chat_template": chat_template,
            "dtype": dtype, "gradient_checkpointing": gradient_checkpointing, "save_steps": save_steps, "seed": seed,
        },
    )  # fmt: skip
