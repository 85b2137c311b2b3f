# SPDX-License-Identifier: MIT
"""Rows to ask both sides on, the comparison of their answers, and the rows that a file keeps.

A live object is converted, then it and the model answer the same rows: some around the
model's own thresholds, with missing values and unseen categories among them, and the rows
that the caller gave.  A difference is an error, so a wrong model never comes out.
"""
from __future__ import annotations

import ctypes
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import numpy as np

from . import _lib
from ._builder import Builder
from ._data import Array, Csr, is_frame, rows_of
from ._errors import Error
from ._model import Model

ROWS = 32                        # asked of both sides, and kept in the file while it is small
KEPT_BYTES = 64 << 10            # of golden rows in a file; one row is always kept

# What an answer after a link may differ by, relative to its size: 8 units in the last place.
LINK = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 2e-15}
# Probabilities nearer than this are a tie, and the last bit decides which class is named.
TIE = 2e-6

WEIGHT_DTYPE: Dict[int, Any] = {_lib.F32: np.float32, _lib.F64: np.float64, _lib.U8: np.uint8,
                                _lib.U16: np.uint16, _lib.U32: np.uint32, _lib.I32: np.int32,
                                _lib.U64: np.uint64}

Answers = Dict[str, Array]
Weights = Dict[str, Array]


class Live(NamedTuple):
    """A live object: its answers to an array of the model's dtype, by name of output, its own
    predict, and what its links are good for if that is less than LINK."""
    framework: str
    answers: Callable[[Array], Answers]
    predict: Callable[[Any], Any]
    link: float = 0.0
    fill: Optional[Callable[[Array], None]] = None      # cells that only the source can make up

    def tolerance(self, dtype: Any) -> float:
        return max(LINK[np.dtype(dtype)], self.link)


def prove(builder: Builder, live: Live, sample: Optional[Any]) -> Model:
    """The finished model with golden rows in it; Error if any answer differs."""
    model = builder.to_model()
    rows = rows_around(model)
    if live.fill is not None:
        live.fill(rows)
    theirs = _compared(model, live, rows)
    if sample is not None:
        head = first_rows(sample)
        rows = _plain(head, model)
        if len(rows):
            theirs = _compared(model, live, rows)
            _compare_predict(model, live, head)
    if len(rows):
        keep = _kept(rows, theirs)
        builder.golden_input(0, rows[:keep])
        for i, name in enumerate(model.outputs):
            if name in theirs:
                builder.golden_output(i, np.ascontiguousarray(theirs[name][:keep]))
    return builder.to_model()


# ---- comparing ----------------------------------------------------------------------------------


def _compared(model: Model, live: Live, rows: Array) -> Answers:
    """What the live object answers, as the model's outputs have it; Error where they differ."""
    theirs: Answers = {}
    ours = model.run({next(iter(model.inputs)): rows})
    for name, answer in live.answers(rows).items():
        if name not in ours:
            continue
        output = model.outputs[name]
        answer = np.asarray(answer)
        if output.role == "label" and output.classes is not None:
            position = {c: i for i, c in enumerate(output.classes.tolist())}
            answer = np.array([position[c] for c in answer.ravel().tolist()], np.int32)
        answer = answer.reshape(len(rows), -1)
        if answer.shape != ours[name].shape:
            raise Error(f"output '{name}': {live.framework} answers {answer.shape[1]} columns, "
                        f"libmodel {ours[name].shape[1]}. {PLEASE}")
        theirs[name] = answer.astype(output.dtype)
    for name, answer in theirs.items():
        _compare(model, live, name, ours, answer)
    return theirs


PLEASE = "Please report this with the versions of both."


def _compare(model: Model, live: Live, name: str, ours: Answers, theirs: Array) -> None:
    output, mine = model.outputs[name], ours[name]
    same = (mine == theirs) | ((mine != mine) & (theirs != theirs))
    if output.role in ("value", "probability"):
        size = np.maximum(np.abs(theirs), 1.0) if output.role == "probability" else np.abs(theirs)
        with np.errstate(invalid="ignore"):
            same |= np.abs(mine - theirs) <= live.tolerance(output.dtype) * size
    if output.role == "label" and "probability" in ours:
        same |= _ties(ours["probability"])
    if "label" in model.outputs and output.role == "value" and _is_class(mine):
        same |= _ties(ours["probability"]) if "probability" in ours else False
    if same.all():
        return
    row, column = (int(i) for i in np.argwhere(~same)[0])
    raise Error(f"output '{name}', row {row}, column {column}: {live.framework} answers "
                f"{theirs[row, column]!r}, libmodel {mine[row, column]!r}. {PLEASE}")


def _is_class(values: Array) -> bool:
    """The number of a class as a float, as multi:softmax answers."""
    return values.shape[1] == 1 and bool((values == np.floor(values)).all())


def _ties(probability: Array) -> Array:
    top = np.sort(probability, axis=1)[:, -2:]
    made: Array = (top[:, -1:] - top[:, :1]) <= TIE
    return made


def _compare_predict(model: Model, live: Live, rows: Any) -> None:
    """The same rows as their owner has them, names and categories included."""
    theirs, ours = np.asarray(live.predict(rows)), model.predict(rows)
    if theirs.shape != ours.shape:
        raise Error(f"predict: {live.framework} answers the shape {theirs.shape}, libmodel "
                    f"{ours.shape}. {PLEASE}")
    same = ours == theirs
    if ours.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            same |= np.abs(ours - theirs) <= live.tolerance(ours.dtype) * np.abs(theirs)
        same |= (ours != ours) & (theirs != theirs)
    elif not same.all():
        same |= _ties(model.predict_proba(rows))[:, 0]
    if not same.all():
        at = tuple(int(i) for i in np.argwhere(~same)[0])
        raise Error(f"predict, row {at[0]} of the sample: {live.framework} answers "
                    f"{theirs[at]!r}, libmodel {ours[at]!r}. {PLEASE}")


