# SPDX-License-Identifier: MIT
"""What the scikit-learn tests share: real tables with holes, hard rows, and comparisons."""
import numpy as np
import sklearn
import threadpoolctl
from sklearn import datasets

# Training of small tables: threads only wait for each other.
ONE_THREAD = threadpoolctl.threadpool_limits(1)

VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])

# Cells that a cast to float32, a sign or a denormal could lead astray.
SPECIAL = [-0.0, 0.0, 5e-324, -5e-324, 1e-45, -1e-45, 1e-40, 2.0**-150, 16777217.0, 1e30, -1e30]


def table(name, holes=0.0, seed=0):
    """A data set that scikit-learn ships, with some cells cut out."""
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    x = x.astype(np.float64)
    if holes:
        x[np.random.default_rng(seed).random(x.shape) < holes] = np.nan
    return x, y


def shelves(values, n):
    """A column of numbers as n categories: 0, 1, ... n - 1; NaN stays."""
    edges = np.quantile(values[~np.isnan(values)], np.linspace(0, 1, n + 1)[1:-1])
    return np.where(np.isnan(values), np.nan, np.digitize(values, edges).astype(float))


def beside_float32(t):
    """On a threshold that float32 rows are compared with: it, the floats around it, and
    doubles that only become that float by rounding."""
    near = np.float32(t)
    floats = [np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))]
    doubles = [t, np.nextafter(t, -np.inf), np.nextafter(t, np.inf)]
    middle = [(float(a) + float(b)) / 2 for a, b in zip(floats, floats[1:])]
    around = [np.nextafter(m, side) for m in middle for side in (-np.inf, np.inf)]
    return [float(f) for f in floats] + doubles + middle + around


def beside_float64(t):
    return [t, np.nextafter(t, -np.inf), np.nextafter(t, np.inf), float(np.float32(t))]


def split_cells(trees):
    """(column, threshold) of every split of trees as sklearn.tree keeps them."""
    cells = set()
    for tree in trees:
        inner = tree.children_left != -1
        cells |= set(zip(tree.feature[inner].tolist(), tree.threshold[inner].tolist()))
    return sorted(cells)


def hard_rows(x, cells, beside, special=SPECIAL, most=1200, seed=0):
    """Real rows; the same with a cell on or beside a threshold; rows of special values."""
    random = np.random.default_rng(seed)
    wanted = [(c, v) for c, t in cells if np.isfinite(t) for v in beside(t)]
    if len(wanted) > most:
        wanted = [wanted[i] for i in random.choice(len(wanted), most, replace=False)]
    wanted += [(c, v) for c in range(min(x.shape[1], 12)) for v in special]
    rows = x[random.integers(0, len(x), len(wanted))].copy()
    for row, (c, v) in zip(rows, wanted):
        row[c] = v
    return np.concatenate([x, rows, np.repeat(np.array(special)[:, None], x.shape[1], 1)])


def with_nan(rows, seed=1):
    """Rows, again with holes, and rows of nothing but holes in half of their columns."""
    random = np.random.default_rng(seed)
    holed = rows[random.integers(0, len(rows), 400)].copy()
    holed[random.random(holed.shape) < 0.3] = np.nan
    empty = rows[:4].copy()
    empty[:, ::2] = np.nan
    empty[0] = np.nan
    return np.concatenate([rows, holed, empty])


def same_bits(ours, theirs):
    """Equal to the last bit, the sign of zero included; NaN is NaN."""
    ours, theirs = np.asarray(ours), np.asarray(theirs).reshape(np.shape(ours))
    assert ours.dtype == theirs.dtype, (ours.dtype, theirs.dtype)
    different = (ours.view(f"u{ours.itemsize}") != theirs.view(f"u{ours.itemsize}"))
    different &= ~(np.isnan(ours) & np.isnan(theirs))
    assert not different.any(), (
        f"{different.sum()} of {different.size} differ, first at {np.argwhere(different)[0]}: "
        f"{ours[different][0]!r}, expected {theirs[different][0]!r}")


def worst_ulp(ours, theirs):
    """The largest distance in units in the last place of the expected value."""
    ours, theirs = np.asarray(ours), np.asarray(theirs).reshape(np.shape(ours))
    assert ours.dtype == theirs.dtype, (ours.dtype, theirs.dtype)
    if not ours.size:
        return 0.0
    both = np.isnan(ours) & np.isnan(theirs) | (ours == theirs)
    return float(np.max(np.where(both, 0, np.abs(ours - theirs) / np.spacing(np.abs(theirs)))))


def worst_against_size(ours, theirs, size):
    """The largest error relative to the terms that were added up."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(np.max(np.abs(ours - theirs.reshape(ours.shape)) / size))


def same_labels(model, est, x):
    ours, theirs = model.predict(x), est.predict(x)
    assert np.asarray(ours).tolist() == np.asarray(theirs).tolist()
