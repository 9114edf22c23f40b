"""The sections of a feature data set's card, each made from its manifest alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from emollama_hf import schema
from emollama_hf.console.terminal import shown_text
from emollama_hf.encoders.credit import Credit
from emollama_hf.encoders.emotion_llama.credit import EMOTION_LLAMA
from emollama_hf.feature_set.card.credits import citations, licences
from emollama_hf.feature_set.card.markdown import block, cell, code, inline, literal, meaning_line, picture, sentence
from emollama_hf.feature_set.file_counts import FEW_VALUES
from emollama_hf.feature_set.manifest import PROVENANCE, FeatureConfig, Manifest
from emollama_hf.feature_set.opening import Opening
from emollama_hf.feature_set.plugins import recorded_meanings, recorded_origin
from emollama_hf.feature_set.set_paths import picture_name
from emollama_hf.frames.faces.face_coverage import LOW_COVERAGE
from emollama_hf.privacy.media import may_show_people, shows_people
from emollama_hf.stages.known_columns import feature_columns, known_columns, sensitive_columns
from emollama_hf.stages.known_stages import find_maker, maker_of, origin_of
from emollama_hf.stages.named_encoder import NamedEncoder
from emollama_hf.text.plural import listed
from emollama_hf.text.secrets import without_secrets

#: Of columns that no stage computes.
MEANINGS = {
    schema.STATUS: "`ok`, or why the clip has no features, which are null then",
    schema.ERROR: "the message of that failure",
    "mw_label": "mind wandering as reported: MW or NonMW",
    "participant_id": "pseudonym of the participant",
    "test_fold_num": "fold in which the clip is tested",
    "uuid": "identifier of the clip",
    "file_name": "file of the clip, relative to the folder that was read",
}
EMOTION_LLAMA_MODELS = "[Emotion-LLaMA](https://github.com/ZebangCheng/Emotion-LLaMA)'s models"
EMOTION_LLAMA_LIMITS = """\
- They reproduce a published extraction, which is not the same as being good for your question. In the published
  comparison on mind wandering (CV4Edu 2026) an AffectNet ResNet-50 was the strongest encoder and no Emotion-LLaMA
  representation was better; the authors of Emotion-LLaMA recommend the encoders' embeddings over the last hidden
  state. Compare `facemae` and `videomae` first.
- Hidden states describe what a model reads from a face when asked for an emotion. They do not measure what somebody
  felt.
"""
#: Settings that a reader looks for, by stage, in words.
WORDS = {
    "crop": "face crops",
    "peak": "peak frame",
    "faces": "faces",
    "num_frames": "frames sampled",
    "fps": "frames sampled a second",
    "min_face_coverage": "least face coverage",
    "size": "crop size in pixels",
    "pixel_aspect": "pixels of videos",
    "layout": "token layout",
    "pooling": "pooling of the hidden states",
    "instruction": "instruction",
    "task": "task tag",
    "store_dtype": "stored as",
    "no_audio": "clips without an audio track",
    "dtype": "computed in",
    "quantize": "decoder's weights",
}


def summary(manifest: Manifest, credits: Sequence[Credit]) -> str:
    rows = max((config.rows for config in manifest.configs.values()), default=0)
    kinds_of = [one for config in manifest.configs.values() for one in config.features.items()]
    columns = {column for column, _ in kinds_of}
    kinds = listed(_kinds(columns)) or "facts of each clip"
    methods = [EMOTION_LLAMA_MODELS if one == EMOTION_LLAMA else sentence(one.name) for one in credits]
    models = f", computed with {listed(methods)}" if methods else ""
    if any(shows_people(column, kind) for column, kind in kinds_of):
        contents = "**It contains pictures or recordings of people.**"
    elif any(may_show_people(column, kind) for column, kind in kinds_of):
        contents = "**It has columns that may hold pictures or recordings of people: bytes, or long lists of numbers.**"
    else:
        contents = "It contains no videos, no pictures and no face crops."
    return (
        f"Features of {_clips(rows)} of people, one row a clip{models}: {kinds}. {contents} "
        f"Rows open with `datasets` alone; the features were made with `emollama_hf`, and `{PROVENANCE}` "
        "has everything below in machine-readable form, and the sha256 of every file.\n"
    )


def _kinds(columns: Collection[str]) -> list[str]:
    """What the features are, in words, each stage's once: "an embedding of the face"."""
    known = known_columns()
    kept = [name for name in columns if name in sensitive_columns() and maker_of(name).in_short]
    makers = (
        (name, maker_of(name)) for name in (*feature_columns(), *sorted(kept, key=list(known).index)) if name in columns
    )
    return list(dict.fromkeys(maker.in_short or sentence(known[name].meaning) for name, maker in makers))


