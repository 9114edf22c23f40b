"""EVA of the real sizes on a CPU in each number type: `python -m benchmarks.number_types [--blocks 39]`.

The weights of random-full's image encoder, one picture of noise, products of float16 as in `half_products.py`. One JSON
line a type and comparison at ln_vision, relative to the spread there: against float32, and against the original's
mixture (its operations under autocast, `gpu/mixture.py`). Ends with 3 if the default on a GPU is further from the
original's than `gpu/mixture.py` allows. `python -m benchmarks.gpu --steps mixture` is the same on a GPU, with the
decoder.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from typing import Any

import numpy as np
import torch

from benchmarks.dtypes import deviation
from benchmarks.gpu.mixture import DEFAULT_LIMIT, DTYPES, as_the_original
from benchmarks.half_products import HalfProducts
from emollama_hf.checkpoints.build import empty_network, ready
from emollama_hf.encoders.emotion_llama.config_json import FULL
from emollama_hf.tensors.random_weights import fill_randomly

ORIGINAL = "the original's mixture"


def normed_tokens(blocks: int, sizes: dict[str, Any] = FULL) -> dict[str, np.ndarray]:
    """What ln_vision gives for one picture: in float32, as the original mixes types, and in each of our types."""
    config = copy.deepcopy(sizes)
    config["vision_config"]["num_hidden_layers"] = blocks
    config["text_config"].update(num_hidden_layers=1, vocab_size=64)  # nothing of the decoder is computed
    side = config["vision_config"]["image_size"]
    pixels = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(5))
    found = {}
    with torch.inference_mode(), HalfProducts():
        network = _network(config, "float32")
        found["float32"] = _normed(network, pixels)
        as_the_original(network)
        with torch.autocast("cpu", torch.float16):
            found[ORIGINAL] = _normed(network, pixels)
        del network
        for dtype in DTYPES:
            found[dtype] = _normed(_network(config, dtype), pixels)
    return found


def _network(config: dict[str, Any], dtype: Any) -> Any:
    network = empty_network("emotion_llama", config, dtype)
    fill_randomly(network, "cpu")
    return ready("emotion_llama", network, "cpu")


def _normed(network: Any, pixels: torch.Tensor) -> np.ndarray:
    return np.asarray(network.ln_vision(network.image_tokens(pixels)).float())


def main() -> int:
    """Each type against float32 and against the original's mixture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=FULL["vision_config"]["num_hidden_layers"])
    found = normed_tokens(parser.parse_args().blocks)
    for other in ("float32", ORIGINAL):
        for dtype, values in found.items():
            if dtype not in ("float32", other):
                print(json.dumps({"dtype": dtype, "against": other, **deviation(found[other], values)}), flush=True)
    return 0 if deviation(found[ORIGINAL], found["float16-mixed"])["rms"] <= DEFAULT_LIMIT else 3


if __name__ == "__main__":
    sys.exit(main())
