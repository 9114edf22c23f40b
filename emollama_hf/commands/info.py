"""`emollama-hf info`: what a model or a feature data set is, without loading weights or features."""

from __future__ import annotations

from pathlib import Path

from emollama_hf.checkpoints import open_model
from emollama_hf.commands.report import columns_table, console, table
from emollama_hf.console.terminal import shown_text
from emollama_hf.encoders import known_encoders
from emollama_hf.errors import ModelError, ShareError
from emollama_hf.feature_set.card.card_sections import label_lines, settings_of, status_words
from emollama_hf.feature_set.destination import is_feature_set
from emollama_hf.feature_set.manifest import FeatureConfig, Manifest, read_manifest
from emollama_hf.feature_set.plugins import recorded_origin
from emollama_hf.feature_set.random_columns import random_sentence
from emollama_hf.feature_set.run_description import RANDOM_WEIGHTS
from emollama_hf.files.given_path import given_path
from emollama_hf.schema import describe_column
from emollama_hf.stages.known_stages import known_stages
from emollama_hf.text.plural import counted
from emollama_hf.work_store.work_store import INSIDE_OUT, is_work_store


def show_info(target: str, *, revision: str | None = None) -> None:
    """Print what `target` is, from its small files alone.

    Raises ModelError, ShareError or ValueError if it is neither a model nor a feature data set.
    """
    if not target.strip():
        raise ValueError("nothing was named. Give a model or a feature data set.")
    manifest = _manifest(target, revision)
    if manifest is not None:
        _show_feature_set(target, manifest)
    else:
        known_stages()  # plug-ins bring families of weights with their stages
        _show_model(target, revision)


def _manifest(target: str, revision: str | None) -> Manifest | None:
    """The manifest of a feature data set; None if `target` may be a model."""
    if "://" not in target:
        given_path(target)
    if is_feature_set(Path(target)):
        return read_manifest(Path(target))
    if is_work_store(Path(target) / INSIDE_OUT):
        raise ValueError(
            f"{target}: an extraction that has not finished; there is no feature data set yet. Run the same extract "
            "again, or with --status to see how far it is."
        )
    if Path(target).exists() or ("/" not in target and "://" not in target):
        return None
    from emollama_hf.sharing.places.open_place import open_place

    try:
        return open_place(target, revision=revision).manifest()
    except ShareError:
        if "://" in target:
            raise
        return None  # the model's error says what was looked for


def _show_feature_set(target: str, manifest: Manifest) -> None:
    screen = console()
    for name, config in manifest.configs.items():
        which = f", configuration {name}" if len(manifest.configs) > 1 else ""
        screen.print(f"Feature data set {target}{which}: {status_words(config)}", markup=False)
        size = sum(file.bytes for file in config.files.values())
        by = f", made by emollama_hf {config.made['emollama_hf']}" if config.made else ""
        screen.print(f"{counted(len(config.files), 'Parquet file')}, {size / 1e6:.1f} MB{by}\n", markup=False)
        screen.print(columns_table({column: describe_column(kind) for column, kind in config.features.items()}))
        screen.print()
        _show_contents(config)
        _show_making(config)
        screen.print()
    random = random_sentence(manifest.configs.values())
    if random:
        screen.print(random, markup=False)


def _show_contents(config: FeatureConfig) -> None:
    screen = console()
    for label, counts in label_lines(config).items():
        screen.print(shown_text(f"{label}: {counts}"), markup=False)
    coverage = config.counts.coverage
    if sum(coverage):
        bars = ", ".join(
            f"{bar / len(coverage):.0%} to {(bar + 1) / len(coverage):.0%}: {clips:,}"
            for bar, clips in enumerate(coverage)
            if clips
        )
        screen.print(f"face coverage (share of frames with a face): {bars}", markup=False)
    if config.key is not None:
        hashed = f", hashed with {config.key.hashed}" if config.key.hashed else ""
        screen.print(f"key: {config.key.column}{hashed}", markup=False)
    for line in config.withheld:
        screen.print(f"left out: {line}", markup=False)


def _show_making(config: FeatureConfig) -> None:
    screen = console()
    if not config.made:
        screen.print("How the features were made is not recorded.")
        return
    screen.print(f"model: {config.model.get('name', 'none')}", markup=False)
    for part, digest in config.model.get("digests", {}).items():
        screen.print(f"  {part}: sha256 {digest}", markup=False)
    for one in config.encoders:
        at = f" at commit {one.revision}" if one.revision else ""
        screen.print(shown_text(f"encoder of {one.column}: {one.name}{at}, sha256 {one.digest}"), markup=False)
    for adapter in config.adapters:
        facts = {"at commit": adapter.revision, "trained for": adapter.label, "recipe": adapter.recipe}
        known = "".join(f", {word} {value}" for word, value in facts.items() if value)
        line = f"adapter of {adapter.stage}: {adapter.name}{known}, digest {adapter.digest}"
        screen.print(shown_text(line), markup=False)
    for file in config.model.get("checkpoints", ()):
        screen.print(f"  from {file['name']}: sha256 {file['sha256']}", markup=False)
    for stage in config.made["stages"]:
        settings = ", ".join(f"{key}={_plainly(value)}" for key, value in settings_of(stage).items())
        line = f"{stage['stage']} (version {stage['version']}): {settings}{_origin(config, str(stage['stage']))}"
        screen.print(shown_text(line), markup=False)


def _origin(config: FeatureConfig, stage: str) -> str:
    """Where a stage of another package came from, and whether it is missing here."""
    origin = recorded_origin(config.made, stage)
    if origin is None:
        return ""
    missing = "" if any(one.name == stage for one in known_stages()) else ", which is not installed here"
    return f"; computed with {origin}{missing}"


def _show_model(target: str, revision: str | None) -> None:
    screen = console()
    source = open_model(target, revision=revision)
    report = table("part", "what it gives", "sha256")
    errors: list[ModelError] = []
    for encoder in known_encoders():
        try:
            result = encoder.result(source.config(encoder.name))
            report.add_row(encoder.name, result, source.digest(encoder.name))
        except ModelError as error:
            report.add_row(encoder.name, f"not there: {error}", "")
            errors.append(error)
    if len(errors) == len(known_encoders()):
        raise ModelError(f"{target!r} is no feature data set, and no part of a model is there: {errors[0]}")
    screen.print(f"Model {source.name}\n", markup=False)
    screen.print(report)
    if source.is_random:
        screen.print(f"\n{RANDOM_WEIGHTS}")


def _plainly(value: object) -> str:
    """A setting's value; limits are kept as real numbers, whole ones are shown as such."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else repr(value)
