"""The file with YuNet's weights that lies in this package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def yunet_onnx() -> bytes:
    """YuNet 2023mar of the OpenCV Zoo (MIT), an ONNX file of 230 kB."""
    return (files("emollama_hf") / "data" / "face_detection_yunet_2023mar.onnx").read_bytes()
