"""A model with an adapter: the base's weights, changed as they are loaded. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from emollama_hf.checkpoints.adapter import Adapter
from emollama_hf.checkpoints.adapter_facts import ADAPTER_WEIGHTS
from emollama_hf.checkpoints.model_provenance import file_facts
from emollama_hf.checkpoints.source import ModelSource
from emollama_hf.computing.number_types import DtypeName
from emollama_hf.encoders.adaptation import Adaptation, Changes, KeptLora
from emollama_hf.encoders.config_checks import Config
from emollama_hf.encoders.prompt_tokenizer import PromptTokenizer
from emollama_hf.files.digest import combined
from emollama_hf.tensors.quantized import Quantize

if TYPE_CHECKING:
    import torch


class AdaptedSource(ModelSource):
    """A model as it was trained further. `open_model(adapter=)` makes it.

    LoRA is merged in float32, and projections are replaced, before any cast or quantization. That the adapter was
    trained for this model is checked part by part, when a part's digest or weights are first asked for.

    Args:
        base: the model that the adapter was trained for.
        adapter: what was trained.
    """

    def __init__(self, base: ModelSource, adapter: Adapter) -> None:
        super().__init__(base.name)
        self.base, self.adapter = base, adapter
        self.is_random = base.is_random
        self._checked: set[str] = set()

    @property
    def commit(self) -> str | None:
        return self.base.commit

    def config(self, part: str) -> Config:
        return self.base.config(part)

    def stored_tensors(self, part: str) -> dict[str, tuple[str, int]]:
        """Those of the base that the adapter leaves as they are; the others have memory of their own."""
        changed = self.adapter.adaptation.changed_names(self.adapter.shapes) if part == self.adapter.part else []
        return {name: entry for name, entry in self.base.stored_tensors(part).items() if name not in changed}

    def origin(self) -> dict[str, Any]:
        found = self.base.origin()
        file = file_facts(self.adapter.directory / ADAPTER_WEIGHTS, self.adapter.sha256)
        if "checkpoints" in found:
            found["checkpoints"] = [*found["checkpoints"], {"source": "adapter", **file}]
        return {**found, "adapter": {"digest": self.adapter.digest, **file}}

    def changes(self, part: str) -> Changes:
        """What the adapter makes of a part's tensors, by their names in the part's files; of another part, nothing.

        Raises:
            ModelError: the adapter's tensors do not fit the model, or it needs LoRA factors that the model lacks.
        """
        if part != self.adapter.part:
            return {}
        adapter = self.adapter
        self._check(part)
        adapter.adaptation.check_tensors(
            adapter.shapes, self.config(part), adapter.lora, where=f"adapter {adapter.name}"
        )
        replaced = self.base.load_lora(part) if adapter.on == "original" else None
        return adapter.adaptation.changes(adapter.tensors(), adapter.lora, replaced)

    def _check(self, part: str) -> None:
        if part in self.adapter.base_parts and part not in self._checked:
            self.adapter.check_base(self.base, (part,))
            self._checked.add(part)

    def _weights_digest(self, part: str) -> str:
        self._check(part)
        own = self.base.digest(part)
        return combined(own, self.adapter.digest) if part == self.adapter.part else own

    def _own_tokenizer(self, part: str) -> PromptTokenizer:
        return self.base.tokenizer(part)

    def _load(
        self,
        part: str,
        dtype: DtypeName,
        device: str,
        quantize: Quantize | None = None,
        changes: Changes | None = None,
        without: Sequence[str] = (),
    ) -> Any:
        self._check(part)
        absent = tuple(f"{module}." for module in without)
        own = {name: change for name, change in self.changes(part).items() if not name.startswith(absent)}
        for name, change in (changes or {}).items():
            own[name] = _one_after_the_other(own[name], change) if name in own else change
        return self.base.load(part, dtype=dtype, device=device, quantize=quantize, changes=own, without=without)

    def _load_kept(self, part: str, dtype: DtypeName, device: str) -> dict[str, Any]:
        return self.base.load_kept(part, dtype=dtype, device=device)

    def _load_lora(self, part: str, adaptation: Adaptation) -> KeptLora:
        """The adapter's own factors, which are the last that were merged."""
        self._check(part)
        return adaptation.lora_of(self.adapter.tensors(), self.adapter.lora)


def _one_after_the_other(
    first: Callable[[torch.Tensor], torch.Tensor], second: Callable[[torch.Tensor], torch.Tensor]
) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda stored: second(first(stored))
