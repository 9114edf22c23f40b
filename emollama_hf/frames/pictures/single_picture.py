"""One given picture, in any form that people hold them in, as RGB."""

from __future__ import annotations

import io
import os
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emollama_hf.errors import ClipError
from emollama_hf.frames.limits import check_bytes, check_pixels
from emollama_hf.frames.pictures.pixel_range import PixelValues
from emollama_hf.frames.settings import DecodeLimits
from emollama_hf.frames.source import local_file

#: Formats that Pillow reads, by its names: pictures whose header says how large they become. Others run programs (EPS),
#: hold pictures of other sizes (ICO, ICNS), or are no pictures of cameras.
FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "SGI", "SUN", "TGA", "TIFF", "WEBP")

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def is_array(picture: object) -> bool:
    """Whether a picture is numbers already (a numpy array or a CPU tensor) and no image file or object."""
    return hasattr(picture, "dtype") and hasattr(picture, "shape")


def load_picture(picture: Any, where: str, values: PixelValues, bgr: bool, limits: DecodeLimits) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of one picture, of which the header is read before the pixels.

    picture: an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); a PIL image; a path or URL; a dict with "path" and
    "bytes".  where: its name in errors.  bgr: arrays have their channels in that order.
    Raises ClipError: bad_frames, missing_file, limit_exceeded.
    """
    if is_array(picture):
        return array_to_rgb(np.asarray(picture), where, values, bgr, limits)
    return _image_to_rgb(picture, where, limits)


def array_to_rgb(
    pixels: NDArray[Any], where: str, values: PixelValues, bgr: bool, limits: DecodeLimits
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of an array whose values were checked before; see `load_picture`."""
    check_array_shape(pixels, where)
    check_pixels(pixels.shape[1], pixels.shape[0], limits)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    rgb = values.convert(pixels[..., :3])
    if rgb.shape[2] == 1:
        rgb = np.repeat(rgb, 3, axis=2)
    return np.ascontiguousarray(rgb[..., ::-1] if bgr else rgb)


def check_array_shape(pixels: NDArray[Any], where: str) -> None:
    """ClipError("bad_frames") unless grey, RGB or RGBA, channels last, and not empty."""
    good = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (1, 3, 4))
    if not good or 0 in pixels.shape:
        hint = ""
        if pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4):
            hint = " The channels seem to come first: transpose it to (H, W, 3)."
        raise ClipError("bad_frames", f"{where}: shape {pixels.shape}; expected (H, W, 3).{hint}")


def _image_to_rgb(picture: Any, where: str, limits: DecodeLimits) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    try:
        with ExitStack() as stack:
            image = stack.enter_context(open_image(picture, where, limits, stack))
            shown = ImageOps.exif_transpose(image)
            if shown.mode.startswith("I"):
                # Pillow cuts 16-bit grey off at 255 instead of scaling it.
                grey = np.asarray(shown, np.float64) / 257
                return np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
            return np.array(shown.convert("RGB"))
    except ClipError as error:
        raise error if str(error).startswith(where) else ClipError(error.kind, f"{where}: {error}") from error
    except PermissionError as error:
        raise ClipError("missing_file", f"{where}: may not be read. Check its permissions.") from error
    except Image.DecompressionBombError as error:
        raise ClipError(
            "limit_exceeded",
            f"{where}: more pixels than Pillow opens ({error}). Scale the picture down.",
        ) from error
    except (ArithmeticError, EOFError, LookupError, MemoryError, OSError, SyntaxError, TypeError, ValueError) as error:
        raise ClipError(
            "bad_frames", f"{where}: cannot be read as an image ({error}). Replace it, or remove the row."
        ) from error


def open_image(picture: Any, where: str, limits: DecodeLimits, stack: ExitStack) -> Any:
    """A PIL image of at most limits.max_pixels, of which the header is read and no pixel.

    stack: closes what the picture is read from.
    """
    from PIL import Image

    if isinstance(picture, Image.Image):
        check_pixels(picture.width, picture.height, limits)
        return picture.copy()  # the caller's picture must not be closed
    image = _open_file(picture, where, limits, stack)
    check_pixels(image.width, image.height, limits)
    return image


def _open_file(picture: Any, where: str, limits: DecodeLimits, stack: ExitStack) -> Any:
    from PIL import Image

    if isinstance(picture, dict) and {"path", "bytes"} & picture.keys():
        data = picture.get("bytes")
        picture = picture.get("path") if data is None else data
    if isinstance(picture, bytes | bytearray):
        check_bytes(len(picture), limits)
        return Image.open(io.BytesIO(picture), formats=FORMATS)
    if isinstance(picture, str | os.PathLike):
        return Image.open(stack.enter_context(local_file(picture, limits)), formats=FORMATS)
    raise ClipError(
        "bad_frames",
        f"{where}: {type(picture).__name__}; expected an image, a path, a dict with 'path' and 'bytes', or an array.",
    )
