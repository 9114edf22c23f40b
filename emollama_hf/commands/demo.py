"""`emollama-hf demo`: the whole chain on two clips that are made on the spot."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from emollama_hf.commands.extract import is_random, run_extract
from emollama_hf.feature_set.destination import is_feature_set
from emollama_hf.frames.demo_clips import write_demo_clips


def run_demo(out: Path, model: str) -> int:
    """Write two clips, extract their features into `out` and print a summary; returns the number of failed clips.

    The features of an earlier demo are replaced, those of a real model never.
    """
    if is_feature_set(out) and not is_random(out):
        raise FileExistsError(f"{out} holds features of a real model, which a demo does not replace. Choose another.")
    with TemporaryDirectory(prefix="emollama-demo-") as folder:
        write_demo_clips(Path(folder))
        return run_extract(folder, out, model=model, overwrite=is_feature_set(out), log_shards=False)
