"""From published checkpoints to a model directory; what is a family's own lies in its folder of `encoders`.

convert.py           the whole way
fetch.py             where a source lies
pickle_file.py, weight_directory.py, sources.py    its tensors, and what it is
hyperparameters.py   sizes
parts.py             what becomes of them
"""
