"""Milliseconds of one core around the networks, before and after: rounding and checking results, finding equal frames.

Before is what the stages did until 2026-11: numpy rounds and checks each clip's hidden states, and bytes of frames are
copied to be hashed, copied to one array, and copied to pinned memory. The memory of the last copy exists already on
both sides, as torch keeps pinned memory. Processor time of one thread, medians, in one run.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch

from emollama_hf.computing.stored_values import stored_values
from emollama_hf.encoders.facemae.distinct_frames import distinct_frames

CLIPS, FRAMES, SIDE = 16, 16, 224
STATES = (309, 4096)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    clips = [rng.integers(0, 256, (FRAMES, SIDE, SIDE, 3), np.uint8) for _ in range(CLIPS)]
    pinned = np.empty((CLIPS * FRAMES, SIDE, SIDE, 3), np.uint8)
    states = torch.randn(CLIPS // 4, *STATES)

    def hashed() -> None:
        distinct: dict[bytes, int] = {}
        for clip in clips:
            for frame in clip:
                distinct.setdefault(frame.tobytes(), len(distinct))
        pinned[:] = np.frombuffer(bytearray().join(distinct), np.uint8).reshape(pinned.shape)

    def summed() -> None:
        frames, _ = distinct_frames(clips)
        np.stack(frames, out=pinned)

    def rounded_by_numpy() -> list[bool]:
        return [bool(np.isfinite(state.astype(np.float16)).all()) for state in states.numpy()]

    def rounded_by_torch() -> list[bool]:
        return [one.is_finite for one in stored_values([states], "float16")]

    for what, before, after, count in (
        ("equal frames, and one array of the others", hashed, summed, CLIPS),
        ("float32 to float16, and whether all is finite, on the CPU", rounded_by_numpy, rounded_by_torch, len(states)),
    ):
        old, new = _milliseconds(before, rounds) / count, _milliseconds(after, rounds) / count
        line = {"what": what, "before_ms_a_clip": old, "after_ms_a_clip": new, "after_to_before": new / old}
        print(json.dumps({name: round(one, 3) if isinstance(one, float) else one for name, one in line.items()}))


def _milliseconds(run: Callable[[], object], rounds: int) -> float:
    run()
    times = []
    for _ in range(rounds):
        started = time.thread_time()
        run()
        times.append(time.thread_time() - started)
    return sorted(times)[len(times) // 2] * 1e3


if __name__ == "__main__":
    main()
