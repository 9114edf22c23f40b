"""Ready instances for `ds.map(name, batched=True)`; the model comes from `configure` or the environment."""

from emollama_hf.stages import EmoLlamaEmbed, EmotionPredict, FaceMAEEmbed, HubertEmbed, SampleFrames, VideoMAEEmbed

sample_frames = SampleFrames()
facemae_embed = FaceMAEEmbed()
videomae_embed = VideoMAEEmbed()
hubert_embed = HubertEmbed()
emollama_embed = EmoLlamaEmbed()
emotion_predict = EmotionPredict()

__all__ = ["emollama_embed", "emotion_predict", "facemae_embed", "hubert_embed", "sample_frames", "videomae_embed"]
