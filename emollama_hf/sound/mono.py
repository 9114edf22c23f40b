"""Decoded audio of any rate, layout and number type as mono samples of one rate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emollama_hf.errors import ClipError

#: Rates that are resampled, in Hz. Beyond them a header lies: one of 1 Hz would turn a kilobyte into an hour, and one
#: of 2 GHz would take gigabytes for its filter.
_RATES = (1_000, 768_000)

#: Channels that are mixed: those of the largest layout that FFmpeg has weights for (22.2).
_MOST_CHANNELS = 24

#: What libswresample computes in, by the decoder's number type; "fltp" for all others. FFmpeg 5 chooses so by itself.
#: Later versions take floats for 16-bit input, which moves half of the samples by one to three of 32,768 steps.
_COMPUTED_IN = {"u8": "s16p", "s16": "s16p", "dbl": "dblp", "s64": "dblp"}


class MonoResampler:
    """Frames of audio in, blocks of mono samples out; a stream may change its rate and layout on the way.

    Args:
        rate: of the samples that come out, in Hz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: Any = None
        self._takes: tuple[str, str, int] | None = None

    def add(self, frame: Any) -> list[NDArray[np.int16]]:
        """The samples that a decoded frame brings out.

        Args:
            frame: PyAV's `AudioFrame`.

        Returns:
            Blocks of (n,) int16.

        Raises:
            ClipError: limit_exceeded for an impossible rate or number of channels, no_frames for channels that FFmpeg
                cannot mix.
        """
        import av

        takes = frame.format.name, frame.layout.name, frame.sample_rate
        held_back: list[NDArray[np.int16]] = []
        _check_source(frame)
        if takes != self._takes:
            held_back = self.end()
            self._takes = takes
            computed_in = _COMPUTED_IN.get(frame.format.name.removesuffix("p"), "fltp")
            self._resampler = av.AudioResampler("s16", "mono", self._rate, options={"internal_sample_fmt": computed_in})
        try:
            resampled = self._resampler.resample(frame)
        except (av.FFmpegError, ValueError) as error:
            self._resampler = self._takes = None
            raise ClipError(
                "no_frames",
                f"FFmpeg cannot mix its sound ({takes[1]} at {takes[2]:,} Hz) down to one channel ({error}). "
                "Convert the track to mono or stereo.",
            ) from error
        return held_back + [_samples(one) for one in resampled]

    def end(self) -> list[NDArray[np.int16]]:
        """The samples that are still held back, as the filter looks ahead: blocks of (n,) int16."""
        if self._resampler is None:
            return []
        resampled, self._resampler = self._resampler.resample(None), None
        # Where frames pass through unchanged, the end comes back as None.
        return [_samples(frame) for frame in resampled if frame is not None]


def _check_source(frame: Any) -> None:
    least, most = _RATES
    if not least <= frame.sample_rate <= most:
        raise ClipError(
            "limit_exceeded",
            f"sound of {frame.sample_rate:,} samples a second, expected {least:,} to {most:,}. The header of the file "
            "is wrong: export the clip again.",
        )
    channels = frame.layout.nb_channels
    if channels > _MOST_CHANNELS:
        raise ClipError(
            "limit_exceeded",
            f"sound of {channels:,} channels, and at most {_MOST_CHANNELS} can be mixed. Convert the track to mono or "
            "stereo.",
        )


def _samples(frame: Any) -> NDArray[np.int16]:
    samples: NDArray[np.int16] = frame.to_ndarray().reshape(-1)
    return samples
