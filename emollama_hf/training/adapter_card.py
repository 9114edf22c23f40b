"""The model card of an adapter: what it was trained on, what it reached, what it is not for, and how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emollama_hf.encoders.emotion_llama.credit import EMOTION_LLAMA
from emollama_hf.feature_set.card.card_yaml import card_yaml
from emollama_hf.feature_set.card.markdown import cell, code, inline, literal, sentence
from emollama_hf.measures.group_bootstrap import Interval
from emollama_hf.probing.conclusion import METRIC_NAMES, interval_text
from emollama_hf.text.hub_id import is_hub_id
from emollama_hf.text.plural import counted, listed

LIBRARY = "emollama_hf"
#: The decoder below every model that `convert` writes.
LLAMA = "meta-llama/Llama-2-7b-chat-hf"
LLAMA_LICENSE = "llama2"
_LIMITS = """## Limits, and what this is not for

- **Not for surveillance, and not for decisions about people**: not for judging pupils, employees, patients or anybody
  else, alone or among other things. Inferring emotions of people at work and in education is prohibited in the European
  Union (AI Act, article 5).
- **Labels are reports**: what people said of themselves, or others of them, at one moment of one task. The adapter
  repeats them with errors, and knows nothing of what people feel or attend to.
- **Few people**: {people}. Other people, cameras, rooms, tasks and cultures were not seen. Test it on your own
  recordings, with participants that it has not seen, before anything is concluded from it.
- A result above chance need not come from the face: compare with what durations, rooms and cameras give away.
- Weights that were trained on recordings of people may hold traces of them: share them no further than the participants
  agreed to.
"""
_LICENCE = """## Licence

Llama 2 is licensed under the LLAMA 2 Community License, Copyright (c) Meta Platforms, Inc. All Rights Reserved. The
license and Meta's acceptable use policy hold for derivatives such as this adapter. Emotion-LLaMA is BSD 3-Clause, its
checkpoints are for research.
"""


def adapter_card(facts: Mapping[str, Any], repo: str, *, license: str | None = None) -> str:
    """The README.md of an adapter.

    Args:
        facts: Of its provenance, those that may be public (`public_facts`).
        repo: "owner/name".
        license: Identifier of the Hub; None for Llama 2's, or none where the base has random weights.

    Returns:
        Markdown with its YAML block.
    """
    labels, base = facts.get("labels", {}), facts.get("base", {})
    random = bool(base.get("random"))
    parts = [
        f"---\n{card_yaml(_metadata(base, license, random=random))}\n---\n",
        f"# {inline(repo.rpartition('/')[2])}\n",
        _opening(labels, random=random),
        _use(facts, repo),
        _training(facts),
        _results(facts.get("results", {}), labels.get("positive", "?")),
        _LIMITS.format(people=_people(facts.get("training", {}))),
        *([] if random else [_LICENCE]),
    ]
    return "\n".join(parts)


def _metadata(base: Mapping[str, Any], license: str | None, *, random: bool) -> dict[str, Any]:
    name = base.get("name", "")
    known = {} if random else {"license": LLAMA_LICENSE, "base_model": name if is_hub_id(name) else LLAMA,
                               "base_model_relation": "adapter"}  # fmt: skip
    return {
        "library_name": LIBRARY,
        **known,
        **({} if license is None else {"license": license}),
        "pipeline_tag": "video-classification",
        "tags": [*EMOTION_LLAMA.tags, "lora", "adapter"],
    }


def _opening(labels: Mapping[str, Any], *, random: bool) -> str:
    classes = listed([inline(name) for name in labels.get("classes", [])])
    said = (
        "An adapter of Emotion-LLaMA: a LoRA of its decoder and the projections of picture, face and video, trained "
        f"with `emollama_hf` to tell {classes or 'classes'} ({code(labels.get('column', '?'))}) apart in clips of a "
        "person.\n"
    )
    if random:
        said += "\n**Its base has random weights: it shows how training works, and its answers mean nothing.**\n"
    return said


def _use(facts: Mapping[str, Any], repo: str) -> str:
    model = literal(facts.get("base", {}).get("name") or "emotion-llama-hf")
    predict = f'EmotionPredict({model}, adapter={literal(repo)}, method="likelihood")'
    return f"""```python
import emollama_hf
embed = emollama_hf.EmoLlamaEmbed({model}, adapter={literal(repo)})  # hidden states as features
ds = ds.map(embed, batched=True, batch_size=16)
```

