"""Emotion-LLaMA: hidden states of a language model that sees the clip."""
