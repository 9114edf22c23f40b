"""A picture as a column holds it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from emollama_hf.errors import ClipError
from emollama_hf.frames.pictures.single_picture import open_image
from emollama_hf.frames.settings import DEFAULT_LIMITS


def picture_from_row(column: str, value: Any) -> np.ndarray:
    """The picture of a row.

    Args:
        column: name of its column, for errors.
        value: PIL image, (H, W, 3) array of whole numbers 0..255, or the dict of an undecoded `Image`.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ClipError: bad_frames for a null, an image file that cannot be read, another shape, dtype or range.
    """
    import PIL.Image

    expected = "expected a PIL image, an (H, W, 3) uint8 array or an undecoded Image. Make it with sample_frames."
    if value is None:
        raise ClipError("bad_frames", f"column {column!r} is null in this row; {expected}")
    if isinstance(value, Mapping):
        try:
            with ExitStack() as stack:
                image = stack.enter_context(open_image(value, f"column {column!r}", DEFAULT_LIMITS, stack))
                return np.asarray(image.convert("RGB"))
        except ClipError:
            raise
        except (OSError, SyntaxError, TypeError, ValueError, AttributeError, PIL.Image.DecompressionBombError) as error:
            raise ClipError(
                "bad_frames", f"column {column!r} cannot be read as a picture ({error}); {expected}"
            ) from error
    if isinstance(value, PIL.Image.Image):
        return np.asarray(value.convert("RGB"))
    array = np.asarray(value)
    if array.dtype.kind in "iu" and array.size and 0 <= array.min() <= array.max() <= 255:
        array = array.astype(np.uint8)  # nested lists of a plain map come as int64
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] != 3 or 0 in array.shape:
        raise ClipError("bad_frames", f"column {column!r} holds {array.dtype} of shape {array.shape}; {expected}")
    return array
