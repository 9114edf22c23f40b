"""HuBERT: one vector for the sound of a clip."""
