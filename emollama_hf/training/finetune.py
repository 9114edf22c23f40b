"""`emollama_hf.finetune`: from labelled clips to an adapter and its scores on people that it has not seen.

rows, frozen work once ─► one training a fold ─► adapter directories ─► predictions and report
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Dataset

from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.checkpoints.adapter import open_adapter, write_adapter
from emollama_hf.computing.exact_float32 import exact_float32
from emollama_hf.computing.extra_library import check_extra_library
from emollama_hf.computing.number_types import DtypeName
from emollama_hf.computing.process import resolve_device
from emollama_hf.console.logs import package_logger
from emollama_hf.console.safe_errors import no_secrets
from emollama_hf.errors import ModelError
from emollama_hf.files.digest import json_digest
from emollama_hf.probing.result import ProbeResult
from emollama_hf.stages.decoder_stage import LAYOUTS
from emollama_hf.tensors.quantized import QUANTIZATIONS, Quantize
from emollama_hf.training.finetuned import Finetuned
from emollama_hf.training.gpu_memory import gpu_memory_errors
from emollama_hf.training.plan import planned
from emollama_hf.training.processes import Processes
from emollama_hf.training.prompting import PART, TASK
from emollama_hf.training.recipe import FAULTS, Recipe, chosen_recipe
from emollama_hf.training.report import ReportOptions, finetuned_report, write_report
from emollama_hf.training.run_folder import RunFolder, check_run_folder, open_run_folder
from emollama_hf.training.split import Split
from emollama_hf.training.training_data import TrainedColumns, TrainingData, labelled_rows, training_data
from emollama_hf.training.training_error import TrainingError

if TYPE_CHECKING:
    import torch

    from emollama_hf.training.base_model import LoraChoice
    from emollama_hf.training.fold_run import FoldOutcome, Setting

logger = package_logger(__name__)

_LORA = ("continue", "new")


@no_secrets()
def finetune(
    ds: Dataset | str | os.PathLike[str],
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    label: str,
    group: str | None = None,
    fold_column: str | None = None,
    fold: str | int | None = None,
    recipe: str = "corrected",
    positive: str | None = None,
    lora: str | None = None,
    layout: str = "fork",
    task: str = TASK,
    instruction: str | None = None,
    quantize: Quantize | None = None,
    device: str = "auto",
    revision: str | None = None,
    tokenizer: str | os.PathLike[str] | None = None,
    work: str | os.PathLike[str] | None = None,
    split: str | None = None,
    labels: str | os.PathLike[str] | None = None,
    callbacks: Sequence[Any] = (),
    report_to: str | Sequence[str] = (),
    **overrides: Any,
) -> Finetuned:
    """Train Emotion-LLaMA to answer with the label of a clip, and test it on people that it has not seen.

    What stays frozen is computed once: image tokens and feature vectors of every clip lie in the work store, and an
    epoch costs the decoder alone. A call that was killed goes on at its last saved step when it is made again.

    Args:
        ds: A data set with `video`, or with `peak_frame`, `facemae` and `videomae`; or what `emollama_hf.load` and
            `extract` open: a feature set, a folder of clips with a table of labels, a data set on the Hub.
        model: Model directory, Hub id, "random-tiny" or "random-full".
        out: Folder to write, new or of the same training. Holds adapter.safetensors and provenance.json, with
            fold="all" one folder of these a fold; predictions.parquet and report/ of what was held out.
        label: Column of the labels: texts, whole numbers, truth values or classes.
        group: Column of the participants, none of whom is both trained and tested on; None: each row is its own.
        fold_column: Column of the folds.
        fold: The value whose rows are held out and scored; "all" for each in turn; None trains on every row.
        recipe: "corrected", or "as_published" with its known faults, for comparison.
        positive: Class of the scores, F1 and AUC-PR; None: the class with the fewest rows.
        lora: "continue" trains the published LoRA further; "new" a LoRA on top of the model as it is. None: "continue",
            and "new" of random models, which have none.
        layout: "fork" (vectors of FaceMAE and VideoMAE) or "upstream" (and of HuBERT).
        task, instruction: Of the prompt. None: the published instruction for labels mw and nonmw, else the like for
            the labels.
        quantize: "4bit" or "8bit" keeps the frozen decoder's linear layers in so many bits.
        device: "auto", "cpu" or "cuda". Several GPUs: `accelerate launch` of a program or of `emollama-hf finetune`.
        revision, tokenizer: Of the model.
        work: Folder of the work store with what is computed once; None: in the cache of `datasets`.
        split: Of a data set.
        labels: Table of labels of a folder of clips.
        callbacks, report_to: Of transformers' Trainer, such as report_to="tensorboard".
        **overrides: Values of the recipe by the names of `Recipe`'s attributes: learning_rate, max_steps, epochs,
            batch_size, accumulation, lora_dropout, class_weights, target_texts, chat_template, dtype, seed, ...

    Returns:
        Where the adapters lie, and the report of what was held out.

    Raises:
        ValueError: Rows, labels, groups, folds or options that cannot be trained with; before anything is trained.
        ModelError: The model lacks a part, or the factors to go on from.
        TrainingError: While training: a full disk, out of GPU memory, a loss that is no number. What was saved stays.

    Example:
        >>> done = finetune(ds, "emotion-llama-hf", "adapter", label="mw_label", group="participant_id",
        ...                 fold_column="test_fold_num", fold=0)
        >>> done.report.table.shape
        (2, 38)
    """
    for library in ("peft", "accelerate", "sklearn", "matplotlib"):
        check_extra_library(library, extra="train", purpose="training")
    values = chosen_recipe(recipe, overrides)
    choice = _checked_choices(lora, quantize, layout, fold, fold_column)
    source = open_model(model, revision=revision, tokenizer=tokenizer)
    # Rows, folds, answers and the folder are checked before torch is imported and before clips are computed.
    columns = TrainedColumns(label, group, fold_column, positive)
    opened, known = labelled_rows(ds, columns, split=split, labels=labels)
    planning = partial(
        planned, source=source, recipe=values, fold=fold, grouped=group is not None, layout=layout, task=task,
        instruction=instruction,
    )  # fmt: skip
    plan = planning(known)
    check_run_folder(out)
    from emollama_hf.training.adapter_facts import adapter_facts, base_facts, lora_facts, recipe_json
    from emollama_hf.training.fold_run import Setting, finished_fold, finished_tensors, is_settled, run_fold, settle
    from emollama_hf.training.saved_states import saving

    lora_choice: LoraChoice = choice or ("new" if source.is_random else "continue")
    if lora_choice == "continue":
        source.load_lora(PART)  # said now, and not after the clips were read
    place = resolve_device(device)
    dtype = _dtype(values, place)
    processes = Processes(cpu=place == "cpu")
    if values.name == "as_published" and processes.is_first:
        for fault in FAULTS:
            logger.warning("recipe as_published: %s", fault)
    with processes.first_alone():
        data = training_data(
            opened, model, revision=revision, label=label, group=group, fold_column=fold_column, positive=positive,
            layout=layout, store_dtype="float32" if dtype == "float32" else "float16", device=device, work=work,
        )  # fmt: skip
    if not np.array_equal(data.rows.indices, known.indices):
        plan = planning(data.rows)  # clips that could not be computed are left out
    asked, splits, weights = plan.prompting, plan.splits, plan.weights
    base = base_facts(source)
    identity = {
        "recipe": recipe_json(values),
        "rows": data.digest,
        "label": label,
        "folds": list(splits),
        "fold_column": fold_column,
        "group": group,
        "base": base["parts"],
        "lora": lora_choice,
        "prompt": [asked.task, asked.instruction, layout],
        "dtype": dtype,
        "quantize": quantize,
    }
    folder = open_run_folder(out, identity)
    setting = Setting(
        data, values, asked, source.tokenizer(PART), dtype, place, tuple(callbacks),
        (report_to,) if isinstance(report_to, str) else tuple(report_to),
    )  # fmt: skip
    making = _Making(source, lora_choice, quantize, layout, setting)
    run = json_digest(identity)
    options = ReportOptions(
        label=label, fold_column=fold_column or "", group=group, positive=positive, place=_place(ds),
        fingerprint=data.digest, dataset_rows=len(data) + sum(data.rows.left_out.values()), random=source.is_random,
        facts={"base": base, "run": run},
    )  # fmt: skip
    with folder.begun() if processes.is_first else nullcontext():
        processes.wait()
        outcomes: dict[str | None, FoldOutcome] = {}
        adapters = _adapters(folder, splits)
        for number, ((name, one), adapter) in enumerate(zip(splits.items(), adapters, strict=True)):
            states = folder.states(number)
            if processes.is_first and is_settled(states) and not _is_adapter(adapter):
                logger.warning("the adapter %s was removed or damaged: it is trained again.", adapter)
                shutil.rmtree(states)
            processes.wait()
            if finished_fold(states) is None:
                with exact_float32(), gpu_memory_errors(values, _title(name)):
                    run_fold(
                        making.fresh(), setting, one, weights[name], folder=states, title=_title(name),
                        writes=processes.is_first,
                    )  # fmt: skip
            processes.wait()
            found = finished_fold(states)
            assert found is not None  # the first process has written it
            outcomes[name] = found
            if processes.is_first and not is_settled(states):
                tensors = finished_tensors(states)
                facts = adapter_facts(
                    data.rows, one, values, asked, weights[name], label=label, layout=layout, base=base,
                    lora=lora_facts(*making.rank_and_alpha(tensors), continued=lora_choice == "continue"),
                    fold=name, fold_column=fold_column, fingerprint=data.digest, run=run,
                    outcome=found.facts, dtype=dtype, quantize=quantize,
                    result=_report(data, {name: one}, outcomes, values, options),
                )  # fmt: skip
                with saving(states, found.facts["steps"]):
                    write_adapter(adapter, tensors, facts)
                settle(states)
        if not processes.is_first:
            return Finetuned(folder.path, adapters, None)
        report = _report(data, splits, outcomes, values, options)
        if report is not None:
            write_report(folder.path, report, values, options)
        return Finetuned(folder.path, adapters, report)


@dataclass(eq=False)
class _Making:
    """Makes the model of each fold: loaded once, with the same tensors to begin with each time."""

    source: ModelSource
    lora: LoraChoice
    quantize: Quantize | None
    layout: str
    setting: Setting
    _model: Any = None
    _initial: Any = None

    def fresh(self) -> Any:
        from emollama_hf.training.base_model import base_model
        from emollama_hf.training.training_memory_check import check_training_memory

        if self._model is None:
            setting = self.setting
            check_training_memory(self.source, setting, lora=self.lora, layout=self.layout, quantize=self.quantize)
            self._model = base_model(
                self.source, setting.recipe, lora=self.lora, layout=self.layout, dtype=setting.dtype,
                device=setting.device, quantize=self.quantize,
            )  # fmt: skip
            self._initial = self._model.trained_tensors()
        self._model.set_trained(self._initial)
        return self._model

    def rank_and_alpha(self, tensors: Mapping[str, torch.Tensor]) -> tuple[int, float]:
        rank = next(one.shape[0] for name, one in tensors.items() if ".lora_A." in name)
        alpha = self.source.load_lora(PART).alpha if self.lora == "continue" else self.setting.recipe.lora_alpha
        return int(rank), float(alpha)


def _checked_choices(
    lora: str | None, quantize: str | None, layout: str, fold: str | int | None, fold_column: str | None
) -> LoraChoice | None:
    if lora not in (None, *_LORA):
        raise TrainingError(f"lora={lora!r} is unknown. Valid: {', '.join(_LORA)}.")
    if quantize not in (None, *QUANTIZATIONS):
        raise TrainingError(f"quantize={quantize!r} is unknown. Valid: {', '.join(QUANTIZATIONS)}.")
    if layout not in LAYOUTS:
        raise TrainingError(f"layout={layout!r} is unknown. Valid: {', '.join(LAYOUTS)}.")
    if fold is not None and fold_column is None:
        raise TrainingError(f"fold={fold!r} is a value of a column of folds: name it (fold_column=, --fold-column).")
    if fold is None and fold_column is not None:
        raise TrainingError(
            f"fold_column={fold_column!r} without a fold would hold nothing out. Name the fold that is tested (fold=), "
            "or fold='all' for each in turn; leave fold_column out to train on every row."
        )
    return lora  # type: ignore[return-value]


def _dtype(recipe: Recipe, device: str) -> DtypeName:
    """The number type of products; "auto" is the recipe's on a GPU."""
    if recipe.dtype != "auto":
        return recipe.dtype  # type: ignore[return-value]
    if device == "cpu":
        return "float32"
    return "float16" if recipe.name == "as_published" else "bfloat16"


