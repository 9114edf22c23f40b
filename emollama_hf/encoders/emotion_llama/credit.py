"""Whom the stages of this package are credited to: together they reproduce one published extraction."""

from emollama_hf.encoders.credit import Credit

EMOTION_LLAMA = Credit(
    "Emotion-LLaMA",
    licence="Llama 2 (Meta's community licence), Emotion-LLaMA\n(BSD 3-Clause, its checkpoints for research)",
    citation="Cheng et al., *Emotion-LLaMA: Multimodal Emotion Recognition and Reasoning with Instruction\n"
    "Tuning*, NeurIPS 2024.",
    tags=("emotion-llama", "affective-computing"),
)
