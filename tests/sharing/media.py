"""Real pictures and recordings of every kind that a lab may have, as bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from emollama_hf.frames.demo_clips import astronaut

#: container, its codec
VIDEOS = {
    "mp4": "h264", "mov": "h264", "mkv": "h264", "webm": "libvpx-vp9", "avi": "mpeg4", "flv": "flv1",
    "ts": "mpeg2video", "mpg": "mpeg2video", "wmv": "wmv2",
}  # fmt: skip
PICTURES = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF")


def pictures() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of the portrait in each format."""
    portrait = Image.fromarray(np.ascontiguousarray(astronaut()[:96, :128]))
    for kind in PICTURES:
        with suppress(KeyError):  # AVIF is an option of Pillow
            file = io.BytesIO()
            portrait.save(file, kind)
            yield kind, file.getvalue()
    for kind, options in {"JPEG progressive": {"progressive": True}, "JPEG grey": {}}.items():
        file = io.BytesIO()
        (portrait.convert("L") if "grey" in kind else portrait).save(file, "JPEG", **options)
        yield kind, file.getvalue()
    written = cv2.imencode(".jpg", np.asarray(portrait))[1].tobytes()
    yield "JPEG of OpenCV", written
    yield "JPEG without a name", written[:2] + written[2 + 2 + int.from_bytes(written[4:6]) :]
    file = io.BytesIO()
    np.save(file, np.zeros((4, 96, 128, 3), np.uint8))
    yield "numpy", file.getvalue()


def recordings(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of a short film in each container."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(astronaut()[:96, :128]), format="rgb24")
    for ending, codec in VIDEOS.items():
        path = folder / f"film.{ending}"
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
            for number in range(50):
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        yield ending, path.read_bytes()
