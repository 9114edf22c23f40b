"""What `finetune` returns."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from emollama_hf.probing.result import ProbeResult


@dataclass(frozen=True, eq=False, repr=False)
class Finetuned:
    """A finished training.

    Attributes:
        directory: the folder that was written.
        adapters: the adapter directories, one a fold.
        report: scores of the clips that were held out, as a probe has them; None where nothing was held out, and in
            all but the first of several processes.
    """

    directory: Path
    adapters: tuple[Path, ...]
    report: ProbeResult | None

    def __repr__(self) -> str:
        written = ", ".join(str(path) for path in self.adapters)
        if self.report is None:
            return f"Finetuned({written}; nothing was held out)"
        return f"{self.report!r}\n\nAdapters: {written}"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"
