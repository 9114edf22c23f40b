"""Any encoder of video of transformers: VideoMAE, V-JEPA 2, TimeSformer, ViViT."""
