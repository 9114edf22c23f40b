"""Any encoder of timm or transformers by its name, a directory or a checkpoint file.

open_pretrained.py    what a name means
model_folder.py       the files, here or in a Hub repository at a commit
model_types.py        which part of the chain a model of transformers is
weight_state.py       tensors of the files, wrappers and prefixes recognised
timm_model.py, transformers_model.py    the library's model with all of these weights, strictly
pretrained_source.py  what a stage asks
"""

from emollama_hf.pretrained.open_pretrained import open_pretrained
from emollama_hf.pretrained.pretrained_source import PretrainedSource

__all__ = ["PretrainedSource", "open_pretrained"]
