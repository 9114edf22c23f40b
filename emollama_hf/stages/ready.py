"""Ready instances for `ds.map(name, batched=True)`; the model comes from `configure` or the environment."""

from emollama_hf.stages import EmoLlamaEmbed, FaceMAEEmbed, SampleFrames, VideoMAEEmbed

sample_frames = SampleFrames()
facemae_embed = FaceMAEEmbed()
videomae_embed = VideoMAEEmbed()
emollama_embed = EmoLlamaEmbed()

__all__ = ["emollama_embed", "facemae_embed", "sample_frames", "videomae_embed"]