def loading(manifest: Manifest, opening: Opening) -> str:
    lines = ["from datasets import load_dataset", ""]
    several = len(manifest.configs) > 1
    tensors: list[str] = []
    remark = ""
    for name, config in manifest.configs.items():
        columns = f"  # {', '.join(_feature_columns(config))}" if several else ""
        lines.append(f"ds = {_opened(name, config, opening)}{columns}")
        tensors = _tensor_columns(config)
        differ = any(-1 in (schema.shape_of(config.features[column]) or ()) for column in tensors)
        remark = "  # rows differ in length: DataLoader(ds, batch_size=8, collate_fn=list)" if differ else ""
    lines.append(f'ds = ds.filter(lambda status: status == "{schema.OK}", input_columns="{schema.STATUS}")')
    if any(sum(config.counts.coverage) for config in manifest.configs.values()):
        lines.append(
            f'ds = ds.filter(lambda share: share >= {LOW_COVERAGE}, input_columns="{schema.FACE_COVERAGE}")  '
            "# a face in most frames"
        )
    # Only columns that a DataLoader can put together: `emollama_error` is null in every row that is left.
    columns = f", columns={_listing(tensors)}" if tensors else ""
    lines.append(f'ds = ds.with_format("torch"{columns}){remark}')
    name, config = next(iter(manifest.configs.items()))
    return "## Load\n\n```python\n" + "\n".join(lines) + "\n```\n" + _load(_opened(name, config, opening))


def _opened(name: str, config: FeatureConfig, opening: Opening) -> str:
    """The expression that opens a configuration, in one line: it may name a folder or a URL."""
    return shown_text(without_secrets(opening(name, config)))


def _load(opened: str) -> str:
    """The same with `emollama_hf.load`, for a place that the opening names. opened: as `Opening` gives it."""
    found = re.match(r'load_dataset\("([^"]+)"(?:, "([^"]+)")?.*?(?:revision="([^"]+)")?\)$', opened)
    if found is None or found[1] == "parquet":
        return ""
    options = {"config_name": found[2], "revision": found[3], "format": "torch"}
    given = "".join(f', {option}="{value}"' for option, value in options.items() if value)
    call = code(f'emollama_hf.load("{found[1]}"{given})')
    return (
        f"\nWith `emollama_hf` installed, {call} opens the rows that are ok as tensors, leaves out rows that lack "
        "one of the `columns=` that you name, and says how many these are. It does not ask for faces: "
        "filter `face_coverage` as above.\n"
    )


def configuration(name: str, manifest: Manifest) -> str:
    """Columns, clips and making of one configuration."""
    config = manifest.configs[name]
    text = "\n".join([_columns(config), _clips_section(name, config), _making(config), _withheld(config)])
    if len(manifest.configs) == 1:
        return text
    return f"## Configuration {code(name)}\n\n{re.sub('^## ', '### ', text, flags=re.MULTILINE)}"


def limits_and_ethics(manifest: Manifest, credits: Sequence[Credit]) -> str:
    methods = EMOTION_LLAMA_LIMITS if EMOTION_LLAMA in credits else ""
    with_sound = any(schema.HAS_AUDIO in config.features for config in manifest.configs.values())
    sound = "- **An embedding of the sound can identify a person**, too, by the voice.\n" if with_sound else ""
    return f"""## Limits and ethics

- **An embedding of a face can identify a person.** Treat the rows as personal data: keep them to what the
  participants consented to, do not try to find out who they are, and do not pass them on without asking those who
  shared them. A participant may withdraw: `emollama-hf forget` removes their rows.
{sound}{methods}- Faces were found and aligned by another detector than the original's OpenFace: close, not equal.
- Where the face was not found in a sampled frame, the crop of the nearest sampled frame of the same shot stands in
  (between two detections half a second apart at most, the place between them); in a shot without any face, the middle
  of the picture does. So clips with a low `face_coverage` rest on few faces, and clips with 0 show none, also where
  their status is `ok`.
- Evaluate with the participants of the test set apart from those of training.
"""


