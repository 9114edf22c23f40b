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
_per_thread = local()


def ask_detector_process(address: str) -> None:
    """Let the faces of this process's clips be found by a detector process, unless "cpu" is asked for.

    address: of its `picture_exchange.listening_socket`.
    """
    global _detector_process
    _detector_process = address


def chosen_network(detector: Detector | None) -> FaceNetwork | None:
    """The network for `searching_with`: None is OpenCV's.

    Args:
        detector: "cpu", "gpu", or None for a detector process if there is one and the CPU if not.

    Raises:
        ValueError: "gpu" without a detector process where torch cannot use a GPU.
    """
    if detector == "cpu":
        return None
    if _detector_process is not None:
        return _of_process(_detector_process)
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


def _of_process(address: str) -> FaceNetwork:
    """This thread's own connection to the detector process."""
    from emollama_hf.frames.faces.picture_exchange import ServedNetwork

    if getattr(_per_thread, "owner", None) != (os.getpid(), address):
        _per_thread.owner, _per_thread.network = (os.getpid(), address), ServedNetwork(address)
    network: FaceNetwork = _per_thread.network
    return network
