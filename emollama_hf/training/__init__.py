"""Training of Emotion-LLaMA on labelled clips: rows, frozen work done once, two recipes, an adapter, scores."""
