"""Ready instances for `ds.map(name, batched=True)`; the model comes from `configure` or the environment."""

from emollama_hf.stages import EmoLlamaEmbed, FaceMAEEmbed, HubertEmbed, SampleFrames, VideoMAEEmbed

sample_frames = SampleFrames()
facemae_embed = FaceMAEEmbed()
videomae_embed = VideoMAEEmbed()
hubert_embed = HubertEmbed()
emollama_embed = EmoLlamaEmbed()

__all__ = ["emollama_embed", "facemae_embed", "hubert_embed", "sample_frames", "videomae_embed"]
