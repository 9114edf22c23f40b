"""A bidirectional LSTM on sequences, as the published pipeline reads hidden states.

Source: the figure of the published pipeline feeds positions 6 to 9, or all 309, to a BiLSTM. Its sizes are not
published: 64 units a direction, the mean over the positions, dropout of a half.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emollama_hf.console.logs import package_logger
from emollama_hf.probing.class_balance import balanced_loss, balanced_weights
from emollama_hf.probing.folds import inner_split
from emollama_hf.probing.sequence_reading import Batch, SequenceReader
from emollama_hf.probing.standardising import Standardising

if TYPE_CHECKING:
    from torch import Tensor, nn

logger = package_logger(__name__)

UNITS = 64
DROPOUT = 0.5
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1e-4
#: Epochs without a better loss on the inner split, after which a network is trained no further.
PATIENCE = 5
#: A batch of fewer numbers is computed with one thread: with more, waiting for each other costs thirty times the work
#: where other processes run as well (measured).
FEW_NUMBERS = 2**21
#: Epochs where no inner split is possible.
FALLBACK_EPOCHS = 5


@dataclass(frozen=True)
class RecurrentFold:
    """probabilities: (seeds, test rows, classes). epochs: that each seed's network was trained for, by early stopping.

    chosen: whether an inner split stopped the training.
    """

    probabilities: np.ndarray
    epochs: tuple[int, ...]
    chosen: bool


def recurrent_fold(
    reader: SequenceReader,
    standardising: Standardising,
    labels: np.ndarray,
    groups: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    *,
    classes: int,
    seeds: Sequence[int],
    max_epochs: int,
    device: str,
) -> RecurrentFold:
    """Train a network for each seed on the training part of a fold, and predict its test part.

    All networks see the same batches, so that each batch is read once for all of them.

    Args:
        reader: Of the sequences.
        standardising: Of the training part.
        labels: (n,) class numbers.
        groups: (n,) groups, by which the inner split divides.
        train: Positions of the training rows.
        test: Positions of the test rows.
        classes: How many there are.
        seeds: Of the networks; the first also of the inner split and the order of the rows.
        max_epochs: Epochs at most.
        device: Torch device.

    Returns:
        Predictions of the test part by each network.
    """
    import torch

    devices = [torch.device(device)] if device.startswith("cuda") else []
    few = reader.batch_rows * reader.longest * reader.width < FEW_NUMBERS
    with torch.random.fork_rng(devices=devices), _threads(1 if few else None):
        split = inner_split(labels[train], groups[train], seed=seeds[0])
        fit = train if split is None else train[split.fit]
        networks = [_Training(reader.width, classes, seed, device) for seed in seeds]
        weights = torch.as_tensor(balanced_weights(labels[fit], classes), dtype=torch.float32, device=device)
        order = np.random.default_rng(seeds[0])
        epochs = max_epochs if split is not None else min(FALLBACK_EPOCHS, max_epochs)
        for epoch in range(1, epochs + 1):
            going = [one for one in networks if one.goes_on]
            if not going:
                break
            for here, batch in reader.batches(order.permutation(fit), standardising):
                inputs, target = _tensors(batch, device), torch.as_tensor(labels[here], device=device)
                for one in going:
                    one.step(*inputs, target, weights)
            if split is not None:
                held = train[split.held]
                predicted = _predicted(going, reader, standardising, held, classes, device)
                for one, probabilities in zip(going, predicted, strict=True):
                    one.note(balanced_loss(probabilities, labels[held]), epoch)
            logger.debug("epoch %d of at most %d", epoch, epochs)
        for one in networks:
            one.restore()
        found = _predicted(networks, reader, standardising, test, classes, device)
        return RecurrentFold(found, tuple(one.best_epoch or epochs for one in networks), split is not None)


def bilstm(width: int, classes: int) -> nn.Module:
    """A BiLSTM whose outputs are averaged over each row's own positions, and a linear layer.

    Its `forward` takes values (rows, longest, width) float32 and lengths (rows,) int64 on the CPU, and returns scores
    (rows, classes). What lies behind a row's end decides nothing: a batch gives what single rows give.
    """
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    class BiLSTM(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(width, UNITS, batch_first=True, bidirectional=True)
            self.dropout = nn.Dropout(DROPOUT)
            self.head = nn.Linear(2 * UNITS, classes)

        def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
            packed = pack_padded_sequence(values, lengths, batch_first=True, enforce_sorted=False)
            outputs, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
            mean = outputs.sum(dim=1) / lengths.to(outputs.device, torch.float32)[:, None]
            scores: Tensor = self.head(self.dropout(mean))
            return scores

    return BiLSTM()


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """A number of torch's threads while the block runs; None leaves it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Training:
    """One network on its way: its optimiser, and its best weights by the loss on the inner split."""

    def __init__(self, width: int, classes: int, seed: int, device: str) -> None:
        import torch

        torch.manual_seed(seed)
        self.network = bilstm(width, classes).to(device)
        self._optimiser = torch.optim.AdamW(self.network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self._best_loss = float("inf")
        self._best: dict[str, Any] | None = None
        self._worse = 0
        self.best_epoch = 0

    @property
    def goes_on(self) -> bool:
        return self._worse < PATIENCE

    def step(self, values: Tensor, lengths: Tensor, target: Tensor, weights: Tensor) -> None:
        from torch import nn

        self.network.train()
        self._optimiser.zero_grad()
        loss = nn.functional.cross_entropy(self.network(values, lengths), target, weight=weights)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimiser.step()

    def note(self, loss: float, epoch: int) -> None:
        self._worse += 1
        if loss < self._best_loss:
            self._best_loss, self._worse, self.best_epoch = loss, 0, epoch
            self._best = copy.deepcopy(self.network.state_dict())

    def restore(self) -> None:
        if self._best is not None:
            self.network.load_state_dict(self._best)


def _predicted(
    networks: Sequence[_Training],
    reader: SequenceReader,
    standardising: Standardising,
    rows: np.ndarray,
    classes: int,
    device: str,
) -> np.ndarray:
    """Probabilities of some rows by each network, (networks, rows, classes) float64."""
    import torch

    found = np.empty((len(networks), len(rows), classes))
    start = 0
    with torch.no_grad():
        for here, batch in reader.batches(rows, standardising):
            inputs = _tensors(batch, device)
            for number, one in enumerate(networks):
                one.network.eval()
                scores = one.network(*inputs).double().softmax(dim=1)
                found[number, start : start + len(here)] = scores.cpu().numpy()
            start += len(here)
    return found


def _tensors(batch: Batch, device: str) -> tuple[Tensor, Tensor]:
    import torch

    return torch.from_numpy(batch.values).to(device), torch.from_numpy(batch.lengths)
