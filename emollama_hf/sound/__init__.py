"""The sound of a clip: its audio track as a waveform of 16 kHz. Knows nothing of `datasets` and of torch."""

from emollama_hf.sound.waveform import SAMPLE_RATE, Sound, read_sound, silence

__all__ = ["SAMPLE_RATE", "Sound", "read_sound", "silence"]
