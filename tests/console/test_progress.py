"""The bar and the log lines count what is safe on the disk, and say what a killed run would lose."""

from __future__ import annotations

import io
import logging
import sys
from collections import Counter

import pytest
from datasets import disable_progress_bars, enable_progress_bars

from emollama_hf.console.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_counts_what_is_stored_and_says_what_is_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    enable_progress_bars()
    progress = Progress(20)
    progress.advance(9, Counter(), {})
    shown = screen.getvalue().split("\r")[-1]
    assert "0/20 stored" in shown
    assert "9 in hand" in shown
    progress.shard(9)
    progress.advance(2, Counter({"not_a_video": 1}), {}, changed=1)
    progress.close()
    shown = screen.getvalue().split("\r")[-1]
    assert "9/20 stored" in shown
    assert "1 in hand" in shown
    assert "1 failed" in shown


def test_log_lines_do_too(caplog: pytest.LogCaptureFixture) -> None:
    disable_progress_bars()
    caplog.set_level(logging.INFO)
    progress = Progress(20)
    progress.advance(9, Counter(), {})
    assert not caplog.messages
    progress.advance(1, Counter(), {})
    progress.shard(9)
    progress.advance(10, Counter(), {})
    progress.shard(11)
    assert [line.split(" clips a minute")[0].rpartition(", ")[0] for line in caplog.messages] == [
        "9 of 20 clips, 1 in hand",
        "20 of 20 clips",
    ]
