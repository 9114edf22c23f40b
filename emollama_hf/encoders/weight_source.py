"""What `convert` reads for a family of weights: an option, what its file or directory must hold, how sentences call it.

No torch: these descriptions are read by the command line, by errors and by the readers of model directories.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from emollama_hf.encoders.config_checks import Config

Shapes = Mapping[str, tuple[int, ...]]
#: Whether a state dict of these names and shapes is of a kind.
Marks = Callable[[Shapes], bool]

#: How errors call tensors under the names of a model directory.
CONVERTED = "weights that were converted already, or saved by transformers"


@dataclass(frozen=True)
class WeightSource:
    """A checkpoint file, as `torch.save` writes it.

    Attributes:
        option: the argument of `convert`, such as "emotion_llama".
        called: in sentences, "the Emotion-LLaMA checkpoint".
        wanted: what it must hold, as a sentence goes on after "wants".
        help: of the command line.
        marks: whether tensors are this source's.
        relatives: files that are easily taken for it: what each is, as a sentence goes on after "this looks like", and
            how its tensors are known.
        unused: regular expressions of tensors that it may hold and the part of that configuration does not use.
        notice: what whoever gets the converted directory must know; empty for none.
    """

    option: str
    called: str
    wanted: str
    help: str
    marks: Marks
    relatives: tuple[tuple[str, Marks], ...] = ()
    unused: Callable[[Config], tuple[str, ...]] = lambda config: ()
    notice: str = ""

    @property
    def flag(self) -> str:
        """The command line's name: "emotion_llama" to "--emotion-llama"."""
        return option_flag(self.option)


@dataclass(frozen=True)
class WeightDirectory(WeightSource):
    """A directory as transformers writes it: config.json, weights in either of its formats, and other files.

    Attributes:
        example: the published directory, as errors call it.
        contents: what it holds, in brackets behind its name.
        model_types: of its config.json, one of these.
        files: that are read beside config.json and weights.
        required: of these, the files without which it is refused, and what errors say about each.
        settings: of `files`, JSON objects that `OpenedSource.extra` has under their names, beside config.json's keys.
        check: raises ModelError for files that are damaged, which is said before anything is computed.
        foreign: files by which another format of the same weights is known, and how errors call that format.
        brings_files: whether the files that stand beside a part's weights are copied from here.
    """

    example: str = ""
    contents: str = ""
    model_types: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    required: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    check: Callable[[Path], None] = lambda path: None
    foreign: tuple[tuple[str, tuple[str, ...]], ...] = ()
    brings_files: bool = False


class OpenedSource(Protocol):
    """A source whose files are on this machine and whose tensors are mapped."""

    @property
    def label(self) -> str:
        """How errors call it: "--eva eva_vit_g.pth"."""
        ...

    @property
    def state(self) -> Mapping[str, Any]:
        """Its tensors by their names."""
        ...

    @property
    def extra(self) -> Mapping[str, Any]:
        """The training's configuration in a checkpoint file, or config.json and `settings` of a directory."""
        ...


def option_flag(option: str) -> str:
    """The command line's name of an option: "emotion_llama" to "--emotion-llama"."""
    return "--" + option.replace("_", "-")
