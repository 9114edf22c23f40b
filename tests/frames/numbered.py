"""Pictures that carry their number as eight bars, and their orientation as coloured corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 128, 96
CORNERS = {"R": (220, 30, 30), "G": (30, 200, 30), "B": (40, 40, 220), "Y": (220, 220, 40)}


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Corners red, green / blue, yellow; from left to right the number's bits, bright for 1."""
    pixels = np.full((height, width, 3), 110, np.uint8)
    h, w = height // 4, width // 4
    pixels[:h, :w], pixels[:h, -w:], pixels[-h:, :w], pixels[-h:, -w:] = (CORNERS[name] for name in "RGBY")
    for bit in range(8):
        left, right = width * bit // 8, width * (bit + 1) // 8
        pixels[int(height * 0.35) : int(height * 0.65), left:right] = 235 if number >> (7 - bit) & 1 else 20
    return pixels


def number_of(pixels: NDArray[np.uint8]) -> int:
    """The number that a picture, decoded and not turned, carries."""
    height, width = pixels.shape[:2]
    line = pixels[int(height * 0.45) : int(height * 0.55) + 1].mean((0, 2))
    bars = [line[int(width * (b + 0.25) / 8) : int(width * (b + 0.75) / 8) + 1].mean() > 110 for b in range(8)]
    return int("".join(str(int(bar)) for bar in bars), 2)


def corners_of(pixels: NDArray[np.uint8]) -> str:
    """Letters of `CORNERS`: top left, top right, bottom left, bottom right."""
    height, width = pixels.shape[:2]

    def nearest(y: int, x: int) -> str:
        return min(CORNERS, key=lambda name: int(np.abs(pixels[y, x].astype(int) - CORNERS[name]).sum()))

    return "".join(
        nearest(y, x) for y in (height // 8, height - 1 - height // 8) for x in (width // 8, width - 1 - width // 8)
    )
