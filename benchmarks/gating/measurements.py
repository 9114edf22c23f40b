"""What the gate measures: a module of its own for each subject, and a line here."""

from __future__ import annotations

from benchmarks.gating import cached, encoders, extract, frames, write

#: In this order they are opened: `cached` loads a tiny model, which those of `encoders` replace.
MEASUREMENTS = (
    *frames.MEASUREMENTS,
    *cached.MEASUREMENTS,
    *encoders.MEASUREMENTS,
    *extract.MEASUREMENTS,
    *write.MEASUREMENTS,
)
RATIOS = {ratio.name: ratio for measurement in MEASUREMENTS for ratio in measurement.ratios}
