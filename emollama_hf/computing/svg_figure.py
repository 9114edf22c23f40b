"""Figures as SVG whose bytes follow from what is drawn: no date, no random names, no style of the machine.

Drawn without pyplot, which keeps figures and chooses a window system.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from emollama_hf.computing.extra_library import extra_library
from emollama_hf.console.terminal import for_terminal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Letters of a name that a figure shows.
LONGEST_NAME = 24
#: Texts stay texts, in the viewer's fonts: a label may be in any script. `$` in a label is no formula.
_STYLE = {
    "svg.hashsalt": "emollama_hf",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@contextmanager
def svg_figure(width: float, height: float) -> Iterator[tuple[Figure, io.BytesIO]]:
    """A figure to draw on, and the bytes of its SVG once the block has ended.

    Args:
        width, height: in inches.

    Yields:
        The figure, and a buffer that is empty until the block ends.

    Raises:
        MissingLibraryError: matplotlib is not installed.

    Example:
        >>> with svg_figure(4, 3) as (figure, svg):
        ...     axes = figure.subplots()
        >>> svg.getvalue()[:5]
        b'<?xml'
    """
    figures = extra_library("matplotlib.figure", extra="probe", purpose="a figure")
    style = extra_library("matplotlib.style", extra="probe", purpose="a figure")
    buffer = io.BytesIO()
    with style.context(["default", _STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # the viewer of the SVG may have it
        figure = figures.Figure(figsize=(width, height), layout="constrained")
        yield figure, buffer
        # "tight": the layout leaves too little for the names beside axes of equal sides, which would be cut off.
        figure.savefig(
            buffer, format="svg", bbox_inches="tight", pad_inches=0.08, metadata={"Date": None, "Creator": None}
        )


def shown_name(name: str) -> str:
    """A name from data as a figure shows it: printable, without secrets, of at most `LONGEST_NAME` letters."""
    text = for_terminal(name)
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"
