"""The decoder's linear layers in 4 or 8 bits: bitsandbytes' layers, each quantized as its weight arrives.

The image encoder, the norms, the embeddings and the projections stay in the type that is computed in: together they are
a seventh of the parameters, and nobody has measured what their rounding does.
"""

from __future__ import annotations

import importlib.util
import logging
from typing import TYPE_CHECKING, Any, Literal, get_args

from emollama_hf.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch import nn

Quantize = Literal["4bit", "8bit"]
QUANTIZATIONS: tuple[Quantize, ...] = get_args(Quantize)

#: Inputs above this are multiplied in the type that is computed in: LLM.int8() (Dettmers et al., 2022), section 3.2.
_OUTLIERS_FROM = 6.0
#: Values that are quantized at once.
_PIECE = 4_000_000


def check_installed(quantize: str | None) -> None:
    """Raise ModelError if a quantization was asked for and bitsandbytes is not there. Imports nothing."""
    if quantize is not None and importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(
            f"quantize={quantize!r} needs bitsandbytes, which is not installed. "
            "Install it with: pip install 'emollama_hf[quantization]'"
        )


def replace_linear_layers(layers: nn.Module, quantize: Quantize, dtype: torch.dtype) -> None:
    """Put bitsandbytes' layers, on the meta device, in the place of every linear layer below a module.

    They expect weights in float32 whatever they compute in, so that the quantized values are the same in every dtype.
    Source: the settings that transformers' BitsAndBytesConfig has by itself, but NF4 for the 4 bits.
    """
    check_installed(quantize)
    # It says at every call of every layer that float32 and bfloat16 inputs pass through float16 to 8 bits, and at its
    # import, on some CPUs, that a kernel is missing which is not used here.
    for name in ("bitsandbytes.autograd._functions", "bitsandbytes.backends.cpu.ops"):
        logging.getLogger(name).setLevel(logging.ERROR)
    import torch
    from bitsandbytes.nn import Linear4bit, Linear8bitLt
    from torch import nn

    found = [(name, module) for name, module in layers.named_modules() if type(module) is nn.Linear]
    for name, old in found:
        sizes = (old.in_features, old.out_features, old.bias is not None)
        with torch.device("meta"):
            new: Any
            if quantize == "4bit":
                new = Linear4bit(*sizes, compute_dtype=dtype, compress_statistics=False, quant_type="nf4")
                # Its kernel for some CPUs rounds to bfloat16 in any dtype, and takes widths of multiples of 32 only.
                new.support_avx512bf16_for_cpu = False
            else:
                new = Linear8bitLt(*sizes, has_fp16_weights=False, threshold=_OUTLIERS_FROM)
        if new.bias is not None:
            new.bias = nn.Parameter(new.bias.to(dtype), requires_grad=False)
        layers.set_submodule(name, new)


def put(module: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """Give a parameter or buffer of a module on the meta device its values; a quantized layer keeps them quantized."""
    from torch import nn

    owner, _, leaf = name.rpartition(".")
    layer = module.get_submodule(owner)
    if leaf in layer._buffers:
        setattr(layer, leaf, tensor)
    elif type(getattr(layer, leaf)) is nn.Parameter:
        setattr(layer, leaf, nn.Parameter(tensor, requires_grad=False))
    else:
        setattr(layer, leaf, _quantized(tensor, layer))
        settle = getattr(layer, "init_8bit_state", None)
        if settle is not None:
            settle()  # else the first call does, and two threads may make the first call


def _quantized(weight: torch.Tensor, layer: Any) -> nn.Parameter:
    """The weight of one of bitsandbytes' layers, in that layer's own class of parameters.

    What `Params4bit.to` and `Int8Params.to` do, in pieces of rows: the whole of a large matrix takes six times its size
    on a CPU, which then stays lost between the tensors that are kept.
    """
    import torch
    from bitsandbytes import functional
    from bitsandbytes.nn import Int8Params, Params4bit

    empty = layer.weight
    # A multiple of 64 rows has whole blocks of 64 values.
    step = max(64, _PIECE // weight.shape[1] // 64 * 64)
    pieces = [(at, weight[at : at + step]) for at in range(0, len(weight), step)]
    if isinstance(empty, Int8Params):
        values = torch.empty(weight.shape, dtype=torch.int8, device=weight.device)
        scales = torch.empty(len(weight), dtype=torch.float32, device=weight.device)
        for at, piece in pieces:
            values[at : at + step], scales[at : at + step], _ = functional.int8_vectorwise_quant(piece.half())
        return Int8Params(values, requires_grad=False, **{**vars(empty), "CB": values, "SCB": scales})
    settings = {name: vars(empty)[name] for name in ("blocksize", "compress_statistics", "quant_type", "quant_storage")}
    packed = torch.empty(-(weight.numel() // -2), 1, dtype=empty.quant_storage, device=weight.device)
    absmax = torch.empty(-(weight.numel() // -empty.blocksize), dtype=torch.float32, device=weight.device)
    for at, piece in pieces:
        part, state = functional.quantize_4bit(piece, **settings)
        first = at * weight.shape[1]
        packed[first // 2 : first // 2 + len(part)] = part
        absmax[first // empty.blocksize :][: len(state.absmax)] = state.absmax
    layer.quant_state = functional.QuantState(
        absmax=absmax,
        shape=weight.shape,
        code=state.code,
        blocksize=state.blocksize,
        quant_type=state.quant_type,
        dtype=weight.dtype,
    )
    done = {**vars(empty), "quant_state": layer.quant_state, "bnb_quantized": True}
    return Params4bit(packed, requires_grad=False, **done)