def licence_and_citation(manifest: Manifest, credits: Sequence[Credit]) -> str:
    licence = (
        f"These features are shared under {code(manifest.license)}, as those who shared them say."
        if manifest.license
        else "Those who shared these features have not stated a licence: ask them before you use or pass them on."
    )
    cited = (
        block(manifest.citation.strip(), "bibtex")
        if manifest.citation
        else "Ask those who shared the features how to cite the recordings."
    )
    return f"""## Licence and citation

{licence}{licences(credits)}

{cited}{citations(credits)}
"""


def label_lines(config: FeatureConfig, show: Callable[[str], str] = str) -> dict[str, str]:
    """For each column of labels how often each value is there, or how many values there are. show: of a value."""
    lines = {}
    for name, values in config.counts.labels.items():
        if len(values) > FEW_VALUES:
            lines[name] = f"{len(values):,} different values"
        else:
            lines[name] = ", ".join(f"{show(value)}: {count:,}" for value, count in values.items())
    return lines


def status_words(config: FeatureConfig, show: Callable[[str], str] = str) -> str:
    """ "3,437 clips, 3,430 with features; failed: 7 no_frames". show: of a kind of failure."""
    failed = {kind: count for kind, count in config.status.items() if kind != schema.OK}
    kinds = ", ".join(f"{count:,} {show(kind)}" for kind, count in failed.items())
    ok = config.status.get(schema.OK, 0)
    return f"{_clips(config.rows)}, {ok:,} with features" + (f"; failed: {kinds}" if failed else "")


def settings_of(stage: Mapping[str, Any]) -> dict[str, Any]:
    """A stage's settings, those that are not set left out."""
    return {name: value for name, value in stage["config"].items() if value not in (None, False)}


def _columns(config: FeatureConfig) -> str:
    rows = []
    for name, kind in config.features.items():
        meaning = _meaning(name, config)
        if config.key is not None and config.key.column == name:
            named = "hash of a name that stays in the lab" if config.key.hashed else meaning
            meaning = "; ".join(text for text in (named, "**names the row**") if text)
        rows.append(_row(code(name), schema.describe_column(kind, inline), meaning))
    return "## Columns\n\n| column | one row | meaning |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"


def _meaning(column: str, config: FeatureConfig) -> str:
    """What a column holds. Words that are recorded, perhaps another package's, are Markdown that only shows them."""
    known, recorded = known_columns(), recorded_meanings(config.made)
    maker = find_maker(column)
    # The class of a named encoder does not know which encoder it was: that is recorded, or nobody knows.
    named = maker is not None and issubclass(maker, NamedEncoder)
    if maker is not None and origin_of(maker) is None and not named:
        return known[column].meaning
    if column in recorded:
        return meaning_line(recorded[column])
    return meaning_line(known[column].meaning) if column in known and not named else MEANINGS.get(column, "")


def _clips_section(name: str, config: FeatureConfig) -> str:
    lines = ["## Clips\n", f"{status_words(config, inline)}.\n"]
    labels = label_lines(config, inline)
    if labels:
        lines.append("| label | clips |\n| --- | --- |")
        lines += [_row(code(label), counts) for label, counts in labels.items()]
        lines.append("")
    if sum(config.counts.coverage):
        alt = "Histogram: clips by the share of their frames in which a face was found"
        lines.append(f"{picture(picture_name(name), alt)}\n")
    return "\n".join(lines)


def _making(config: FeatureConfig) -> str:
    if not config.made:
        return (
            "## How they were made\n\nNot recorded: the rows were pushed from a data set that does not say how it was "
            "made. Ask those who shared it.\n"
        )
    made, model = config.made, config.model
    lines = ["## How they were made\n"]
    if model:
        lines.append(f"Model {code(str(model['name']))}. Equal digests are equal models.\n")
        lines.append("| part | sha256 |\n| --- | --- |")
        lines += [_row(inline(str(part)), code(str(digest))) for part, digest in model["digests"].items()]
        lines.append("")
        lines += _checkpoints(model)
    lines += _encoders(config)
    lines += _adapters(config)
    for stage in made["stages"]:
        instruction = stage["config"].get("instruction")
        if instruction:
            lines.append(f"Instruction of {code(str(stage['stage']))}:\n\n> {sentence(str(instruction))}\n")
    lines.append("| step | settings |\n| --- | --- |")
    lines += [_row(_step(stage), _settings(stage)) for stage in made["stages"]]
    for stage in made["stages"]:
        origin = recorded_origin(made, str(stage["stage"]))
        if origin is not None:
            lines.append(f"\n{code(str(stage['stage']))} was computed with {inline(origin)}.")
    if made["given"]:
        lines.append(f"\nCame with the data set and were not computed here: {', '.join(map(inline, made['given']))}.")
    tools = {"emollama_hf": made["emollama_hf"], "Python": made["python"], **made["libraries"]}
    versions = ", ".join(f"{inline(name)} {_versions(str(version))}" for name, version in tools.items())
    lines.append(f"\n{versions}.\n")
    return "\n".join(lines)


