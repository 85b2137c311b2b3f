# SPDX-License-Identifier: MIT
"""Rows on which a reader of LightGBM models goes wrong first; made from the model's own text."""
import numpy as np

TINY = float(np.float32(1e-35))       # what LightGBM takes for zero
SPECIAL = [np.nan, np.inf, -np.inf, -0.0, 5e-324, -5e-324, 1e-36, -1e-36, TINY, -TINY,
           np.nextafter(TINY, 1), np.nextafter(-TINY, -1), np.nextafter(TINY, 0), 1e300, -1e300]
CATEGORIES = [-1.0, -0.5, -0.999, 0.5, 1.0, 1.999, 2.0, 3.0, 7.0, 31.0, 32.0, 33.0, 64.0, 2.0**24,
              2.0**31 - 1, 2.0**31, 2.0**32 + 1, -2.0**31 - 1, 1e18]


def splits(text):
    """Every (column, threshold, is category) of a model's text."""
    found = []
    for block in text.split("\nTree=")[1:]:
        field = dict(line.split("=", 1) for line in block.split("\n") if "=" in line)
        if int(field["num_leaves"]) > 1:
            found += zip(map(int, field["split_feature"].split()),
                         map(float, field["threshold"].split()),
                         [int(d) & 1 for d in field["decision_type"].split()])
    return found


def hard_rows(text, x, most=1500, seed=0):
    """Real rows, then the same with one cell (or all) replaced by a hard value."""
    rng = np.random.default_rng(seed)
    cells = {(f, v) for f, t, category in splits(text) if not category
             for v in (t, np.nextafter(t, np.inf), np.nextafter(t, -np.inf))}
    cells |= {(f, v) for f, _, category in splits(text) if category for v in CATEGORIES}
    cells = sorted(cells)
    if len(cells) > most:
        cells = [cells[i] for i in rng.choice(len(cells), most, replace=False)]
    used = sorted({f for f, _, _ in splits(text)})
    cells += [(f, v) for f in used[:40] for v in SPECIAL]
    rows = x[rng.integers(0, len(x), len(cells))].astype(float)
    for row, (f, v) in zip(rows, cells):
        row[f] = v
    whole = np.repeat(np.array(SPECIAL)[:, None], x.shape[1], 1)
    return np.concatenate([x.astype(float), rows, whole])
