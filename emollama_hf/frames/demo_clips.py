"""Two short clips with a real face, for trying the pipeline where there is no video at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT, _FPS, _FRAMES = 320, 240, 24, 72


@cache
def astronaut() -> NDArray[np.uint8]:
    """The portrait that ships with the package (see data/ASTRONAUT_LICENSE.txt): (236, 236, 3) uint8 RGB."""
    from PIL import Image

    data = files("emollama_hf") / "data" / "astronaut.png"
    with Image.open(BytesIO(data.read_bytes())) as image:
        return np.array(image.convert("RGB"))


def write_demo_clips(folder: str | Path) -> list[Path]:
    """Write demo_pan_zoom.mp4 and demo_dark_cut.mp4 into a folder: 3 s, 320x240, 24 frames a second, H.264.

    The first pans and zooms; the second darkens, then cuts to the portrait mirrored and closer.
    Returns their paths. The same pixels go in every time.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "demo_pan_zoom.mp4", folder / "demo_dark_cut.mp4"]
    encode(paths[0], _pan_and_zoom())
    encode(paths[1], _darken_and_cut())
    return paths


def _pan_and_zoom() -> Iterator[NDArray[np.uint8]]:
    for share in np.linspace(0, 1, _FRAMES):
        yield view(astronaut(), x=100 + 25 * np.sin(3 * share), y=80, width=200 - 70 * share)


def _darken_and_cut() -> Iterator[NDArray[np.uint8]]:
    cut = _FRAMES // 2
    for share in np.linspace(0, 1, cut):
        yield (view(astronaut(), x=118, y=88, width=200) * (1 - 0.7 * share)).astype(np.uint8)
    mirrored = astronaut()[:, ::-1]
    for share in np.linspace(0, 1, _FRAMES - cut):
        yield view(mirrored, x=132 + 10 * share, y=66 + 4 * share, width=120)


def view(
    picture: NDArray[np.uint8], x: float, y: float, width: float, size: tuple[int, int] = (_WIDTH, _HEIGHT)
) -> NDArray[np.uint8]:
    """What a camera sees that points at (x, y) of a picture and is `width` pixels of it wide.

    picture: (H, W, 3) uint8.  size: (width, height) of the result; beyond the picture's border it is repeated.
    Returns (height, width, 3) uint8.
    """
    import cv2

    from emollama_hf.frames.opencv import one_thread

    scale = size[0] / width
    matrix = np.array([[scale, 0, size[0] / 2 - scale * x], [0, scale, size[1] / 2 - scale * y]])
    with one_thread():
        seen = cv2.warpAffine(
            np.ascontiguousarray(picture), matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    return np.asarray(seen, np.uint8)


def encode(path: Path, frames: Iterable[NDArray[np.uint8]], *, fps: int = _FPS) -> None:
    """Write frames as H.264 in an mp4 file, with the same bytes every time.

    Args:
        path: of the file.
        frames: each (H, W, 3) uint8 RGB, all of one size, height and width even.
        fps: frames a second.
    """
    import av

    with av.open(str(path), "w") as container:
        # One thread and no macroblock tree: on some processors its code for them gives another clip each time.
        options = {"crf": "20", "preset": "veryfast", "threads": "1", "x264-params": "mbtree=0"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        for number, frame in enumerate(frames):
            if number == 0:
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
