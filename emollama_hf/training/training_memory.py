"""How much memory a training takes at its peak, from configurations alone.

    frozen weights + what is trained, its gradients and AdamW's two averages + a batch's intermediate values

What autograd keeps is counted in bytes a token of a block, as tests/training/test_training_memory.py counts it in the
network; the whole is compared with measured peaks in benchmarks/README.md, "Training".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from emollama_hf.checkpoints import ModelSource
from emollama_hf.checkpoints.memory import (
    CUDA_BYTES,
    ITEM_BYTES,
    MAKING_BYTES,
    PART_BYTES,
    PROCESS_BYTES,
    Prediction,
    weight_bytes,
)
from emollama_hf.checkpoints.weight_counts import weight_counts
from emollama_hf.computing.number_types import DtypeName, product_type
from emollama_hf.encoders import find_encoder
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.emotion_llama.config_json import (
    blocks,
    feature_size,
    hidden_size,
    image_width,
    patches,
    patches_per_token,
    vocabulary,
)
from emollama_hf.stages.decoder_stage import LAYOUTS
from emollama_hf.tensors.quantized import Quantize
from emollama_hf.training.recipe import Recipe

PART = "emotion_llama"
#: Submodules that a training does not load.
NOT_LOADED = ("vision_model",)
#: The decoder's matrices that have a LoRA.
_WITH_LORA = (".q_proj.weight", ".v_proj.weight")

#: Bytes of float32: a trained value, its gradient, AdamW's two averages; on a CPU the values that a fold begins with.
_VALUE, _GRADIENT, _AVERAGES, _INITIAL = 4, 4, 8, 4
#: While a state is written: a copy of the values, and the bytes of the file.
_SAVING = 8
#: Bytes that autograd keeps of each value of a block's width, by the bytes of a product's values: norms, the inputs of
#: LoRA, query, key, value and attention's result. Norms and LoRA compute in float32 beside half products.
_KEPT_OF_WIDTH = {4: 28, 2: 20}
#: The same, more with dropout in front of LoRA: its results and masks.
_KEPT_OF_DROPOUT = {4: 12, 2: 8}
#: Values that autograd keeps, in units of the inner width: gate, its activation, the other half.
_KEPT_INNER = 3
#: Gradients that exist at once in a block, in units of the width and of the inner width.
_GRADIENT_WIDTHS, _GRADIENT_INNER = 4, 3
#: Float32 copies of the scores of a batch's answers: scores, their logarithms, gradients of both.
_SCORES = 4


@dataclass(frozen=True)
class TrainingPlan:
    """What decides the memory of a training beside the model.

    Attributes:
        recipe: batch_size, accumulation, gradient_checkpointing and lora_dropout count.
        rank: of LoRA.
        layout: "fork" or "upstream".
        length: positions of the prompt and the longest answer.
        pieces: of the longest answer, its end symbol among them.
        device: "cpu" or a CUDA device.
        dtype: of products: "float32", "bfloat16" or "float16".
        quantize: in what the frozen decoder's linear layers are: "4bit", "8bit" or None.
    """

    recipe: Recipe
    rank: int
    layout: str
    length: int
    pieces: int
    device: str
    dtype: DtypeName
    quantize: Quantize | None = None

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    def with_recipe(self, **changes: object) -> TrainingPlan:
        """The plan with other values of the recipe."""
        return replace(self, recipe=replace(self.recipe, **changes))  # type: ignore[arg-type]


def predict_training(source: ModelSource, plan: TrainingPlan) -> Prediction:
    """The peak of a process that trains: of a GPU's memory on a GPU, else of the machine's. Reads no weights.

    Returns:
        `weights` holds the frozen weights, what is trained and the optimiser's averages; `activations` the gradients
        and a batch's intermediate values.

    Raises:
        ModelError: the model lacks the part.

    Example:
        >>> plan = TrainingPlan(Recipe(), 64, "fork", 346, 6, "cuda", "bfloat16", "4bit")
        >>> round(predict_training(open_model("random-full"), plan).peak / 1e9, 1)
        7.3
    """
    config = source.config(PART)
    trained = trained_values(config, plan.rank, plan.layout)
    kept = trained * (_VALUE + _AVERAGES + (0 if plan.on_gpu else _INITIAL))
    # Half products read a half copy of what is trained.
    step = trained * (_GRADIENT + _item(plan) % 4) + batch_bytes(config, plan)
    making = 0
    if plan.quantize is not None:
        making = MAKING_BYTES[plan.quantize] * max(rows * columns for rows, columns in _matrices(config).values())
    return Prediction(
        weights=frozen_bytes(config, plan) + kept,
        shared=0,
        activations=max(step, 0 if plan.on_gpu else _SAVING * trained) + making,
        libraries=CUDA_BYTES if plan.on_gpu else PROCESS_BYTES + PART_BYTES,
    )


def trained_values(config: Config, rank: int, layout: str) -> int:
    """How many values are trained: the projections and LoRA; 71 million at real size and rank 64."""
    return _projection_values(config, layout) + sum(
        rank * (rows + columns) for name, (rows, columns) in _matrices(config).items() if name.endswith(_WITH_LORA)
    )


def frozen_bytes(config: Config, plan: TrainingPlan) -> int:
    """Bytes of what stays as it is: the decoder, its language head, a projection that the layout does not use."""
    loaded = weight_bytes(PART, config, plan.dtype, plan.quantize, NOT_LOADED)
    head = sum(rows * columns for rows, columns in find_encoder(PART).kept(config).values())
    return loaded + _item(plan) * (head - _projection_values(config, plan.layout))


def batch_bytes(config: Config, plan: TrainingPlan) -> int:
    """Bytes of the intermediate values of a batch when most of them exist: in the backward pass of a block."""
    recipe, item = plan.recipe, _item(plan)
    tokens, width = recipe.batch_size * plan.length, hidden_size(config)
    block, depth = tokens * kept_of_token(config, plan), blocks(config)
    kept = block + depth * tokens * width * item if recipe.gradient_checkpointing else depth * block
    gradients = tokens * item * (_GRADIENT_WIDTHS * width + _GRADIENT_INNER * _inner(config))
    # glibc keeps what it has freed between pieces that are still used: as much again, as measured.
    freed = 0 if plan.on_gpu else block + gradients
    scores = recipe.batch_size * plan.pieces * vocabulary(config) * (item + 4 * _SCORES)
    # Of the image: all batches of an optimiser step as they are stored; of one also in float32, and joined.
    image = recipe.batch_size * (1 + patches(config)) * image_width(config)
    stored = recipe.accumulation * (4 if plan.dtype == "float32" else 2)
    return kept + gradients + freed + scores + image * (stored + 4 + item)


def kept_of_token(config: Config, plan: TrainingPlan) -> int:
    """Bytes that autograd keeps of one token in one block of the decoder, but for some tens."""
    item = _item(plan)
    of_width = _KEPT_OF_WIDTH[item] + (_KEPT_OF_DROPOUT[item] if plan.recipe.lora_dropout else 0)
    return of_width * hidden_size(config) + _KEPT_INNER * item * _inner(config)


def _item(plan: TrainingPlan) -> int:
    return ITEM_BYTES[product_type(plan.dtype)]


def _inner(config: Config) -> int:
    return int(config.get("text_config", {}).get("intermediate_size", 11008))


def _projection_values(config: Config, layout: str) -> int:
    features = feature_size(config) * len(LAYOUTS[layout])
    inputs = image_width(config) * patches_per_token(config) + features + image_width(config)
    return hidden_size(config) * (inputs + 2 + len(LAYOUTS[layout]))  # each with a bias


def _matrices(config: Config) -> dict[str, tuple[int, int]]:
    """(rows, columns) of the decoder's matrices by their names."""
    return dict(weight_counts(PART, config, NOT_LOADED).quantizable)
