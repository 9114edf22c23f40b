"""The types that features are computed in, by name, and what each means for a part of a model. No torch.

    name             both face encoders    EVA: products   its residual stream, norms, tables   decoder
    float32          float32               float32         float32                              float32
    float16-mixed    float32               float16         float32                              float16
    float16          float16               float16         float16                              float16
    bfloat16         bfloat16              bfloat16        bfloat16                             bfloat16

Source of float16-mixed: the original's classes on a GPU, which compute under torch.autocast behind the face encoders.
Norms are computed in float32 in every type, and the decoder's rotary frequencies are.
"""

from __future__ import annotations

from typing import Literal, get_args

DtypeName = Literal["float32", "float16-mixed", "float16", "bfloat16"]
PlainType = Literal["float32", "float16", "bfloat16"]

#: What the original mixes on a GPU; "auto" on CUDA.
MIXED: DtypeName = "float16-mixed"
#: What `dtype=` may be.
DTYPES = ("auto", *get_args(DtypeName))


def product_type(dtype: DtypeName) -> PlainType:
    """The type of the factors of matrix products, and of nearly all weights."""
    return "float16" if dtype == "float16-mixed" else dtype


def stream_type(dtype: DtypeName) -> PlainType:
    """The type of EVA's residual stream, of its norms and of its class token and position tables."""
    return "float32" if dtype == "float16-mixed" else dtype
