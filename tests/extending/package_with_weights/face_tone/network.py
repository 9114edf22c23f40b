"""The network, which is imported when somebody computes with it."""

from __future__ import annotations

from typing import Any

import torch


class Tone(torch.nn.Module):
    """Mean colours (B, 3) to vectors (B, width)."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.config = dict(config)
        self.projection = torch.nn.Linear(3, config["width"])

    def blocks(self) -> list[torch.nn.Module]:
        return [self.projection]

    def forward(self, colours: torch.Tensor) -> torch.Tensor:
        return self.projection(colours)
