"""`emollama-hf doctor`: versions, devices, memory, what would run where, what is missing and how to mend it."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

import emollama_hf
from emollama_hf import __version__
from emollama_hf.checkpoints import ModelSource, open_model
from emollama_hf.checkpoints.memory import fitting_batch
from emollama_hf.commands.report import console, table
from emollama_hf.computing.available_memory import Memory, cuda_memory, system_memory
from emollama_hf.computing.number_types import MIXED, DtypeName
from emollama_hf.defaults import MODEL_VARIABLE, defaults
from emollama_hf.encoders import ENCODERS, known_encoders
from emollama_hf.errors import ModelError
from emollama_hf.planning.memory_check import ComputePlan
from emollama_hf.stages import STAGES
from emollama_hf.stages.known_stages import broken_plugins, described, known_stages
from emollama_hf.tensors.quantized import Quantize

DISTRIBUTION = "emollama_hf"
#: The folder that the package lies in: a checkout, where it is not installed.
CHECKOUT = Path(emollama_hf.__file__).resolve().parents[1]
#: Whose memory is predicted where no model is named: the real model's sizes.
REAL_SIZES = "random-full"
#: Names under which a package is imported, where that differs.
MODULES = {
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "huggingface-hub": "huggingface_hub",
    "protobuf": "google.protobuf",
    "pyyaml": "yaml",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report; `remedy` is what to do, None if all is well."""

    what: str
    value: str
    remedy: str | None = None


def run_doctor() -> bool:
    """Print every finding and the remedies; returns whether the pipeline can run."""
    findings = [
        *installation(DISTRIBUTION, CHECKOUT),
        *packages(),
        *detector(),
        *devices(),
        *storage(),
        *model(),
        *stages(),
    ]
    screen = console()
    report = table("what", "found", "")
    for finding in findings:
        report.add_row(finding.what, finding.value, "ok" if finding.remedy is None else "see below")
    screen.print(
        f"emollama_hf {__version__}, Python {platform.python_version()}, {platform.platform()}\n",
        markup=False,
    )
    screen.print(report)
    remedies = [finding for finding in findings if finding.remedy is not None]
    for finding in remedies:
        screen.print(f"\n{finding.what}: {finding.remedy}", markup=False)
    named = defaults().model is not None
    broken = [f for f in remedies if f.what in (*requirement_names(), "package data") or (f.what == "model" and named)]
    screen.print("\n" + ("Mend the above first." if broken else "Ready: try `emollama-hf demo --out demo-features`."))
    return not broken


def stages() -> list[Finding]:
    """Stages of other packages, and those that cannot be used; nothing where there are none."""
    others = [described(stage).removeprefix("stage ") for stage in known_stages()[len(STAGES) :]]
    broken = [Finding(f"plug-in {name}", "cannot be used", str(error)) for name, error in broken_plugins().items()]
    return [*([Finding("stages", ", ".join(others))] if others else []), *broken]


def requirement_names() -> set[str]:
    return {requirement.name for requirement in _requirements()}


def _requirements() -> list[Requirement]:
    return declared(DISTRIBUTION, CHECKOUT) or []


def declared(distribution: str, checkout: Path) -> list[Requirement] | None:
    """What a distribution needs here, without its extras: as it is installed, else as its checkout says.

    None if it is not installed and the folder `checkout` has no pyproject.toml.
    """
    try:
        texts = requires(distribution) or []
    except PackageNotFoundError:
        try:
            project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        except (OSError, KeyError, ValueError):
            return None
        texts = project.get("dependencies", [])
    return [one for one in map(Requirement, texts) if one.marker is None or one.marker.evaluate({"extra": ""})]


def installation(distribution: str, checkout: Path) -> list[Finding]:
    """Nothing where the package is installed; else that it is not, and whether its dependencies are known."""
    try:
        version(distribution)
    except PackageNotFoundError:
        found = f"not installed: runs from {checkout}"
        if declared(distribution, checkout) is not None:
            return [Finding(distribution, found, f'pip install "{checkout}"')]
        remedy = "install it with pip: without that, or its pyproject.toml, its dependencies are unknown"
        return [Finding(distribution, f"{found}, which has no pyproject.toml", remedy)]
    return []


def packages() -> list[Finding]:
    """Every dependency: installed, new enough, and importable."""
    found = []
    for requirement in _requirements():
        command = f'pip install "{requirement}"'
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            found.append(Finding(requirement.name, "not installed", command))
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            found.append(Finding(requirement.name, f"{installed}, needed is {requirement.specifier}", command))
            continue
        try:
            importlib.import_module(MODULES.get(requirement.name, requirement.name))
        except Exception as error:  # a broken binary raises anything
            line = " ".join(str(error).split())
            found.append(
                Finding(
                    requirement.name,
                    f"{installed} cannot be imported: {line}",
                    f"{command} --force-reinstall",
                )
            )
            continue
        found.append(Finding(requirement.name, installed))
    return found


