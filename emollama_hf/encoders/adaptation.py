"""LoRA of a family of weights: the factors that a conversion keeps, and adapters that change a model as it is loaded.

No torch is imported: an adapter is described, and its digest computed, without it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, get_args

from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.conversion import KeptFile
from emollama_hf.errors import ModelError
from emollama_hf.tensors.tensor_names import Shape

if TYPE_CHECKING:
    import torch

    from emollama_hf.encoders.emotion_llama.lora import Lora

#: By a tensor's name in a part's files, what computes its values from those in the files.
Changes: TypeAlias = "Mapping[str, Callable[[torch.Tensor], torch.Tensor]]"
#: "original": an adapter's factors replace those that the conversion merged and kept. "merged": its factors are added
#: to the model as it is.
LoraOn = Literal["original", "merged"]

#: With more, merged weights leave the range of float32.
MOST_ALPHA = 1e6

#: What to do without the factors that a conversion keeps.
NEW_LORA = "train a new LoRA on top: lora='new' / --lora new"


@dataclass(frozen=True)
class KeptLora:
    """LoRA factors that are merged into a part's weights, kept beside them so that training can go on from them.

    Attributes:
        alpha: of the training that they come from.
        factors: of each trained layer, by the name of its weight in the Llama checkpoint:
            "model.layers.0.self_attn.q_proj.weight". `Lora.removed_from` of the layer's merged weight is its base.
    """

    alpha: float
    factors: Mapping[str, Lora]


@dataclass(frozen=True)
class LoraFacts:
    """What an adapter's provenance.json says of its LoRA.

    Attributes:
        r: rank of the factors.
        alpha: their scale is alpha / r.
        targets: last names of the layers that have factors: ("q_proj", "v_proj").
        on: what the factors are added to.
    """

    r: int
    alpha: float
    targets: tuple[str, ...]
    on: LoraOn

    @classmethod
    def of(cls, found: Any, where: str) -> LoraFacts:
        """The facts that a JSON object holds.

        Args:
            found: the object.
            where: its file, for the error.

        Raises:
            ModelError: a fact is missing or cannot be.
        """
        try:
            r, alpha, targets, on = (found[key] for key in ("r", "alpha", "targets", "on"))
        except (KeyError, TypeError) as error:
            raise ModelError(
                f"{where}: says no LoRA facts, expected lora with r, alpha, targets and on. Give an adapter as "
                "finetune writes it."
            ) from error
        faults = []
        if type(r) is not int or r < 1:
            faults.append(f"r={r!r} (a whole number above 0)")
        if type(alpha) not in (int, float) or not 0 < alpha <= MOST_ALPHA:
            faults.append(f"alpha={alpha!r:.40} (a number above 0, at most {MOST_ALPHA:g})")
        listed = list(targets) if isinstance(targets, list | tuple) else []
        if not listed or not all(isinstance(target, str) for target in listed):
            faults.append(f"targets={targets!r} (a list of names of layers)")
        if on not in get_args(LoraOn):
            faults.append(f"on={on!r} ({' or '.join(map(repr, get_args(LoraOn)))})")
        if faults:
            raise ModelError(f"{where}: LoRA facts that cannot be: {', '.join(faults)}. Fetch the adapter again.")
        return cls(r, float(alpha), tuple(listed), on)

    def to_json(self) -> dict[str, Any]:
        """The JSON object that `of` reads."""
        return {**asdict(self), "targets": list(self.targets)}


class Adaptation(ABC):
    """How adapters change a family's weights, and where the LoRA of its conversion is kept."""

    #: File in the part's folder with the factors that are merged into its weights. It decides nothing that is computed.
    lora_file: ClassVar[str] = "lora.safetensors"

    @abstractmethod
    def kept_lora(self, file: Path, config: Config) -> KeptLora:
        """The factors that a conversion kept.

        Args:
            file: `lora_file` of a model directory.
            config: the part's configuration.

        Raises:
            ModelError: the file is damaged, or its tensors do not fit the configuration.
        """

    @abstractmethod
    def check_tensors(self, shapes: Mapping[str, Shape], config: Config, lora: LoraFacts, *, where: str) -> None:
        """Check names and shapes of an adapter's tensors.

        Args:
            shapes: by name.
            config: of the part that the adapter is for.
            lora: what the adapter says of itself.
            where: the adapter's name in errors.

        Raises:
            ModelError: lists all missing, unexpected and misshapen tensors.
        """

    @abstractmethod
    def lora_of(self, tensors: Mapping[str, torch.Tensor], lora: LoraFacts) -> KeptLora:
        """The factors of an adapter's tensors, which were checked."""

    @abstractmethod
    def kept_file(self, tensors: Mapping[str, torch.Tensor], lora: LoraFacts) -> KeptFile:
        """`lora_file` of a model into which an adapter was merged.

        Args:
            tensors: of the adapter.
            lora: what the adapter says of itself.
        """

    @abstractmethod
    def ranks(self, shapes: Mapping[str, Shape]) -> set[int]:
        """Ranks of an adapter's LoRA factors, by names and shapes of its tensors."""

    @abstractmethod
    def changed_names(self, names: Iterable[str]) -> list[str]:
        """Names, in the part's files, of the tensors that an adapter with tensors of these names changes."""

    @abstractmethod
    def changes(self, tensors: Mapping[str, torch.Tensor], lora: LoraFacts, replaced: KeptLora | None) -> Changes:
        """What an adapter makes of a part's tensors, by their names in the part's files.

        Args:
            tensors: of the adapter, checked.
            lora: what the adapter says of itself.
            replaced: factors that are taken out of the stored weights before the adapter's are added; None for an
                adapter on top of the model as it is.
        """