def _place(ds: object) -> str | None:
    """The name of a place, without the folders around it; None for a data set in memory."""
    if not isinstance(ds, str | os.PathLike):
        return None
    return Path(ds).resolve().name if Path(ds).exists() else os.fspath(ds)


def _adapters(folder: RunFolder, splits: dict[str | None, Split]) -> tuple[Path, ...]:
    if len(splits) == 1:
        return (folder.path,)
    return tuple(folder.path / f"fold-{one}" for one in _file_names([str(name) for name in splits]))


def _is_adapter(directory: Path) -> bool:
    try:
        open_adapter(directory)
    except ModelError:
        return False
    return True


def _file_names(folds: Sequence[str]) -> list[str]:
    """Names of folds as parts of file names; by their number where two would be the same."""
    named = [re.sub(r"[^A-Za-z0-9._-]", "_", fold)[:60] for fold in folds]
    return named if len({one.lower() for one in named}) == len(named) else [str(number) for number in range(len(folds))]


def _title(fold: str | None) -> str:
    return "all rows" if fold is None else f"fold {fold}"


def _report(
    data: TrainingData, splits: dict[str | None, Split], outcomes: dict[str | None, FoldOutcome], recipe: Recipe,
    options: ReportOptions,
) -> ProbeResult | None:  # fmt: skip
    """Scores of the rows that some folds have held out; None where nothing was."""
    tested = [(one.test, outcomes[name].scored) for name, one in splits.items() if len(one.test)]
    if not tested:
        return None
    positions = np.concatenate([test for test, _ in tested])
    probabilities = np.concatenate([scored.probabilities for _, scored in tested if scored is not None])
    predicted = np.concatenate([scored.predicted for _, scored in tested if scored is not None])
    order = np.argsort(positions)
    return finetuned_report(
        data.rows, positions[order], probabilities[order], predicted[order], recipe, options, clips=data.ds
    )
