"""What an image model computes, found by a call on the meta device: its width, its pooling, its memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.encoder import Activations
from emollama_hf.encoders.image_encoder.network import TOGETHER, ImageNetwork
from emollama_hf.encoders.image_encoder.timm_images import timm_model, timm_preprocessing, timm_settings
from emollama_hf.encoders.image_encoder.transformers_images import (
    pooling_of,
    transformers_output,
    transformers_parts,
    transformers_settings,
)
from emollama_hf.encoders.library_settings import settings_fault
from emollama_hf.encoders.meta_peak import peak_bytes
from emollama_hf.encoders.pretrained_encoder import ModelFiles
from emollama_hf.encoders.transformers_classes import first_line
from emollama_hf.errors import ModelError

#: What torch takes on a CPU beside the results that exist, as measured of seven architectures with 16 pictures: their
#: peaks were 1.05 (MobileNetV3, ViT-B, CLIP-L, ConvNeXt) to 1.23 times (ResNet-50, EfficientNet) what was counted.
_WORKSPACE = 1.3
#: Side of the face crops in pixels.
_CROP = 224
#: Most pixels of a picture's side: transformers and timm have no larger models.
_LARGEST = 2048
#: Keys of preprocessing that are sides in pixels.
_SIDES = (
    "size", "crop_size", "pad_size", "input_size", "height", "width", "shortest_edge", "longest_edge", "max_height",
    "max_width",
)  # fmt: skip


def library_model(config: Config) -> nn.Module:
    """The library's model without weights, on torch's default device."""
    if config["library"] == "timm":
        return timm_model(config)
    found, settings, arguments = transformers_parts(config)
    model: nn.Module = found._from_config(settings, dtype=torch.float32, **arguments)
    return model


def described(files: ModelFiles) -> Config:
    """The configuration of an image model; no weights are read and none are made.

    Raises:
        ModelError: the model cannot be built of its settings, or computes no vector of a picture.
    """
    timm = files.architecture is not None or "model_type" not in files.config
    config = timm_settings(files) if timm else transformers_settings(files)
    with _naming(files.where), torch.device("meta"):
        model = library_model(config).eval()
    if timm:
        config["preprocessing"] = timm_preprocessing(model)
    if (fault := settings_fault(config["preprocessing"])) is not None:
        raise ModelError(f"{files.where}: its preprocessing {fault}. Fetch the model again from where it came from.")
    _check_sides(config["preprocessing"], files.where)
    with _naming(files.where), torch.no_grad():
        pixels = _meta_pixels(ImageNetwork(model, {**config, "width": 0, "pooling": "mean"}), 1)
        if not timm:
            config["pooling"] = pooling_of(model, transformers_output(model, pixels))
        vector = ImageNetwork(model, {**config, "width": 0})(pixels)
    if vector.ndim != 2 or len(vector) != 1:
        raise ModelError(
            f"{files.where}: computes {tuple(vector.shape)} of a picture, expected one vector. Take a model that pools."
        )
    return {**config, "width": int(vector.shape[1])}


def clip_activations(config: Config) -> Activations:
    """What the frames that are computed together take at the peak, beside the weights."""
    with torch.device("meta"):
        network = ImageNetwork(library_model(config), config).eval()
    pixels = _meta_pixels(network, TOGETHER)
    return Activations(values=int(_WORKSPACE * peak_bytes(lambda: network(pixels))) // 4, inputs=pixels.numel())


def _check_sides(preprocessing: Mapping[str, Any], where: str) -> None:
    """Raise ModelError for pictures of a size that no model takes, before one is made."""
    for name, value in preprocessing.items():
        if isinstance(value, Mapping):
            _check_sides(value, where)
        elif name in _SIDES:
            sides = value if isinstance(value, list) else [value]
            if any(isinstance(side, int | float) and side > _LARGEST for side in sides):
                raise ModelError(
                    f"{where}: its preprocessing has {name}={value!r:.60}, expected at most {_LARGEST} pixels. Fetch "
                    "the model again from where its weights came from."
                )


def _meta_pixels(network: ImageNetwork, pictures: int) -> torch.Tensor:
    """Pictures without values, as the network's preprocessing returns them of face crops."""
    shape = network.prepared(np.zeros((1, _CROP, _CROP, 3), np.uint8)).shape
    if len(shape) != 4 or shape[1] != 3 or max(shape[2:]) > _LARGEST:
        raise ModelError(
            f"its preprocessing returns {shape} of a picture, expected (1, 3, height, width) of at most "
            f"{_LARGEST} pixels. Take a model of plain pictures"
        )
    return torch.empty((pictures, *shape[1:]), device="meta")


@contextmanager
def _naming(where: str) -> Iterator[None]:
    """Name the model in what is said against its settings."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from error
    except Exception as error:
        raise ModelError(
            f"{where}: its settings cannot be computed with ({first_line(error)}). Take another model, or fetch "
            "this one again."
        ) from error
