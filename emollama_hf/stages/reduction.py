"""Less than a column holds, where that is all that a stage reads of it: prepared where the value was computed.

A peak frame of 1080p is 6 MB, and the decoder sees 448 pixels of each side. Resized in the process that decoded it, it
is a tenth of that on its way, and the process with the network need not do it. A stage says so by `Stage.reductions`:

    `prepare` of a row with the reduced value gives what `prepare` of the row with the whole value gives
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emollama_hf.encoders.pixels import Resample, resize_uint8
from emollama_hf.stages.picture_value import picture_from_row

if TYPE_CHECKING:
    from emollama_hf.stages.stage import Stage

#: From a value of a column to what a stage reads of it. Equal ones give equal results; it pickles, needs no model, and
#: raises ClipError for a value that it cannot reduce.
Reduction = Callable[[Any], Any]

#: By name of a stage the columns that it reads of other stages, and how each may be reduced; None for whole values.
Reading = Mapping[str, Mapping[str, Reduction | None]]


@dataclass(frozen=True)
class ResizedPicture:
    """A picture at the size of a network's input. A picture of that size stays as it is.

    Attributes:
        side: pixels of each side.
        resample: as for `resize_uint8`.

    Example:
        >>> ResizedPicture(448, "bicubic")(np.zeros((480, 640, 3), np.uint8)).shape
        (448, 448, 3)
    """

    side: int
    resample: Resample

    def __call__(self, value: Any) -> np.ndarray:
        return resize_uint8(picture_from_row("picture", value), (self.side, self.side), self.resample)


def reading_of(stages: Iterable[Stage], computed: Iterable[str]) -> Reading:
    """What stages read of the columns `computed` by earlier ones; it pickles without them."""
    columns = list(computed)
    return {stage.name: {column: stage.reductions().get(column) for column in stage.given(columns)} for stage in stages}
