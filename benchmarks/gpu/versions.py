"""What runs here: versions, the device, and settings of torch that change its numbers."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from packaging.version import Version

from benchmarks.gpu.lines import Line, checked, measured
from benchmarks.gpu.settings import Settings
from benchmarks.peak import device_name

PACKAGES = ("torch", "transformers", "timm", "datasets", "pyarrow", "numpy", "triton", "bitsandbytes", "av")
#: Older ones give VideoMAE other biases.
OLDEST_TRANSFORMERS = "5.20.2"


def versions(settings: Settings) -> Iterator[Line]:
    """Two lines and a check."""
    import torch

    from emollama_hf.computing import process
    from emollama_hf.computing.available_memory import cuda_memory, system_memory

    packages = {name: found for name in PACKAGES if (found := _version(name)) is not None}
    packages["torch"] = torch.__version__  # says which CUDA it was built for, too
    yield measured("software", python=platform.python_version(), **packages)
    memory = cuda_memory(settings.device) if settings.on_gpu else system_memory()
    facts = {
        "name": device_name(settings.device),
        "memory_gb": None if memory is None else memory.total / 1e9,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "dtype": process.resolve_dtype("auto", settings.device),
    }
    if settings.on_gpu:
        properties = torch.cuda.get_device_properties(settings.device)
        facts |= {
            "capability": f"{properties.major}.{properties.minor}",
            "multiprocessors": properties.multi_processor_count,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "tf32_products": torch.backends.cuda.matmul.allow_tf32,
            "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        }
    yield measured("device", **facts)
    found = packages["transformers"]
    yield checked(
        f"transformers is {OLDEST_TRANSFORMERS} or newer", Version(found) >= Version(OLDEST_TRANSFORMERS), found=found
    )


def _version(name: str) -> str | None:
    if importlib.util.find_spec(name) is None:
        return None
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
