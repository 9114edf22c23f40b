"""Any encoder of speech of transformers: wav2vec 2.0 and its relatives over the waveform, Whisper over log-mel."""
