"""provenance.json of a model directory: what the weights were converted from, and hashes of the files of each part.

    facts of the conversion ─► provenance.json ─► digest of a part, origin of the weights ─► feature data sets

Not the manifest of a feature data set, which has the same file name (`feature_set/manifest.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emollama_hf import __version__
from emollama_hf.checkpoints.part_files import part_files
from emollama_hf.encoders import find_encoder, known_encoders
from emollama_hf.files.digest import combined, files_digest, sha256_file
from emollama_hf.files.json_text import json_text
from emollama_hf.files.strict_json import read_object

MODEL_PROVENANCE = "provenance.json"
FORMAT = 1
#: What is recorded of each file of a source.
_FILE_FACTS = ("name", "size", "sha256")


def file_facts(path: Path, sha256: str) -> dict[str, Any]:
    """What provenance records of a file that weights come from: name, size in bytes and sha256."""
    return dict(zip(_FILE_FACTS, (path.name, path.stat().st_size, sha256), strict=True))


def conversion_facts(
    *,
    options: Mapping[str, Any],
    sources: Mapping[str, Mapping[str, Any]],
    licenses: Iterable[str],
    notices: Iterable[str],
) -> dict[str, Any]:
    """What a conversion records, as `recorded_origin` reads it.

    Args:
        options: Options of the conversion, each with the value that holds.
        sources: By the option that names it, each source: the `file_facts` of its one file, or a list of them under
            "files", and what else is known of it.
        licenses: Names of files with licences.
        notices: Sentences for whoever uses the model.

    Returns:
        JSON-able facts, for `write_model_provenance`.
    """
    return {
        "format": FORMAT,
        "converter": {"name": "emollama_hf", "version": __version__},
        "options": dict(options),
        "sources": dict(sources),
        "licenses": list(licenses),
        "notices": list(notices),
    }


def write_model_provenance(root: Path, facts: Mapping[str, Any]) -> None:
    """Write provenance.json, with size, time and sha256 of the files of every part, digests of the parts and of all.

    Args:
        root: The model directory, whose parts are complete.
        facts: JSON-able facts, such as those of `conversion_facts`.
    """
    parts = {
        encoder.name: _part_facts(root, encoder.name) for encoder in known_encoders() if (root / encoder.name).is_dir()
    }
    digest = combined(*(f"{part} {entry['digest']}" for part, entry in parts.items()))
    text = json_text({**facts, "parts": parts, "digest": digest})
    (root / MODEL_PROVENANCE).write_text(text, encoding="utf-8")


def read_model_provenance(root: Path) -> dict[str, Any]:
    """provenance.json of a model directory; empty if there is none that can be read."""
    try:
        return read_object(root / MODEL_PROVENANCE)
    except (OSError, ValueError):
        return {}


def recorded_digest(root: Path, part: str) -> str | None:
    """A part's digest from provenance.json.

    Args:
        root: The model directory.
        part: Name of the part's family.

    Returns:
        The digest; None if provenance.json does not describe the files that are present. It does while each file has
        the size and the time of its last change that were recorded; moving a directory keeps both.
    """
    recorded = read_model_provenance(root).get("parts", {})
    try:
        files = {name: (entry["size"], entry["mtime_ns"]) for name, entry in recorded[part]["files"].items()}
        digest = str(recorded[part]["digest"])
    except (KeyError, TypeError, AttributeError):
        return None
    found = {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in part_files(root, part)}
    return digest if found == files else None


def recorded_origin(root: Path) -> dict[str, Any]:
    """What a feature data set repeats of a model directory's provenance.json; empty if it was not converted."""
    found = read_model_provenance(root)
    try:
        sources = {kind: source.get("files", [source]) for kind, source in found["sources"].items()}
        return {
            "converter": f"{found['converter']['name']} {found['converter']['version']}",
            "lora_alpha": found["options"]["lora_alpha"],
            "checkpoints": [
                {"source": kind, **{key: file[key] for key in _FILE_FACTS}}
                for kind, files in sources.items()
                for file in files
            ],
        }
    except (KeyError, TypeError, AttributeError):
        return {}


def _part_facts(root: Path, part: str) -> dict[str, Any]:
    paths = part_files(root, part)
    hashes = {path.name: sha256_file(path) for path in paths}
    # The time tells whether the hash still holds, without reading gigabytes; it is in no digest.
    files = {
        path.name: {"size": path.stat().st_size, "mtime_ns": path.stat().st_mtime_ns, "sha256": hashes[path.name]}
        for path in paths
    }
    facts: dict[str, Any] = {"digest": files_digest(hashes.items()), "files": files}
    adaptation = find_encoder(part).adaptation
    if adaptation is not None and (lora := root / part / adaptation.lora_file).is_file():
        facts["kept"] = {lora.name: {"size": lora.stat().st_size, "sha256": sha256_file(lora)}}
    return facts


def recorded_kept(root: Path, part: str, name: str) -> str | None:
    """sha256 in provenance.json of a file that is kept beside a part's weights; None if it has none."""
    try:
        return str(read_model_provenance(root)["parts"][part]["kept"][name]["sha256"])
    except (KeyError, TypeError, AttributeError):
        return None
