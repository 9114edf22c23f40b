"""Which network finds the faces of a clip: OpenCV's on a CPU, or YuNet on a GPU, in this process or in another."""

from __future__ import annotations

import os
from threading import local
from typing import Literal

from emollama_hf.computing import process
from emollama_hf.computing.model_cache import cached
from emollama_hf.frames.faces.face_network import FaceNetwork

Detector = Literal["cpu", "gpu"]

_detector_process: str | None = None
_detector_problem = ""
_per_thread = local()


def ask_detector_process(address: str) -> None:
    """Let the faces of this process's clips be found by a detector process, unless "cpu" is asked for.

    address: of its `picture_exchange.listening_socket`.
    """
    global _detector_process
    _detector_process = address


def detector_problem() -> str:
    """Why this process finds faces on its CPU, though there was a detector process that nobody had asked for; or ""."""
    return _detector_problem


def chosen_network(detector: Detector | None) -> FaceNetwork | None:
    """The network for `searching_with`: None is OpenCV's.

    Args:
        detector: "cpu", "gpu", or None for a detector process, if there is one and as long as it works, else the CPU.

    Raises:
        ValueError: "gpu" without a detector process where torch cannot use a GPU.
    """
    if detector == "cpu":
        return None
    if _detector_process is not None:
        return _of_process(_detector_process, give_up=detector is None)
    if detector is None:
        return None
    from emollama_hf.frames.faces.torch_yunet import TorchYunet

    device = detector_gpu()
    network: FaceNetwork = cached("face detector", (device,), lambda: TorchYunet(device))
    return network


def detector_gpu() -> str:
    """The GPU on which this process finds faces, such as "cuda:0".

    Raises:
        ValueError: torch cannot use one here.
    """
    import torch

    if not torch.cuda.is_available():
        raise ValueError(
            f"detector='gpu' was asked for, but torch {torch.__version__} sees no CUDA device here. Use "
            "detector='cpu', or leave it out, or see what is missing with `emollama-hf doctor`."
        )
    return process.resolve_device("cuda")


def _of_process(address: str, *, give_up: bool) -> FaceNetwork:
    """This thread's own connection to the detector process. give_up: search on the CPU once it fails."""
    from emollama_hf.frames.faces.picture_exchange import ServedNetwork

    owner = os.getpid(), address, give_up
    if getattr(_per_thread, "owner", None) != owner:
        _per_thread.owner = owner
        _per_thread.network = ServedNetwork(address, give_up=_note_problem if give_up else None)
    network: FaceNetwork = _per_thread.network
    return network


def _note_problem(problem: str) -> None:
    global _detector_problem
    _detector_problem = problem
