"""Values of provenance.json, each in the form in which this package writes it: the file may be anybody's."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from datasets import Features

from emollama_hf.feature_set.file_counts import COVERAGE_BINS, FileCounts
from emollama_hf.text.plain_names import path_fault

#: More bytes than a file system holds, more rows than one set has.
MOST_BYTES, MOST_ROWS = 2**50, 2**40
MOST_TEXT = 100_000
_HEXADECIMAL = re.compile(r"[0-9a-f]+")
_KEYS = (None, "sha256", "hmac-sha256")


def text(value: object, what: str) -> str:
    """A text. Raises ValueError for anything else, as every function here."""
    if not isinstance(value, str) or len(value) > MOST_TEXT or "\0" in value:
        raise ValueError(f"{what}: {_shown(value)}, expected a text of at most {MOST_TEXT} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what}: {_shown(value)}, expected text that can be stored as UTF-8") from None
    return value


def optional_text(value: object, what: str) -> str | None:
    return None if value is None else text(value, what)


def digest(value: object, what: str, *, digits: int = 64) -> str:
    """Hexadecimal digits."""
    if not isinstance(value, str) or len(value) != digits or not _HEXADECIMAL.fullmatch(value):
        raise ValueError(f"{what}: {_shown(value)}, expected {digits} hexadecimal digits")
    return value


def count(value: object, what: str, *, most: int = MOST_ROWS) -> int:
    """A whole number that counts something."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{what}: {_shown(value)}, expected a whole number from 0 to {most}")
    return value


def several(value: object, what: str, one: Callable[[object, str], Any]) -> tuple[Any, ...]:
    """A list, each of its values checked by `one`."""
    if not isinstance(value, list):
        raise ValueError(f"{what}: {_shown(value)}, expected a list")
    return tuple(one(each, what) for each in value)


def table(value: object, what: str) -> dict[str, Any]:
    """An object, by its names."""
    if not isinstance(value, dict):
        raise ValueError(f"{what}: {_shown(value)}, expected an object")
    label = f"a name in {what}"
    return {text(name, label): each for name, each in value.items()}


def counts(value: object, what: str) -> FileCounts:
    """What a card says of a file's rows."""
    found = table(value, what)
    coverage = several(found["coverage"], f"{what}, coverage", count)
    if len(coverage) not in (0, COVERAGE_BINS):
        raise ValueError(f"{what}, coverage: {len(coverage)} numbers, expected {COVERAGE_BINS} or none")
    labels = table(found["labels"], f"{what}, labels")
    return FileCounts(
        count(found["rows"], f"{what}, rows"),
        _numbers(found["status"], f"{what}, status"),
        {name: _numbers(values, f"{what}, labels") for name, values in labels.items()},
        list(coverage),
    )


def features(value: object) -> Features:
    """The types of the columns, as `datasets` describes them."""
    described = table(value, "features")
    try:
        found = Features.from_dict(described)
        _ = found.arrow_schema  # whose types have bounds of their own
    except Exception as error:  # `datasets` and pyarrow raise whatever comes of a wrong type
        raise ValueError(f"features: no types of columns ({type(error).__name__}: {_shown(str(error))})") from None
    return found


def row_names(value: object, what: str, *, rows: int, digits: int) -> dict[str, str]:
    """The digest of each row of a published file by its name; nothing of a file that was not published.

    Args:
        value: the object of the file.
        what: what to call it.
        rows: how many rows the file has.
        digits: hexadecimal digits of a digest.
    """
    found = {name: digest(each, what, digits=digits) for name, each in table(value, what).items()}
    if "" in found:
        raise ValueError(f"{what}: a row has an empty name, expected a name of its own for each row")
    if found and len(found) != rows:
        raise ValueError(f"{what}: {len(found)} names, expected one for each of the {rows} rows that are counted")
    return found


def failed_names(value: object, what: str, names: Collection[str]) -> tuple[str, ...]:
    """Names of rows without features, each one of `names`, and once."""
    found = several(value, what, text)
    if len(set(found)) != len(found) or not set(found) <= set(names):
        raise ValueError(f"{what}: {_shown(value)}, expected names of rows of the file, each once")
    return found


def named_once(names_of_files: Mapping[str, Collection[str]], *, named: bool) -> None:
    """Check the names of all rows of a configuration together.

    Args:
        names_of_files: by file the names of its rows.
        named: whether the configuration says which column they are of.
    """
    seen: set[str] = set()
    for path, names in names_of_files.items():
        if names and not named:
            raise ValueError(f"{path}, rows: names of rows, expected none where no key says which column they are of")
        for name in names:
            if name in seen:
                raise ValueError(f"{path}, rows: {_shown(name)} names two rows, expected a name of its own for each")
            seen.add(name)


