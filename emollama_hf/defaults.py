"""What a transform uses when it was not told: set once by `configure`, or by environment variables."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from emollama_hf.computing.number_types import DTYPES

MODEL_VARIABLE = "EMOLLAMA_MODEL"

NO_MODEL = (
    f"no model was named. Pass model=, call emollama_hf.configure(model=...), or set {MODEL_VARIABLE}: a directory "
    "or Hub id with converted checkpoints. To try the pipeline without checkpoints use model='random-tiny' "
    "(random weights: the features mean nothing)."
)


@dataclass(frozen=True)
class Defaults:
    model: str | None = None
    revision: str | None = None
    adapter: str | None = None
    device: str = "auto"
    dtype: str = "auto"


_defaults = Defaults()


def configure(
    *,
    model: str | os.PathLike[str] | None = None,
    revision: str | None = None,
    adapter: str | os.PathLike[str] | None = None,
    device: str | None = None,
    dtype: str | None = None,
) -> None:
    """Set what transforms use that were not told otherwise; None leaves a setting as it is.

    model: a model directory, a Hub id, "random-tiny" or "random-full"; revision: of a Hub id.
    adapter: directory or Hub id of what `finetune` has trained for that model; the decoder's stages use it.
    device: "auto" or a torch device such as "cuda:1"; dtype: "auto", "float32", "float16-mixed", "float16" or
    "bfloat16".

    Raises ValueError for an unknown dtype; a device is looked for when it is needed.

        >>> import emollama_hf
        >>> emollama_hf.configure(model="random-tiny")
        >>> ds = ds.map(emollama_hf.emollama_embed, batched=True)
    """
    global _defaults
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r} is unknown. Valid: {', '.join(map(repr, DTYPES))}")
    if model is not None:  # revision and adapter belong to the model that they were given with
        _defaults = replace(_defaults, model=os.fspath(model), revision=None, adapter=None)
    path = None if adapter is None else os.fspath(adapter)
    given = {"revision": revision, "adapter": path, "device": device, "dtype": dtype}
    _defaults = replace(_defaults, **{key: value for key, value in given.items() if value is not None})


def defaults() -> Defaults:
    """The settings now: `configure` first, then the environment."""
    if _defaults.model is None and os.environ.get(MODEL_VARIABLE):
        return replace(_defaults, model=os.environ[MODEL_VARIABLE])
    return _defaults