def detector() -> list[Finding]:
    """The weights that ship with the package."""
    folder = Path(__file__).resolve().parent.parent / "data"
    missing = [
        name
        for name in (
            "face_detection_yunet_2023mar.onnx",
            "expression_mini_xception.safetensors",
            "astronaut.png",
        )
        if not (folder / name).is_file()
    ]
    if missing:
        return [Finding("package data", f"missing: {', '.join(missing)}", "pip install --force-reinstall emollama_hf")]
    return [Finding("package data", "face detector, expression network, demo picture")]


def devices() -> list[Finding]:
    """Processor, memory and GPUs, what the model takes on each, in which type, and whether that is there."""
    try:
        import torch
    except Exception:
        return []  # reported among the packages
    memory = system_memory()
    cpu = f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads"
    found = [Finding("cpu", cpu if memory is None else f"{cpu}, {_there(memory)}; {fitting('cpu', memory)}")]
    if not torch.cuda.is_available():
        found.append(Finding("gpu", f"none that torch {torch.__version__} can use: device='auto' computes on the CPU"))
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        properties = torch.cuda.get_device_properties(index)
        device = f"cuda:{index}"
        memory = cuda_memory(device)
        found.append(Finding(device, f"{properties.name}, {_there(memory)}; {fitting(device, memory)}"))
    return found


def fitting(device: str, memory: Memory) -> str:
    """What a model takes on a device in each type it may be computed in, and whether that fits.

    "the real model takes 34.3 GB in float32 (too much), 17.8 GB in bfloat16 (fits), ..."
    """
    name, source, parts = _measured_model()
    cuda = device.startswith("cuda")
    smaller: list[DtypeName] = [MIXED, "float16"] if cuda else ["bfloat16"]
    kinds: list[tuple[DtypeName, Quantize | None]] = [("float32", None), *((one, None) for one in smaller)]
    kinds += [(smaller[0], "8bit"), (smaller[0], "4bit")]
    told = []
    for dtype, quantize in kinds:
        clips = 1
        if cuda:
            clips = fitting_batch(source, parts, dtype=dtype, quantize=quantize, total_bytes=memory.total)
        plan = ComputePlan(device, dtype, quantize, clips)
        peak, needed = plan.takes(source, parts).peak, plan.needs(source, parts)
        verdict = "too much" if needed > memory.total else "fits once memory is free"
        if needed <= memory.available:
            verdict = f"fits, {clips} clips together" if clips > 1 else "fits"
        bits = "" if quantize is None else f" with the decoder in {quantize}"
        told.append(f"{peak / 1e9:.1f} GB in {dtype}{bits} ({verdict})")
    return f"{name} takes {', '.join(told)}"


def _measured_model() -> tuple[str, ModelSource, tuple[str, ...]]:
    """The model that is named, as far as it can be read, else one of the real sizes; with the parts that it has."""
    named = defaults().model
    if named is not None:
        try:
            source = open_model(named, revision=defaults().revision)
            parts = tuple(encoder.name for encoder in known_encoders() if _has(source, encoder.name))
        except (ModelError, OSError):
            parts = ()
        if parts:
            return source.name, source, parts
    return "the real model", open_model(REAL_SIZES), _required()


def _required() -> tuple[str, ...]:
    """Families without which the features of this package cannot be computed."""
    return tuple(encoder.name for encoder in ENCODERS if not encoder.optional)


def _has(source: ModelSource, part: str) -> bool:
    try:
        source.config(part)
    except ModelError:
        return False
    return True


def _there(memory: Memory) -> str:
    return f"{memory.total / 1e9:.0f} GB ({memory.available / 1e9:.0f} GB available)"


def storage() -> list[Finding]:
    from datasets.config import HF_DATASETS_CACHE

    folder = Path(HF_DATASETS_CACHE)
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    clips = int(free * 1e9 // (309 * 4096 * 2))
    found = f"{free:.0f} GB free in the datasets cache, room for the hidden states of about {clips:,} clips"
    if not os.access(existing, os.W_OK):
        return [Finding("disk", f"{existing} cannot be written to", "set HF_HOME to a directory of your own")]
    return [Finding("disk", found, "set HF_HOME to a directory on a larger disk" if free < 5 else None)]


def model() -> list[Finding]:
    """The model that transforms use when they are not told."""
    name = defaults().model
    if name is None:
        return [
            Finding(
                "model",
                "none named",
                f"set {MODEL_VARIABLE} to a model directory, or pass --model to extract; random-tiny needs no files",
            )
        ]
    known_stages()  # plug-ins bring families of weights with their stages
    try:
        source = open_model(name)
        required = _required()
        names = [encoder.name for encoder in known_encoders()]
        there = [name for name in names if name in required or _has(source, name)]
        parts = [f"{name} {source.digest(name)[:12]}" for name in there]
    except (ModelError, OSError) as error:
        return [Finding("model", name, str(error))]
    return [Finding("model", f"{name}: {', '.join(parts)}")]
