"""The histogram of face coverage that a card shows."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

SCALE = 2  # drawn for screens of two pixels a point
WIDTH, HEIGHT = 480, 200
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 30, 44
BAR, AXIS, TEXT = (66, 103, 178), (120, 120, 120), (40, 40, 40)


def coverage_picture(coverage: Sequence[int]) -> bytes:
    """A PNG of clips by the share of their sampled frames in which a face was found.

    coverage: clips in equal steps from 0 to 1. The same numbers give the same bytes with one version of Pillow.
    """
    picture = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), "white")
    draw = ImageDraw.Draw(picture)
    left, right = LEFT * SCALE, (WIDTH - RIGHT) * SCALE
    top, bottom = TOP * SCALE, (HEIGHT - BOTTOM) * SCALE
    small, large = ImageFont.load_default(11 * SCALE), ImageFont.load_default(12 * SCALE)
    most = max(max(coverage), 1)
    step = (right - left) / len(coverage)
    for bar, clips in enumerate(coverage):
        x, height = left + bar * step, (bottom - top) * clips / most
        if clips:
            height = max(height, SCALE)  # a single clip among thousands is still seen
            draw.rectangle((x + SCALE, bottom - height, x + step - SCALE, bottom), fill=BAR)
            draw.text((x + step / 2, bottom - height - 2 * SCALE), f"{clips:,}", TEXT, small, anchor="ms")
    draw.line((left, bottom, right, bottom), fill=AXIS, width=SCALE)
    for tick in range(0, 101, 20):
        x = left + (right - left) * tick / 100
        draw.line((x, bottom, x, bottom + 4 * SCALE), fill=AXIS, width=SCALE)
        draw.text((x, bottom + 6 * SCALE), f"{tick}%", TEXT, small, anchor="mt")
    label = "share of a clip's sampled frames in which a face was found"
    draw.text(((left + right) / 2, (HEIGHT - 6) * SCALE), label, TEXT, large, anchor="ms")
    draw.text((8 * SCALE, 8 * SCALE), "clips", TEXT, large, anchor="lt")
    with io.BytesIO() as file:
        picture.save(file, "PNG", optimize=True)
        return file.getvalue()
