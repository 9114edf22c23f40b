"""From the original's checkpoints to a model directory: one file a source, each strict in the source's own terms.

convert.py           the whole way
fetch.py             where a source lies
pickle_file.py, llama_directory.py, sources.py    its tensors, and what it is
hyperparameters.py   sizes
lora_scale.py         LoRA's alpha and rank, which several places may say
facemae.py, videomae.py, eva.py, emotion_llama.py, lora.py, llama.py    names, shapes and values of each
parts.py             what becomes of them
"""