def _checkpoints(model: Mapping[str, Any]) -> list[str]:
    if not model.get("checkpoints"):
        return []
    converter, alpha = str(model["converter"]), str(model["lora_alpha"])
    lines = [f"Converted by {sentence(converter)} (LoRA alpha {inline(alpha)}) from:\n"]
    lines.append("| source | file | bytes | sha256 |\n| --- | --- | --- | --- |")
    for file in model["checkpoints"]:
        source, name, sha256 = (str(file[key]) for key in ("source", "name", "sha256"))
        lines.append(_row(inline(source), code(name), f"{int(file['size']):,}", code(sha256)))
    return [*lines, ""]


def _encoders(config: FeatureConfig) -> list[str]:
    """Encoders that were named for a column, and the parts of their files that are not used."""
    if not config.encoders:
        return []
    lines = ["| column | encoder | commit | sha256 |\n| --- | --- | --- | --- |"]
    for one in config.encoders:
        commit = code(one.revision) if one.revision else ""
        lines.append(_row(code(one.column), code(one.name), commit, code(one.digest)))
    return [*lines, ""]


def _adapters(config: FeatureConfig) -> list[str]:
    """Adapters of the decoder, and what they were trained for."""
    if not config.adapters:
        return []
    lines = ["Adapters of the model, trained on labels of clips:\n"]
    lines.append("| step | adapter | commit | trained for | recipe | digest |\n| --- | --- | --- | --- | --- | --- |")
    for one in config.adapters:
        commit, label = (code(text) if text else "" for text in (one.revision, one.label))
        recipe = inline(one.recipe) if one.recipe else ""
        lines.append(_row(code(one.stage), code(one.name), commit, label, recipe, code(one.digest)))
    return [*lines, ""]


def _step(stage: Mapping[str, Any]) -> str:
    return f"{code(str(stage['stage']))} (version {inline(str(stage['version']))})"


def _settings(stage: Mapping[str, Any]) -> str:
    left_out = ("instruction", "max_pixels", "max_frames", "max_seconds", "max_bytes")  # in provenance.json
    settings = {name: value for name, value in settings_of(stage).items() if name not in left_out}
    described = (f"{WORDS.get(name) or inline(name)}: {inline(_typed(value))}" for name, value in settings.items())
    return ", ".join(described)


def _typed(value: Any) -> str:
    """A setting's value as somebody types it; a tuple has become a list where a manifest was read."""
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _row(*cells: str) -> str:
    return f"| {' | '.join(map(cell, cells))} |"


def _versions(text: str) -> str:
    """One version, or those of several runs."""
    return ", ".join(map(inline, text.split(", ")))


def _withheld(config: FeatureConfig) -> str:
    if not config.withheld:
        return ""
    listed = "\n".join(f"- {sentence(line)}" for line in config.withheld)
    return f"## What was left out\n\nNot part of these rows:\n\n{listed}\n"


def _tensor_columns(config: FeatureConfig) -> list[str]:
    """Features, and labels that are numbers in every row: what a tensor can hold of the rows that are ok."""
    labels = config.counts.labels.items()
    whole = [name for name, values in labels if "null" not in values]
    features = [name for name in _feature_columns(config) if schema.shape_of(config.features[name]) is not None]
    return [*features, *(name for name in whole if "string" not in config.features[name].dtype)]


def _listing(names: list[str]) -> str:
    return "[" + ", ".join(map(literal, names)) + "]"


def _feature_columns(config: FeatureConfig) -> list[str]:
    return [name for name in feature_columns() if name in config.features]


def _clips(count: int) -> str:
    return f"{count:,} clip" if count == 1 else f"{count:,} clips"
