"""Whether the readers of a run have a detector process, and on which device."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from emollama_hf.computing.available_memory import cuda_memory
from emollama_hf.frames.faces.chosen_network import detector_gpu
from emollama_hf.frames.faces.picture_exchange import is_possible
from emollama_hf.stages.stage import Stage

#: With fewer readers than this, a GPU that computes the features finds the faces, too. With 15 readers at work each
#: clip took 2.8 s of a core when every frame was searched (benchmarks/README.md, "On a GPU"). Following faces takes
#: 0.26 of that, or 0.41 of clips of a usual bit rate, 1.15 s. `extract` from crops does 28 clips a second between its
#: ends, for which 28 * 1.15 = 32 readers are needed. Calculated: neither has run there yet.
READERS_ENOUGH = 32
#: Bytes of a GPU below which the choice is the CPU: a second CUDA context and YuNet take about 1 GB of it, which
#: nothing sets aside for them (`checkpoints.memory`).
LEAST_GPU_MEMORY = 22 << 30


def detector_device(stages: Sequence[Stage], device: str, readers: int) -> str | None:
    """The torch device of a worker's detector process; None if its readers search on their own cores.

    Args:
        stages: of the run; those before the first with a device run in readers.
        device: of the stages with a model, such as "cuda:0" or "cpu".
        readers: processes that decode and find faces.

    Raises:
        ValueError: a stage asks for "gpu", and there is no GPU, or none that readers could reach on this system.
    """
    read = takewhile(lambda stage: not stage.uses_device, stages)
    asked = [stage.placement.detector for stage in read if stage.searches_faces] if readers else []
    if "gpu" in asked:
        if not is_possible():
            raise ValueError(
                "detector='gpu' with processes that read clips needs Linux. Use num_readers=0, or detector='cpu'."
            )
        return device if device.startswith("cuda") else detector_gpu()
    if None not in asked or not device.startswith("cuda") or readers >= READERS_ENOUGH or not is_possible():
        return None
    return device if cuda_memory(device).total >= LEAST_GPU_MEMORY else None
