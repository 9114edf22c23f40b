"""What stages of named encoders make of golden's frames and a voice: `python -m tests.named_encoders.recorded_outputs`.

A file for each family and version, beside those of the other stages (`tests.stages.recorded_outputs`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from emollama_hf import AudioEmbed, FaceEmbed, VideoEmbed
from emollama_hf.stages.named_encoder import NamedEncoder
from tests.encoders import golden
from tests.sound.recordings import bare_wav, voice
from tests.stages.record_outputs import ChangedError, record
from tests.stages.recorded_outputs import CPU, Arrays

COLUMN = "recorded"


def faces() -> Arrays:
    batch = {"facemae_frames": [golden.frames(clip) for clip in golden.CLIPS]}
    return _levels(lambda level: FaceEmbed("random-tiny", column=COLUMN, level=level, **CPU)(batch))


def films() -> Arrays:
    indices = [golden.outputs(f"{clip}/vision")["videomae_indices"] for clip in golden.CLIPS]
    clips = [golden.frames(clip)[chosen] for clip, chosen in zip(golden.CLIPS, indices, strict=True)]
    return _levels(
        lambda level: VideoEmbed("random-tiny", column=COLUMN, level=level, **CPU)({"videomae_frames": clips})
    )


def sounds() -> Arrays:
    with TemporaryDirectory() as folder:
        samples = (voice(16_000, 0.4)[0] * 32_767).astype(np.int16)[:, None]
        heard = {"video": [bare_wav(Path(folder) / "voice.wav", samples, 16_000).read_bytes()]}
    found = _levels(lambda level: AudioEmbed("random-tiny", column=COLUMN, level=level, **CPU)(heard))
    layers = AudioEmbed("random-tiny", column=COLUMN, layers=(0, 1), **CPU)(heard)
    return {**found, "layers": np.asarray(layers[COLUMN])}


def _levels(computed: Callable[[str], Any]) -> Arrays:
    found = {level: computed(level)[COLUMN] for level in ("clip", "frame")}
    return {f"{level} {row}": np.asarray(one) for level, rows in found.items() for row, one in enumerate(rows)}


OUTPUTS: dict[type[NamedEncoder], Callable[[], Arrays]] = {FaceEmbed: faces, VideoEmbed: films, AudioEmbed: sounds}


def stage_of(family: type[NamedEncoder]) -> type[NamedEncoder]:
    """The class whose name and version the record has."""
    return type(family("random-tiny", column=COLUMN))


def main() -> None:
    """Record every family; ends with 1 if one of them needs another version."""
    refused = []
    for family, outputs in OUTPUTS.items():
        try:
            print(record(stage_of(family), outputs()))
        except ChangedError as error:
            refused.append(str(error))
    sys.exit("\n".join(refused) or 0)


if __name__ == "__main__":
    main()
