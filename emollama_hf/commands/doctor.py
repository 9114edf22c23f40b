"""`emollama-hf doctor`: versions, devices, memory, what would run where, what is missing and how to mend it."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from emollama_hf import __version__
from emollama_hf.checkpoints import open_model
from emollama_hf.commands.report import console, table
from emollama_hf.defaults import MODEL_VARIABLE, defaults
from emollama_hf.errors import ModelError

#: Memory of the real model's weights, and what else a run takes, in GB by number type (8.2e9 parameters).
WEIGHTS_GB = {"float32": 33.0, "float16": 16.5, "bfloat16": 16.5}
#: Names under which a package is imported, where that differs.
MODULES = {
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "huggingface-hub": "huggingface_hub",
    "protobuf": "google.protobuf",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report; `remedy` is what to do, None if all is well."""

    what: str
    value: str
    remedy: str | None = None


def run_doctor() -> bool:
    """Print every finding and the remedies; returns whether the pipeline can run."""
    findings = [*packages(), *detector(), *devices(), *storage(), *model()]
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


def requirement_names() -> set[str]:
    return {requirement.name for requirement in _requirements()}


def _requirements() -> list[Requirement]:
    parsed = map(Requirement, requires("emollama_hf") or ())
    return [one for one in parsed if one.marker is None or one.marker.evaluate({"extra": ""})]


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
    """Processor, memory and GPUs, and what the real model would be computed in on each."""
    try:
        import torch
    except Exception:
        return []  # reported among the packages
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") / 1e9
    cpu = f"{os.cpu_count()} cores, {memory:.0f} GB ({free:.0f} GB unused), {torch.get_num_threads()} torch threads"
    found = [Finding("cpu", f"{cpu}; {_fits(memory, ('float32', 'bfloat16'))}")]
    if not torch.cuda.is_available():
        found.append(Finding("gpu", f"none that torch {torch.__version__} can use: device='auto' computes on the CPU"))
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        properties = torch.cuda.get_device_properties(index)
        size = properties.total_memory / 1e9
        found.append(
            Finding(f"cuda:{index}", f"{properties.name}, {size:.0f} GB; {_fits(size, ('float16', 'bfloat16'))}")
        )
    return found


def _fits(memory_gb: float, dtypes: tuple[str, ...]) -> str:
    fitting = [dtype for dtype in dtypes if WEIGHTS_GB[dtype] * 1.1 < memory_gb]
    if fitting:
        return f"the real model fits in {' or '.join(fitting)}"
    return f"too small for the whole real model ({min(WEIGHTS_GB.values())} GB); encoders alone fit"


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
                f"pass --model, or set {MODEL_VARIABLE} to a model directory; random-tiny needs no files",
            )
        ]
    try:
        source = open_model(name)
        parts = [f"{part} {source.digest(part)[:12]}" for part in ("facemae", "videomae", "emotion_llama")]
    except (ModelError, OSError) as error:
        return [Finding("model", name, str(error))]
    return [Finding("model", f"{name}: {', '.join(parts)}")]