{model} is the directory that `emollama-hf convert` writes from the original's checkpoints; its digests must be those
that the adapter was trained on. {code(predict)} asks what it was trained to answer.
"""


def _training(facts: Mapping[str, Any]) -> str:
    training, labels, prompt, lora = (facts.get(name, {}) for name in ("training", "labels", "prompt", "lora"))
    options, rows, chosen = (training.get(name, {}) for name in ("options", "rows", "chosen"))
    counts = ", ".join(f"{count:,} {inline(name)}" for name, count in training.get("labels", {}).items())
    weights = ", ".join(f"{inline(name)} {weight:.3g}" for name, weight in training.get("class_weights", {}).items())
    answers = ", ".join(f"{inline(name)}: {code(text)}" for name, text in
                        zip(labels.get("classes", []), labels.get("texts", []), strict=False))  # fmt: skip
    told = {
        "trained on": f"{_clips(rows, 'fitted')} of {counted(training.get('groups', 0), 'group')} ({counts})",
        "best epoch chosen by": _clips(rows, "chose")
        + (f": epoch {_number(chosen['epoch'])}" if "epoch" in chosen else ""),
        "held out": _clips(rows, "held_out")
        + (f", a fold of {code(training['fold_column'])}" if training.get("fold_column") else ""),
        "recipe": f"{inline(training.get('recipe', '?'))}, seed {_number(training.get('seed'))}, "
        f"learning rate {_number(options.get('learning_rate'))}, epochs {_number(options.get('epochs'))}, batch "
        f"{_number(options.get('batch_size'))} x {_number(options.get('accumulation'))}",
        "LoRA": f"rank {_number(lora.get('r'))}, alpha {_number(lora.get('alpha'))}, on "
        f"{listed([code(name) for name in lora.get('targets', [])]) or '?'}",
        "class weights": weights or "none",
        "answers": answers or "?",
        "prompt": code(f"[{prompt.get('task', '')}] {prompt.get('instruction', '')}"),
    }  # fmt: skip
    lines = "\n".join(f"| {name} | {cell(value)} |" for name, value in told.items())
    faults = "".join(f"\n- {sentence(fault)}" for fault in training.get("faults", []))
    known = f"\nKnown faults of this recipe, which is kept for comparison:\n{faults}\n" if faults else ""
    return f"## What it was trained on\n\n| | |\n| --- | --- |\n{lines}\n{known}"


def _clips(rows: Mapping[str, Any], part: str) -> str:
    return counted(rows[part], "clip") if rows.get(part) else "no clips"


def _results(results: Mapping[str, Any], positive: str) -> str:
    if not results.get("metrics"):
        return "## Results\n\nNothing was held out, so that nothing is known of how well it does on other people.\n"
    views = [name for name in ("metrics", "control", "chance") if name in results]
    heads = {"metrics": "this adapter", "control": "facts of the clips alone", "chance": "chance"}
    lines = [f"| metric | {' | '.join(heads[name] for name in views)} |", f"| --- |{' --- |' * len(views)}"]
    for metric, word in METRIC_NAMES.items():
        values = [interval_text(_interval(results[name].get(metric, {}))) for name in views]
        lines.append(f"| {word} | {' | '.join(values)} |")
    notes = "".join(f"\n- {sentence(note)}" for note in results.get("notes", []))
    table = "\n".join(lines)
    tested = f"{counted(results.get('rows', 0), 'clip')} of {counted(results.get('groups', 0), 'group')}"
    return f"""## Results

Of {tested} that were held out, with 95 % intervals from a bootstrap over groups; F1 and AUC-PR are of
{inline(positive)}.

{table}
{notes}
"""


def _interval(one: Mapping[str, Any]) -> Interval:
    value, low, high = (float("nan") if one.get(end) is None else float(one[end]) for end in ("value", "low", "high"))
    return Interval(value, low, high)


def _people(training: Mapping[str, Any]) -> str:
    groups = training.get("groups")
    return f"it was trained on clips of {counted(groups, 'group')}" if groups else "of how many people is not recorded"


def _number(value: Any) -> str:
    return "?" if value is None else f"{value:g}"
