"""A linear classifier on shared features: plain `datasets` and torch, no clip and no model.

    python examples/classify_features.py features --label mw_label --group participant_id --column facemae

Groups (participants) whose hash falls into the first fifth are tested, the others trained on: never one on both sides.
"""

from __future__ import annotations

import argparse
import hashlib

import torch
from datasets import Dataset, load_dataset


def is_tested(group: object) -> bool:
    """Whether a group is in the tested fifth; the same on every machine."""
    return hashlib.sha256(str(group).encode()).digest()[0] < 256 // 5


def vectors(ds: Dataset, column: str) -> torch.Tensor:
    """(rows, D) float32: a column of vectors, or the mean over the positions of hidden states."""
    values = torch.stack([torch.as_tensor(row).float() for row in ds.with_format("torch")[column]])
    return values if values.ndim == 2 else values.mean(dim=tuple(range(1, values.ndim - 1)))


def main() -> None:
    """Train for 200 steps, and print the share of tested rows that are right beside that of the most frequent label."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("features", help="directory or Hub id")
    parser.add_argument("--label", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--column", default="facemae")
    asked = parser.parse_args()
    ds = load_dataset(asked.features, split="train").filter(lambda row: row["emollama_status"] == "ok")
    labels = sorted(set(map(str, ds[asked.label])))
    target = torch.tensor([labels.index(str(label)) for label in ds[asked.label]])
    tested = torch.tensor([is_tested(group) for group in ds[asked.group]])
    if tested.all() or not tested.any():
        raise SystemExit(f"all rows fall on one side: {asked.group} has too few groups for a fifth to be tested")
    values = vectors(ds, asked.column)
    values = (values - values[~tested].mean(0)) / (values[~tested].std(0) + 1e-6)  # of the training part alone

    torch.manual_seed(0)
    classifier = torch.nn.Linear(values.shape[1], len(labels))
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=1e-2, weight_decay=0.1)
    for _ in range(200):
        loss = torch.nn.functional.cross_entropy(classifier(values[~tested]), target[~tested])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    right = (classifier(values[tested]).argmax(1) == target[tested]).float().mean()
    frequent = (target[tested] == target[~tested].mode().values).float().mean()
    print(f"{int(tested.sum())} tested, {right:.0%} right; always the most frequent label: {frequent:.0%}")


if __name__ == "__main__":
    main()
