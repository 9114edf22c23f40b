"""Which of two lists belong together, so that the sum of all costs is the smallest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cheapest_pairs(costs: NDArray[np.floating], unpaired: float) -> list[tuple[int, int]]:
    """Pairs (row, column), each row and column in one pair at most, with the smallest sum of costs.

    costs: (rows, columns) float; inf where two do not belong together.
    unpaired: the cost of a row and a column that both stay alone, instead of their pair: a costlier pair is never made.
    Returns them by ascending row. Of equal sums always the same is chosen.
    Source: the shortest augmenting paths of Jonker and Volgenant (1987).

        >>> cheapest_pairs(np.array([[0.1, 0.2], [0.2, 0.9]]), unpaired=1.0)
        [(0, 1), (1, 0)]
    """
    rows, columns = costs.shape
    # A column of its own for each row that stays alone.
    square = np.full((rows, columns + rows), unpaired, np.float64)
    square[:, :columns] = np.where(costs < unpaired, costs, unpaired + 1.0)
    owner = _owners(square)
    return sorted((int(row), column) for column, row in enumerate(owner[:columns]) if row >= 0)


def _owners(costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """The row of each column, -1 for none, with every row assigned; (rows, columns) with rows <= columns."""
    rows, columns = costs.shape
    owner = np.full(columns, -1, np.int64)
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    for start in range(rows):
        shortest, reached_from = np.full(columns, np.inf), np.full(columns, -1, np.int64)
        visited = np.zeros(columns, bool)
        row, length, column = start, 0.0, -1
        while True:  # Dijkstra over columns, until one without an owner
            reduced = length + costs[row] - row_price[row] - column_price
            better = ~visited & (reduced < shortest)
            shortest[better], reached_from[better] = reduced[better], row
            column = int(np.argmin(np.where(visited, np.inf, shortest)))
            length = float(shortest[column])
            if owner[column] < 0:
                break
            visited[column] = True
            row = int(owner[column])
        done = np.flatnonzero(visited)
        row_price[start] += length
        row_price[owner[done]] += length - shortest[done]
        column_price[done] -= length - shortest[done]
        while column >= 0:  # turn the path round
            row = int(reached_from[column])
            column_before = int(np.flatnonzero(owner == row)[0]) if row != start else -1
            owner[column] = row
            column = column_before
    return owner