def _kept(rows: Array, theirs: Answers) -> int:
    each = rows[:1].nbytes + sum(answer[:1].nbytes for answer in theirs.values())
    return max(1, min(len(rows), ROWS, KEPT_BYTES // max(each, 1)))


# ---- rows that were given ---------------------------------------------------------------------


def first_rows(sample: Any) -> Any:
    """The first rows of anything that predict takes."""
    if is_frame(sample):
        return sample.head(ROWS)
    if hasattr(sample, "tocsr"):
        return sample.tocsr()[:ROWS]
    return sample[:ROWS]


def _plain(head: Any, model: Model) -> Array:
    """Rows as an array of the model's own dtype; what is not stored is what the model says."""
    rows = rows_of(head, model._schema)
    if isinstance(rows, Csr):
        made: Array = np.full((rows.rows, rows.cols),
                              np.nan if model._schema.source == "xgboost" else 0.0)
        made[np.repeat(np.arange(rows.rows), np.diff(rows.starts)), rows.columns] = rows.values
        rows = made
    return np.ascontiguousarray(rows, model._schema.dtype)


# ---- rows that are made up ----------------------------------------------------------------------


def rows_around(model: Model, rows: int = ROWS) -> Array:
    """On the thresholds of the model, one step beside them, far away, missing; categories it
    knows and one it does not.  The same model gives the same rows."""
    random = np.random.default_rng(0)
    dtype = model._schema.dtype
    ensembles = _weights(model, b"trees")
    counts = _category_counts(model, ensembles)
    made = random.normal(size=(rows, model.n_features)).astype(dtype)
    thresholds = _thresholds(ensembles)
    for table in _weights(model, b"ctr"):        # between the rows and the trees
        numbers = table.get("number", np.zeros(0, int)).tolist()
        thresholds = {numbers[i]: values for i, values in thresholds.items() if i < len(numbers)}
    for column, values in thresholds.items():
        chosen = values[random.integers(len(values), size=rows)].astype(dtype)
        side = random.integers(3, size=rows)
        with np.errstate(over="ignore"):
            made[:, column] = np.choose(side, [np.nextafter(chosen, dtype(-np.inf)), chosen,
                                               np.nextafter(chosen, dtype(np.inf))])
    for column, count in counts.items():
        made[:, column] = random.integers(count + 1, size=rows)
    far = random.random(made.shape) < 0.05
    with np.errstate(over="ignore"):
        made[far] = (made[far] * 1000).astype(dtype)
    made[random.random(made.shape) < 0.1] = np.nan
    made[random.random(made.shape) < 0.05] = 0
    for column in counts:
        made[:, column] = np.trunc(np.minimum(made[:, column], 1e6))
    made[~np.isfinite(made)] = np.nan
    return made


def _weights(model: Model, op: bytes) -> List[Weights]:
    """Those of each node of an operator."""
    handle = model._held()
    made = []
    for node in range(_lib.lib.mdl_node_count(handle.value)):
        info = _lib.mdl_node_info(size=ctypes.sizeof(_lib.mdl_node_info))
        _lib.lib.mdl_node(handle.value, node, ctypes.byref(info))
        if info.op != op:
            continue
        weights: Weights = {}
        for i in range(info.n_tensors):
            tensor = _lib.mdl_tensor(size=ctypes.sizeof(_lib.mdl_tensor))
            _lib.lib.mdl_node_tensor(handle.value, node, i, ctypes.byref(tensor))
            array: Array = np.empty(tuple(tensor.dims[:tensor.rank]), WEIGHT_DTYPE[tensor.type])
            ctypes.memmove(array.ctypes.data, tensor.data, array.nbytes)
            weights[tensor.name.decode()] = array
        made.append(weights)
    return made


def _thresholds(ensembles: List[Weights]) -> Dict[int, Array]:
    """By column, the numbers it is compared with."""
    made: Dict[int, Array] = {}
    for trees in ensembles:
        number = trees["flags"] & 3 == _lib.NODE_NUMBER
        columns, values = trees["feature"][number].astype(int), trees["threshold"][number]
        columns, values = columns[np.isfinite(values)], values[np.isfinite(values)]
        order = np.argsort(columns, kind="stable")
        starts = np.flatnonzero(np.diff(columns[order], prepend=-1))
        for part in np.split(order, starts[1:]) if len(order) else []:
            made[int(columns[part[0]])] = np.unique(values[part])
    return made


def _category_counts(model: Model, ensembles: List[Weights]) -> Dict[int, int]:
    """By category column, how many codes the model names."""
    counts: Dict[int, int] = {i: len(column.categories)
                              for i, column in enumerate(model._read_columns())
                              if column.kind == _lib.COLUMN_CATEGORY}
    for trees in ensembles:
        nodes = np.flatnonzero(trees["flags"] & 3 == _lib.NODE_CATEGORY)
        starts = trees.get("set_start", np.zeros(1, np.uint32))
        for node, begin, end in zip(nodes, starts[:-1], starts[1:]):
            column = int(trees["feature"][node])
            counts[column] = max(counts.get(column, 0), min(32 * int(end - begin), 1 << 16))
    return counts
