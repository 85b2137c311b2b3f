# SPDX-License-Identifier: MIT
"""Rows at which tree engines differ: on thresholds, one step beside, and strange numbers."""
from __future__ import annotations

from typing import Dict, Sequence

import numpy as np


def special_values(dtype: np.dtype, infinite: bool = True) -> np.ndarray:
    """NaN, both zeros, the smallest numbers there are, LightGBM's zero, the largest, infinities."""
    info = np.finfo(dtype)
    smallest = info.smallest_subnormal
    values = [np.nan, 0.0, -0.0, smallest, -smallest, info.tiny, -info.tiny,
              np.nextafter(info.tiny, dtype.type(0)), 1e-35, -1e-35, np.float32(1e-35),
              0.5, -0.5, -1.0, 2.0**24, 2.0**24 - 1, 2.0**31, 2.0**32, info.max, info.min]
    if infinite:
        values += [np.inf, -np.inf]
    return np.array(values, dtype)


def beside(values: Sequence[float], dtype: np.dtype) -> np.ndarray:
    """Each value as it is, and its neighbours below and above, in dtype."""
    with np.errstate(over="ignore"):
        v = np.unique(np.asarray(values, np.float64)).astype(dtype)
        v = v[np.isfinite(v)]
        down = np.nextafter(v, dtype.type(-np.inf))
        up = np.nextafter(v, dtype.type(np.inf))
    return np.concatenate([v, down, up])


def hard_rows(X: np.ndarray, thresholds_by_column: Dict[int, Sequence[float]],
              rng: np.random.Generator, per_column: int = 60,
              infinite: bool = True) -> np.ndarray:
    """The rows of X; for each column rows of X with one cell replaced by a threshold, a
    neighbour of one or a special value; then rows with many cells replaced at once.
    The type of X is kept."""
    X = np.asarray(X)
    dtype = X.dtype
    special = special_values(dtype, infinite)
    rows = [X]
    pools = []
    for column in range(X.shape[1]):
        near = beside(thresholds_by_column.get(column, ()), dtype)
        if len(near) > per_column:
            near = rng.choice(near, per_column, replace=False)
        pool = np.concatenate([near, special])
        pools.append(pool)
        block = X[rng.integers(len(X), size=len(pool))].copy()
        block[:, column] = pool
        rows.append(block)
    for share in (0.2, 0.9):
        block = X[rng.integers(len(X), size=200)].copy()
        for column, pool in enumerate(pools):
            chosen = rng.random(len(block)) < share
            block[chosen, column] = rng.choice(pool, chosen.sum())
        rows.append(block)
    return np.concatenate(rows)
