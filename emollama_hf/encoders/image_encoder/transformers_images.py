"""Image models of transformers: the encoder or the image tower, its processor, and the pooled feature."""

from __future__ import annotations

import inspect
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.image_encoder.vision_towers import vision_towers
from emollama_hf.encoders.library_settings import model_settings
from emollama_hf.encoders.pretrained_encoder import ModelFiles
from emollama_hf.encoders.transformers_classes import checked_settings, config_object, first_line, model_class, takes
from emollama_hf.errors import ModelError

_POOLER = re.compile(r"(?:^|\.)pooler\.")
_CLASS_TOKEN = re.compile(r"(?:^|\.)(?:cls_token|class_embedding|class_token)$")


def transformers_settings(files: ModelFiles) -> Config:
    """library, model_type, settings, preprocessing and whether the model has a pooling layer.

    Raises:
        ModelError: the settings are out of bounds, or the model has no settings of its pictures.
    """
    found = files.config
    kind = str(found.get("model_type"))
    tower = vision_towers().get(kind)
    if tower is not None:
        vision = found.get("vision_config")
        if not isinstance(vision, Mapping):
            raise ModelError(f"{files.where}: config.json of {kind} has no vision_config. Fetch it again.")
        found, kind = vision, tower
    settings = {name: value for name, value in checked_settings(found, files.where).items() if name != "model_type"}
    return {
        "library": "transformers",
        "model_type": kind,
        "settings": settings,
        "preprocessing": _preprocessing(files),
        # A classifier's checkpoint has no pooling layer, and a random one would be no feature.
        "pooling_layer": any(_POOLER.search(name) for name in files.tensors),
    }


def _preprocessing(files: ModelFiles) -> dict[str, Any]:
    found: Any = files.others.get("preprocessor_config.json")
    if found is None:
        found = files.others.get("processor_config.json", {}).get("image_processor")
    if not isinstance(found, Mapping):
        raise ModelError(
            f"{files.where}: has no preprocessor_config.json, which says size, mean and standard deviation of its "
            "pictures. Fetch the file from where the weights came from."
        )
    return {name: value for name, value in model_settings(found).items() if name != "processor_class"}


def transformers_parts(config: Config) -> tuple[Any, Any, dict[str, Any]]:
    """transformers' class, configuration object and arguments of the constructor."""
    kind = config["model_type"]
    found = model_class(kind, kind)
    settings = config_object(kind, config["settings"], kind)
    if hasattr(settings, "mask_ratio"):
        settings.mask_ratio = 0.0  # masked autoencoders see the whole picture
    arguments = {"add_pooling_layer": bool(config["pooling_layer"])} if takes(found, "add_pooling_layer") else {}
    return found, settings, arguments


class TransformersPictures:
    """transformers' own image processor.

    Args:
        preprocessing: preprocessor_config.json.
        model_type: decides the class where preprocessor_config.json does not.

    Raises:
        ModelError: transformers does not know the processor, or refuses a setting.
    """

    def __init__(self, preprocessing: Mapping[str, Any], model_type: str) -> None:
        from transformers import AutoImageProcessor

        # transformers reads a folder, and chooses the class by what the folder holds.
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "preprocessor_config.json").write_text(json.dumps(dict(preprocessing)), encoding="utf-8")
            kind = {whole: part for part, whole in vision_towers().items()}.get(model_type, model_type)
            (Path(folder) / "config.json").write_text(json.dumps({"model_type": kind}), encoding="utf-8")
            try:
                self._processor = AutoImageProcessor.from_pretrained(folder, trust_remote_code=False)
            except Exception as error:
                raise ModelError(
                    f"preprocessor_config.json of {model_type} is refused by transformers ({first_line(error)}). Fetch "
                    "it again from where the weights came from."
                ) from error

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB to (T, 3, S, S) float32."""
        pictures = [Image.fromarray(np.ascontiguousarray(frame)) for frame in frames]
        pixels = self._processor(images=pictures, return_tensors="np")["pixel_values"]
        return np.asarray(pixels, np.float32)


def pooling_of(model: Any, output: Any) -> str:
    """How a model's output becomes one vector a picture: "pooler_output", "class_token" or "mean".

    Args:
        model: of transformers.
        output: of a call of it.
    """
    if getattr(output, "pooler_output", None) is not None:
        return "pooler_output"
    has_token = any(_CLASS_TOKEN.search(name) for name, _ in model.named_parameters())
    return "class_token" if has_token and output.last_hidden_state.ndim == 3 else "mean"


def transformers_output(model: Any, pixels: torch.Tensor) -> Any:
    """The output of a model for (T, 3, S, S) pictures."""
    more: dict[str, Any] = {}
    arguments = inspect.signature(model.forward).parameters
    asked = [name for name, one in arguments.items() if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
    if others := [name for name in asked if name != "pixel_values"]:
        raise ModelError(
            f"{type(model).__name__} takes {', '.join(others)} beside pictures, which nothing here computes. Take a "
            "model of plain pictures."
        )
    patches = getattr(getattr(getattr(model, "embeddings", None), "patch_embeddings", None), "num_patches", None)
    if "noise" in arguments and patches is not None:
        # Masked autoencoders order patches by it. Theirs is random, and with it how sums are rounded.
        more["noise"] = torch.arange(patches, device=pixels.device).expand(len(pixels), -1)
    return model(pixel_values=pixels, **more)


def transformers_feature(model: Any, pixels: torch.Tensor, pooling: str) -> torch.Tensor:
    """The pooled feature: (T, 3, S, S) to (T, D)."""
    output = transformers_output(model, pixels)
    if pooling == "pooler_output":
        pooled: torch.Tensor = output.pooler_output.flatten(1)  # of ResNet (T, D, 1, 1)
        return pooled
    hidden = output.last_hidden_state
    if pooling == "class_token":
        token: torch.Tensor = hidden[:, 0]
        return token
    mean: torch.Tensor = hidden.flatten(2).mean(dim=2) if hidden.ndim == 4 else hidden.mean(dim=1)
    return mean
