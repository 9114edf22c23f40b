"""Sequences: a batch gives what single rows give, and the reader's sums are those of all rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from emollama_hf.probing.probe import probe
from emollama_hf.probing.recurrent import bilstm
from emollama_hf.probing.sequence_reading import MOST_POSITIONS, SequenceReader, padded, shortened
from emollama_hf.probing.views import read_part
from tests.probing.planted import hidden_states, planted

SEQUENCES = {"label": "mw_label", "group": "participant_id", "folds": 3, "resamples": 200, "permutations": 0}


def test_a_batch_gives_what_single_rows_give() -> None:
    random = np.random.default_rng(0)
    rows = [random.normal(size=(length, 5)).astype(np.float32) for length in (1, 7, 3)]
    torch.manual_seed(0)
    network = bilstm(5, 2).eval()

    def scores(some: list[np.ndarray]) -> np.ndarray:
        batch = padded(some)
        with torch.no_grad():
            found: np.ndarray = network(torch.from_numpy(batch.values), torch.from_numpy(batch.lengths)).numpy()
        return found

    assert scores(rows) == pytest.approx(np.concatenate([scores([row]) for row in rows]), abs=1e-6)


def test_the_training_part_is_standardised_by_its_own_rows() -> None:
    ds = planted(groups=4, rows_of_group=5)
    folds = np.arange(20) // 10
    reader = SequenceReader(ds, read_part("frames_seen", ds.features), np.arange(20), [str(row) for row in range(20)])
    standardising = reader.moments(folds, 2).without(0)
    training = np.concatenate([np.array(value) for value in ds["frames_seen"][10:]])
    assert standardising.mean == pytest.approx(training.mean(axis=0), abs=1e-5)
    assert 1 / standardising.scale == pytest.approx(training.std(axis=0), rel=1e-5)


def test_very_long_sequences_are_averaged_in_equal_runs() -> None:
    values = np.repeat(np.arange(MOST_POSITIONS, dtype=np.float32), 3)[:, None]
    assert shortened(values).ravel().tolist() == list(range(MOST_POSITIONS))
    assert shortened(values[:5]).shape == (5, 1)


def test_networks_find_a_signal_in_positions_and_are_those_of_their_seed() -> None:
    ds = hidden_states(planted(groups=9, rows_of_group=10))
    found = [
        probe(ds, **SEQUENCES, columns=["emollama[6:10]"], seeds=2, max_epochs=8, device="cpu") for _ in range(2)
    ]  # fmt: skip
    first, second = (one.outcomes["emollama[6:10]"] for one in found)
    assert (first.probabilities == second.probabilities).all()
    assert found[0].scores["emollama[6:10]"].intervals["auc_roc"].low > 0.6
    assert len(found[0].scores["emollama[6:10]"].seeds["auc_roc"]) == 2
    assert first.by_seed is not None
    assert first.by_seed.mean(axis=0) == pytest.approx(first.probabilities)


def test_sequences_of_any_length_are_probed() -> None:
    ds = planted(groups=6, rows_of_group=8)
    result = probe(ds, **SEQUENCES, columns=["frames_seen", "frames_seen:mean"], seeds=1, max_epochs=2, device="cpu")
    assert result.outcomes["frames_seen"].model == "BiLSTM"
    assert result.outcomes["frames_seen:mean"].model == "logistic regression"