def hashed(value: object) -> str | None:
    """How the values of a key were made from names."""
    if value not in _KEYS:
        raise ValueError(f"key, hashed: {_shown(value)}, expected one of {', '.join(map(str, _KEYS))}")
    return value if isinstance(value, str) else None


#: What is recorded of an encoder that was named for a column (`described_encoders`).
ENCODER_FACTS = {"column", "name", "model", "weights", "revision", "random_weights", "digest", "origin"}
#: What is recorded of an adapter (`described_adapters`).
ADAPTER_FACTS = {"name", "revision", "digest", "recipe", "label"}


def making(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `run_description.describe_run` said; empty if nobody knows."""
    if not found:
        return found
    for name in ("emollama_hf", "python"):
        text(found[name], name)
    for library, version in table(found["libraries"], "libraries").items():
        text(version, f"libraries, {library}")
    several(found["given"], "given", text)
    several(found["stages"], "stages", _stage)
    for stage, plugin in table(found.get("plugins", {}), "plugins").items():
        _plugin(table(plugin, f"plugins, {stage}"), f"plugins, {stage}")
    for column, meaning in table(found.get("meanings", {}), "meanings").items():
        text(meaning, f"meanings, {column}")
    if found.get("model") is not None:
        _model(table(found["model"], "model"))
    for stage, encoder in table(found.get("encoders", {}), "encoders").items():
        _encoder(table(encoder, f"encoders, {stage}"), f"encoders, {stage}")
    for stage, adapter in table(found.get("adapters", {}), "adapters").items():
        _adapter(table(adapter, f"adapters, {stage}"), f"adapters, {stage}")
    return found


def _stage(value: object, what: str) -> None:
    stage = table(value, what)
    text(stage["stage"], what)
    table(stage["config"], f"{what}, config")
    optional_text(stage["model"], f"{what}, model")
    if not isinstance(stage["version"], int | str) or isinstance(stage["version"], bool):
        raise ValueError(f"{what}, version: {_shown(stage['version'])}, expected a number")


def _plugin(plugin: Mapping[str, Any], what: str) -> None:
    text(plugin["distribution" if "distribution" in plugin else "module"], what)
    if "credit" in plugin:
        credit = table(plugin["credit"], f"{what}, credit")
        if not text(credit["name"], what).strip():
            raise ValueError(f"{what}, credit: an empty name, expected the name of a method")
        for name in ("licence", "citation"):
            text(credit[name], f"{what}, {name}")
        several(credit["tags"], f"{what}, tags", text)


def _model(model: Mapping[str, Any]) -> None:
    _model_name(model["name"], "model, name")
    for part, sha256 in table(model.get("digests", {}), "model, digests").items():
        text(sha256, f"model, digests, {part}")
    for file in several(model.get("checkpoints", []), "model, checkpoints", table):
        text(file["name"], "model, checkpoints, name")
        text(file["source"], "model, checkpoints, source")
        count(file["size"], "model, checkpoints, size", most=MOST_BYTES)
        digest(file["sha256"], "model, checkpoints, sha256")
    if model.get("checkpoints"):
        text(model["converter"], "model, converter")
        _ = model["lora_alpha"]


def _model_name(value: object, what: str) -> None:
    name = text(value, what)
    if name.count("/") > 1 or "\\" in name or (name.count("/") == 1 and path_fault(name) is not None):
        raise ValueError(f"{what}: {_shown(name)}, expected a name or OWNER/NAME, no path")


def _encoder(encoder: Mapping[str, Any], what: str) -> None:
    if set(encoder) != ENCODER_FACTS:
        raise ValueError(f"{what}: {_shown(sorted(encoder))}, expected {', '.join(sorted(ENCODER_FACTS))}")
    for name in ("column", "name"):
        text(encoder[name], f"{what}, {name}")
    _model_name(encoder["model"], f"{what}, model")
    for name in ("weights", "revision"):
        if optional_text(encoder[name], f"{what}, {name}") is not None:
            _model_name(encoder[name], f"{what}, {name}")
    if not isinstance(encoder["random_weights"], bool):
        raise ValueError(f"{what}, random_weights: {_shown(encoder['random_weights'])}, expected true or false")
    digest(encoder["digest"], f"{what}, digest")
    table(encoder["origin"], f"{what}, origin")


def _adapter(adapter: Mapping[str, Any], what: str) -> None:
    if set(adapter) != ADAPTER_FACTS:
        raise ValueError(f"{what}: {_shown(sorted(adapter))}, expected {', '.join(sorted(ADAPTER_FACTS))}")
    _model_name(adapter["name"], f"{what}, name")
    digest(adapter["digest"], f"{what}, digest")
    for name in ("revision", "recipe", "label"):
        optional_text(adapter[name], f"{what}, {name}")


def _numbers(value: object, what: str) -> dict[str, int]:
    return {name: count(number, f"{what}, {name}") for name, number in table(value, what).items()}


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
