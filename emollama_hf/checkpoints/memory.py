"""How much memory a run takes at its peak, from configurations alone, and how many clips fit together. No torch.

    weights of the parts that run + the largest stage's intermediate values + what libraries take

Compared with measured peaks of random-full in README.md, "Memory, and 4 or 8 bits".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emollama_hf.checkpoints.architecture import Config
from emollama_hf.checkpoints.parameters import (
    Blocks,
    decoder_blocks,
    decoder_matrices,
    facemae_blocks,
    parameter_count,
    stream_parameters,
    tokens,
    videomae_blocks,
    vision_blocks,
)
from emollama_hf.checkpoints.source import ModelSource, Part
from emollama_hf.computing.number_types import DtypeName, PlainType, product_type, stream_type, type_of_part
from emollama_hf.tensors.quantized import Quantize

ITEM_BYTES: dict[PlainType, int] = {"float32": 4, "float16": 2, "bfloat16": 2}
STORED_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}

#: A process that has imported torch, transformers, datasets and OpenCV and has computed once holds 0.95 to 1.0 GB;
#: decoded clips and a shard of results are the rest. What loading and running a part leaves behind comes on top.
PROCESS_BYTES, PART_BYTES = 1_100_000_000, 50_000_000
#: A context with its kernels, and the workspaces of cuBLAS.
CUDA_BYTES = 600_000_000

#: NF4: four bits, and a float32 for every 64 values.
BLOCK_4BIT = 64
#: Bytes for each value of the decoder's largest matrix while quantization makes or uses it: in 4 bits its float32
#: values, their copy in the dtype, pieces; in 8 bits, what bitsandbytes takes if all columns of an input have outliers.
MAKING_BYTES: dict[Quantize, int] = {"4bit": 10, "8bit": 20}

#: Tokens of the prompt and its frame beside the visual ones, and room for a longer instruction.
PROMPT_TOKENS = 100
#: Values a token that exist at once, in units of a block's width: residual stream, its norm and what torch adds, as
#: measured on a CPU (0.15 GB a clip of FaceMAE in float32, 0.12 GB of VideoMAE).
WIDTHS = {"facemae": 5, "videomae": 7, "emotion_llama": 2}
#: In units of the inner width: that layer before and after its activation function; the decoder's gate, its activation,
#: the other half and their product.
INNER, DECODER_INNER = 2, 4

#: Of a GPU's memory, what is planned with: its allocator does not fill it to the last byte.
USABLE = 0.9
LARGEST_BATCH = 16
#: Threads that share a GPU, so that it always has work; each has a batch on it.
LANES = 2


@dataclass(frozen=True)
class Prediction:
    """Bytes at the peak of one process. shared: of `weights`, those in mapped files, which processes have in common."""

    weights: int
    shared: int
    activations: int
    libraries: int

    @property
    def peak(self) -> int:
        return self.weights + self.libraries + self.activations

    def of_processes(self, count: int) -> Prediction:
        """All of several processes on one device."""
        return Prediction(
            count * (self.weights - self.shared) + self.shared,
            self.shared,
            count * self.activations,
            count * self.libraries,
        )


def predict(
    source: ModelSource,
    parts: Sequence[Part],
    *,
    dtype: DtypeName,
    quantize: Quantize | None = None,
    clips: int = 1,
    cuda: bool = False,
) -> Prediction:
    """The peak of a process that keeps these parts loaded and computes `clips` clips together.

    cuda: on a GPU, of its memory; else of the machine's.
    Raises ModelError if the model does not have a part.

        >>> predict(open_model("random-full"), PARTS, dtype="bfloat16").weights
        16485953536
    """
    configs = {part: source.config(part) for part in parts}
    weights = sum(weight_bytes(part, config, dtype, quantize) for part, config in configs.items())
    stages = [clips * activation_bytes(part, config, dtype) for part, config in configs.items()]
    making = 0
    if quantize is not None and "emotion_llama" in configs:
        largest = max(rows * columns for rows, columns in decoder_matrices(configs["emotion_llama"]))
        making = MAKING_BYTES[quantize] * largest
    return Prediction(
        weights=weights,
        shared=0 if cuda else sum(mapped_bytes(source, part, dtype, quantize) for part in parts),
        activations=max(stages, default=0) + making,
        libraries=CUDA_BYTES if cuda else PROCESS_BYTES + len(configs) * PART_BYTES,
    )


def fitting_batch(
    source: ModelSource,
    parts: Sequence[Part],
    *,
    dtype: DtypeName,
    quantize: Quantize | None = None,
    total_bytes: int,
) -> int:
    """Clips that a GPU computes together: the largest power of two up to 16 that fits; 1 if none does.

    total_bytes: of the device, and not what is free now: a run that is resumed computes the same clips together.
    """
    one = predict(source, parts, dtype=dtype, quantize=quantize, cuda=True)
    two = predict(source, parts, dtype=dtype, quantize=quantize, clips=2, cuda=True)
    of_clip = two.activations - one.activations
    batch = LARGEST_BATCH
    while batch > 1 and one.peak + (LANES * batch - 1) * of_clip > USABLE * total_bytes:
        batch //= 2
    return batch


def weight_bytes(part: Part, config: Config, dtype: DtypeName, quantize: Quantize | None = None) -> int:
    """Bytes of a part's parameters, computed in `dtype`."""
    dtype = type_of_part(part, dtype)
    item, of_stream = ITEM_BYTES[product_type(dtype)], ITEM_BYTES[stream_type(dtype)]
    count = parameter_count(part, config)
    wider = (of_stream - item) * stream_parameters(config) if of_stream != item else 0
    if quantize is None or part != "emotion_llama":
        return count * item + wider
    packed = 0
    for rows, columns in decoder_matrices(config):
        values = rows * columns
        count -= values
        packed += -(values // -2) + 4 * -(values // -BLOCK_4BIT) if quantize == "4bit" else values + 4 * rows
    return count * item + wider + packed


def activation_bytes(part: Part, config: Config, dtype: DtypeName) -> int:
    """Bytes of one clip's intermediate values at a stage's peak, its pixels included.

    The attention of torch's scaled_dot_product_attention keeps no matrix of tokens by tokens, on no device.
    """
    dtype = type_of_part(part, dtype)
    item = ITEM_BYTES[product_type(dtype)]
    count = tokens(part, config)
    if part == "facemae":
        values = _block_values(count, facemae_blocks(config), WIDTHS[part])
        pixels = 16 * _side(config["model_args"], "img_size") ** 2
    elif part == "videomae":
        values = _block_values(count, videomae_blocks(config), WIDTHS[part])
        pixels = int(config.get("num_frames", 16)) * _side(config) ** 2
    else:
        blocks = decoder_blocks(config)
        length = (count - 1) // int(config.get("patches_per_token", 4)) + 4 + PROMPT_TOKENS
        decoder = length * (WIDTHS[part] * blocks.width + DECODER_INNER * blocks.mlp)
        vision = vision_blocks(config)
        # A stream that is wider than the products: by so many values of the products' type.
        wider = count * WIDTHS[part] * vision.width * (ITEM_BYTES[stream_type(dtype)] - item) // item
        values = max(_block_values(count, vision, WIDTHS[part]) + wider, decoder)
        pixels = _side(config.get("vision_config", {})) ** 2
    # Pixels: as float32 clip by clip, stacked, and in the dtype.
    return values * item + 3 * pixels * (4 + 4 + item)


def mapped_bytes(source: ModelSource, part: Part, dtype: DtypeName, quantize: Quantize | None = None) -> int:
    """Of a part's weights on a CPU, those that stay in their files because these have the dtype."""
    wanted = product_type(type_of_part(part, dtype))
    return sum(
        size
        for name, (stored, size) in source.stored_tensors(part).items()
        if STORED_DTYPES.get(stored) == wanted
        and not (quantize is not None and name.startswith("language_model.layers.") and "norm" not in name)
    )


def _block_values(count: int, blocks: Blocks, widths: int) -> int:
    return count * (widths * blocks.width + INNER * blocks.mlp)


def _side(config: Config, name: str = "image_size") -> int:
    return int(config.get(name, 224))
