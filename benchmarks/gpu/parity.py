"""The recorded values of the original, computed on this device, and how far smaller types stray from them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.lines import Line, checked, measured
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.tf32 import allowed

#: Root mean square of the deviation from float32, relative to the spread; three times what a CPU showed at most.
RMS_LIMITS = {"float16-mixed": 0.007, "float16": 0.007, "bfloat16": 0.06}
#: Of a column in float32 on another device.
FLOAT32_RMS = 1e-5
#: Columns that are nearer were not computed in the type: the weights' type did not change.
LEAST_RMS = 1e-5


def parity(settings: Settings) -> Iterator[Line]:
    """Ratios to the limits of MANIFEST.json, the largest of all recorded clips; above 1 a value is not reproduced."""
    import torch

    from tests.encoders import golden

    model = golden_model(settings)
    with torch.inference_mode(), allowed(products=False, convolutions=False):
        for what, (ratio, count) in _ratios(model, settings.device).items():
            yield checked(f"{what}, float32", ratio <= 1, of_limit=ratio, arrays=count)
        columns, alone = _several(model, settings.device, len(golden.CLIPS)), _several(model, settings.device, 1)
        for name, limit in (("facemae", golden.ENCODER_LIMIT), ("emollama", golden.DECODER_LIMIT)):
            ratio = golden.ratio_to_limit(columns[name], alone[name], limit)
            yield checked(f"{name}, three clips together against each alone, float32", ratio <= 1, of_limit=ratio)
    if settings.on_gpu:
        from emollama_hf.computing.model_cache import forget_models

        forget_models()
        with torch.inference_mode():
            for what, (ratio, count) in _ratios(model, settings.device).items():
                yield measured(f"{what}, float32 as torch is set by itself", of_limit=ratio, arrays=count)


def dtypes(settings: Settings) -> Iterator[Line]:
    """Deviations from float32 on the CPU, relative to a column's spread."""
    from benchmarks.dtypes import columns, deviation
    from emollama_hf.encoders import find_encoder

    model = golden_model(settings)
    exact = columns(model, "float32", "cpu")
    for dtype, limit in RMS_LIMITS.items():
        for name, values in columns(model, dtype, settings.device).items():
            figures = deviation(exact[name], values)
            if find_encoder("emotion_llama" if name == "emollama" else name).computed_type(dtype) == "float32":
                passed = figures["rms"] <= FLOAT32_RMS
            else:
                passed = LEAST_RMS < figures["rms"] <= limit
            yield checked(f"{name}, {dtype}", passed, **figures)


def golden_model(settings: Settings) -> Path:
    """The model of the recorded values, converted once a run."""
    from tests.encoders import golden

    directory = settings.folder("golden") / "model"
    return directory if directory.exists() else golden.convert_golden(directory)


def _ratios(model: Path, device: str) -> dict[str, tuple[float, int]]:
    """(largest ratio to its limit, arrays compared) of each kind of array, through the public transforms."""
    from emollama_hf import EmoLlamaEmbed
    from tests.encoders import golden
    from tests.encoders.golden import DECODER_LIMIT, ENCODER_LIMIT

    found: dict[str, list[float]] = {}

    def compare(what: str, computed: Any, recorded: np.ndarray, limit: float) -> None:
        found.setdefault(what, []).append(golden.ratio_to_limit(computed, recorded, limit))

    network = EmoLlamaEmbed(model, device=device, dtype="float32").model()
    for clip in golden.CLIPS:
        recorded = golden.outputs(f"{clip}/vision")
        columns = _encoded(model, device, [clip])
        for name in ("facemae", "videomae"):
            compare(name, columns[name][0], recorded[f"{name}_clip_feature"], ENCODER_LIMIT)
        tokens = network.image_tokens(network.pixels(golden.peak_frame(clip))[None])
        compare("EVA's tokens", tokens.cpu(), recorded["eva_tokens"], ENCODER_LIMIT)
        compare("ln_vision", network.ln_vision(tokens).cpu(), recorded["ln_vision_tokens"], ENCODER_LIMIT)
        for variant, instruction in product(golden.VARIANTS, golden.INSTRUCTIONS):
            wanted = golden.PROMPTS["instructions"][instruction]
            embed = EmoLlamaEmbed(
                model, task=wanted["task"], instruction=wanted["text"], layout=variant,  # type: ignore[arg-type]
                store_dtype="float32", dtype="float32", device=device,
            )  # fmt: skip
            row = columns | ({"hubert": golden.audio(clip)[None]} if variant == "upstream" else {})
            states = golden.outputs(f"{clip}/llm_{variant}_{instruction}")["last_hidden_state"]
            compare("emollama", embed(row)["emollama"], states, DECODER_LIMIT)
    return {what: (max(ratios), len(ratios)) for what, ratios in found.items()}


def _encoded(model: Path, device: str, clips: list[str], batch_size: int = 1) -> dict[str, Any]:
    """The recorded frames of some clips with the columns `facemae` and `videomae`, in float32."""
    from emollama_hf import FaceMAEEmbed, VideoMAEEmbed
    from tests.encoders import golden

    rows: dict[str, Any] = {"facemae_frames": [], "videomae_frames": [], "peak_frame": []}
    for clip in clips:
        frames, recorded = golden.frames(clip), golden.outputs(f"{clip}/vision")
        rows["facemae_frames"].append(frames[recorded["facemae_indices"]])
        rows["videomae_frames"].append(frames[recorded["videomae_indices"]])
        rows["peak_frame"].append(golden.peak_frame(clip))
    for stage in (FaceMAEEmbed, VideoMAEEmbed):
        embed = stage(model, device=device, dtype="float32", batch_size=batch_size)
        rows[embed.makes[0]] = embed(rows)[embed.makes[0]]
    return rows


def _several(model: Path, device: str, together: int) -> dict[str, np.ndarray]:
    """Columns of all recorded clips, so many of them computed together."""
    from emollama_hf import EmoLlamaEmbed
    from tests.encoders import golden

    rows = _encoded(model, device, list(golden.CLIPS), together)
    embed = EmoLlamaEmbed(model, device=device, dtype="float32", store_dtype="float32", batch_size=together)
    return {"facemae": rows["facemae"], "emollama": np.asarray(embed(rows)["emollama"])}
