"""Image models of timm: built from an architecture's name and arguments, with the settings of their pictures."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.library_settings import settings_fault
from emollama_hf.encoders.pretrained_encoder import ModelFiles
from emollama_hf.encoders.transformers_classes import first_line
from emollama_hf.errors import ModelError

#: Of timm's pretrained_cfg: what the model and its pictures depend on, and nothing that names a file or a repository.
_READ = (
    "input_size", "test_input_size", "min_input_size", "fixed_input_size", "interpolation", "crop_pct", "test_crop_pct",
    "crop_mode", "mean", "std", "num_classes", "pool_size", "test_pool_size", "first_conv", "classifier", "global_pool",
)  # fmt: skip
#: Arguments of timm.create_model that are not the model's: they load, fetch, or take the pooled feature away.
_NOT_READ = (
    "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir", "scriptable",
    "exportable", "no_jit", "num_classes", "features_only", "out_indices", "feature_cfg", "pretrained_strict",
    "pretrained_filter_fn", "pretrained_custom_load", "pretrained_model_args", "weight_init",
)  # fmt: skip


def timm_settings(files: ModelFiles) -> Config:
    """library, architecture and settings of a model of timm.

    Raises:
        ModelError: the installed timm does not know the architecture, or settings are out of bounds.
    """
    import timm

    found = dict(files.config)
    named = files.architecture or found.get("architecture")
    if not isinstance(named, str) or not timm.is_model(named.split(".")[0]):
        name = str(named)[:80]
        close = difflib.get_close_matches(name.split(".")[0], timm.list_models(), 3)
        nearest = f" Names like it: {', '.join(close)}." if close else ""
        raise ModelError(f"{files.where}: {name!r} is no architecture of the installed timm.{nearest} Check the name.")
    if files.architecture is None:
        # The older form of config.json has everything at the top.
        given = found.get("pretrained_cfg", found)
        arguments = found.get("model_args", {})
    else:
        known = timm.get_pretrained_cfg(named)
        given, arguments = known.to_dict() if known is not None else {}, {}
    if not isinstance(given, Mapping) or not isinstance(arguments, Mapping):
        raise ModelError(
            f"{files.where}: config.json has pretrained_cfg or model_args that are no objects. Fetch it again."
        )
    settings = {
        "model_args": {name: value for name, value in arguments.items() if name not in _NOT_READ and value is not None},
        "pretrained_cfg": _plain({name: given[name] for name in _READ if given.get(name) is not None}),
    }
    fault = settings_fault(settings)
    if fault is not None:
        raise ModelError(f"{files.where}: config.json {fault}. Fetch the model again from where its weights came from.")
    return {"library": "timm", "architecture": named.split(".")[0], "settings": settings}


def timm_model(config: Config) -> nn.Module:
    """The model without a head and without weights, on torch's default device.

    Args:
        config: `timm_settings`.

    Raises:
        ModelError: timm refuses the settings.
    """
    import timm

    settings = config["settings"]
    given = {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings["pretrained_cfg"].items()
    }
    pool = {"global_pool": given.pop("global_pool")} if "global_pool" in given else {}
    try:
        model: nn.Module = timm.create_model(
            config["architecture"],
            pretrained=False,
            pretrained_cfg=given,
            num_classes=0,
            **(pool | settings["model_args"]),
        )
    except Exception as error:  # each architecture refuses in its own way
        raise ModelError(
            f"{config['architecture']}: refused by timm ({first_line(error)}). Check model_args of config.json, or "
            "fetch it again."
        ) from error
    return model


def timm_preprocessing(model: nn.Module) -> dict[str, Any]:
    """Size, interpolation, crop, mean and standard deviation of a model's pictures, JSON-able."""
    from timm.data import resolve_model_data_config

    return _plain(resolve_model_data_config(model))


class TimmPictures:
    """timm's own transform of a picture, in evaluation.

    Args:
        preprocessing: `timm_preprocessing`.
    """

    def __init__(self, preprocessing: Mapping[str, Any]) -> None:
        from timm.data import create_transform

        self._transform: Any = create_transform(**_tuples(preprocessing), is_training=False)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 RGB to (T, 3, S, S) float32."""
        pictures = [self._transform(Image.fromarray(np.ascontiguousarray(frame))) for frame in frames]
        return np.stack([np.asarray(picture, np.float32) for picture in pictures])


def timm_feature(model: Any, pixels: torch.Tensor) -> torch.Tensor:
    """The pooled feature before the head: (T, 3, S, S) to (T, D)."""
    feature: torch.Tensor = model.forward_head(model.forward_features(pixels), pre_logits=True)
    return feature


def _tuples(found: Mapping[str, Any]) -> dict[str, Any]:
    """Lists as tuples, as timm has them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def _plain(value: Any) -> Any:
    """Tuples as lists, as JSON has them."""
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
