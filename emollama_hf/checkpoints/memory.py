"""How much memory a run takes at its peak, from configurations alone, and how many clips fit together.

    weights of the parts that run + the largest stage's intermediate values + what libraries take

Compared with measured peaks of random-full in docs/runs.md, "Memory, and 4 or 8 bits".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emollama_hf.checkpoints.source import ModelSource
from emollama_hf.checkpoints.weight_counts import weight_counts
from emollama_hf.computing.number_types import DtypeName, PlainType, product_type, stream_type
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.config_checks import Config
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


@dataclass(frozen=True)
class StageMemory:
    """Bytes that stages take beside the weights and activations of their parts. weights: once. a_clip: of each clip."""

    weights: int = 0
    a_clip: int = 0


def predict(
    source: ModelSource,
    parts: Sequence[str],
    *,
    dtype: DtypeName,
    quantize: Quantize | None = None,
    clips: int = 1,
    cuda: bool = False,
    more: StageMemory = StageMemory(),
) -> Prediction:
    """The peak of a process that keeps these parts loaded and computes `clips` clips together.

    cuda: on a GPU, of its memory; else of the machine's.  more: what stages take beside their parts.
    Raises ModelError if the model does not have a part.

        >>> predict(open_model("random-full"), ["facemae", "videomae", "emotion_llama"], dtype="bfloat16").weights
        16485953536
    """
    configs = {part: source.config(part) for part in parts}
    weights = sum(weight_bytes(part, config, dtype, quantize) for part, config in configs.items())
    stages = [clips * activation_bytes(part, config, dtype) for part, config in configs.items()]
    making = 0
    if quantize is not None:
        matrices = [shape for part, config in configs.items() for shape in _quantized(part, config).values()]
        making = MAKING_BYTES[quantize] * max((rows * columns for rows, columns in matrices), default=0)
    return Prediction(
        weights=weights + more.weights,
        shared=0 if cuda else sum(mapped_bytes(source, part, dtype, quantize) for part in parts),
        activations=max(stages, default=0) + making + clips * more.a_clip,
        libraries=CUDA_BYTES if cuda else PROCESS_BYTES + len(configs) * PART_BYTES,
    )


def fitting_batch(
    source: ModelSource,
    parts: Sequence[str],
    *,
    dtype: DtypeName,
    quantize: Quantize | None = None,
    total_bytes: int,
    more: StageMemory = StageMemory(),
) -> int:
    """Clips that a GPU computes together: the largest power of two up to 16 that fits; 1 if none does.

    total_bytes: of the device, and not what is free now: a run that is resumed computes the same clips together.
    """
    one = predict(source, parts, dtype=dtype, quantize=quantize, cuda=True, more=more)
    two = predict(source, parts, dtype=dtype, quantize=quantize, clips=2, cuda=True, more=more)
    of_clip = two.activations - one.activations
    batch = LARGEST_BATCH
    while batch > 1 and one.peak + (LANES * batch - 1) * of_clip > USABLE * total_bytes:
        batch //= 2
    return batch


def weight_bytes(
    part: str, config: Config, dtype: DtypeName, quantize: Quantize | None = None, without: Sequence[str] = ()
) -> int:
    """Bytes of a part's parameters, computed in `dtype`, but for those of submodules that are not loaded."""
    dtype = find_encoder(part).computed_type(dtype)
    counts = weight_counts(part, config, without)
    products, packed = counts.products, 0
    if quantize is not None:
        for rows, columns in counts.quantizable.values():
            values = rows * columns
            products -= values
            packed += -(values // -2) + 4 * -(values // -BLOCK_4BIT) if quantize == "4bit" else values + 4 * rows
    return products * ITEM_BYTES[product_type(dtype)] + counts.stream * ITEM_BYTES[stream_type(dtype)] + packed


def activation_bytes(part: str, config: Config, dtype: DtypeName) -> int:
    """Bytes of one clip's intermediate values at a stage's peak, its pixels or samples included."""
    encoder = find_encoder(part)
    dtype = encoder.computed_type(dtype)
    item = ITEM_BYTES[product_type(dtype)]
    one = encoder.activations(config, ITEM_BYTES[stream_type(dtype)] // item)
    # Inputs: as float32 clip by clip, stacked, and in the dtype.
    return one.values * item + one.inputs * (4 + 4 + item)


def mapped_bytes(source: ModelSource, part: str, dtype: DtypeName, quantize: Quantize | None = None) -> int:
    """Of a part's weights on a CPU, those that stay in their files because these have the dtype."""
    wanted = product_type(find_encoder(part).computed_type(dtype))
    replaced = _quantized(part, source.config(part)) if quantize is not None else {}
    return sum(
        size
        for name, (stored, size) in source.stored_tensors(part).items()
        if STORED_DTYPES.get(stored) == wanted and name not in replaced
    )


def _quantized(part: str, config: Config) -> Mapping[str, tuple[int, int]]:
    """(rows, columns) of the matrices that quantization replaces, by name; no network is built to find none."""
    return weight_counts(part, config).quantizable if find_encoder(part).quantizes else {}
