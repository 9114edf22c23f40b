"""Rotary tables of the original's training, which are rounded to float16 there whatever is computed in.

Source: Emotion-LLaMA, whose decoder is loaded in float16 with its tables of cosines and sines, and trained from these.
Exact tables move gradients by 1 % of their spread (tests/training/test_golden_step.py).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class RoundedWhileTraining(nn.Module):
    """A decoder's rotary embedding with tables that are rounded to float16 in training mode, and exact else."""

    def __init__(self, exact: nn.Module) -> None:
        super().__init__()
        self.exact = exact

    def forward(self, x: torch.Tensor, position_ids: torch.Tensor, **options: Any) -> tuple[torch.Tensor, torch.Tensor]:
        cosines, sines = self.exact(x, position_ids, **options)
        if not self.training:
            return cosines, sines
        return cosines.half().to(cosines.dtype), sines.half().to(sines.dtype)
