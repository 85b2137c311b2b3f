# SPDX-License-Identifier: MIT
"""What converters of scikit-learn objects write to: the builder and the table made so far."""
from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _lib
from ._builder import Builder
from ._errors import unsupported

FLT_MAX = float(np.finfo(np.float32).max)
MOST_SIDE_BY_SIDE = 64       # inputs of a node that concatenates
DTYPES = {_lib.F32: np.float32, _lib.F64: np.float64}

# What an answer may differ by from the source's own, relative to its size: nothing; a few
# units in the last place of exp and its like; sums whose order the source leaves to a BLAS.
EXACT = 0.0
LINK = 1e-14
SUMS = 1e-11
SUMS_F32 = 1e-4

Source = Union[str, Callable[[Any, Any], Any], None]


@dataclass
class Output:
    """An output of the model, and how the source answers the same question."""
    name: str
    role: int
    value: int
    source: Source              # method of the object; function of the last step and its X
    tolerance: float
    classes: Optional[np.ndarray] = None


class Flow:
    """A graph under construction: `at` is the value that holds the table made so far."""

    def __init__(self, builder: Builder, x: int, cols: int, type: int) -> None:
        self.builder, self.x, self.x_type = builder, x, type
        self.at, self.cols, self.type = x, cols, type
        self.outputs: List[Output] = []
        self.objective = ""
        self.origin = list(range(cols))   # column of x that a column still is, or -1
        self.made_of = list(range(cols))  # column of x that a column is made of alone, or -1
        self.hints: Dict[int, List[float]] = {}   # column of x -> values worth a golden row
        self.texts: Dict[int, List[str]] = {}     # column of x -> its categories
        # Size of the terms of a sum that the outputs depend on: f(last step, its X).
        self.size: Optional[Callable[[Any, Any], np.ndarray]] = None

    def inner(self) -> "Flow":
        """A flow that goes on from here with outputs of its own: for a model within another."""
        made = copy.copy(self)
        made.outputs, made.objective, made.size = [], "", None
        return made

    # ---- nodes ------------------------------------------------------------------------

    def node(self, op: str, inputs: Optional[Sequence[int]] = None,
             weights: Optional[Dict[str, Any]] = None, **params: Any) -> int:
        """A node over `inputs` (the table); its first result.  Real weights get the type of
        the table."""
        given = {}
        for slot, array in (weights or {}).items():
            array = np.asarray(array)
            if array.dtype.kind == "f":
                array = array.astype(DTYPES[self.type])
            given[slot] = np.ascontiguousarray(array)
        made = self.builder.node(op, [self.at] if inputs is None else inputs, params, given)
        return self.builder.result(made, 0)

    def then(self, op: str, weights: Optional[Dict[str, Any]] = None,
             cols: Optional[int] = None, **params: Any) -> None:
        """A node over the table, whose result is the table from now on."""
        self.at = self.node(op, weights=weights, **params)
        if cols is not None or op not in ("scale", "impute"):
            self.made_of = [-1] * (self.cols if cols is None else cols)
        self.cols = self.cols if cols is None else cols
        self.origin = [-1] * self.cols

    def cast(self, type: int) -> None:
        if self.type != type:
            self.at = self.node("cast", to={_lib.F32: "float32", _lib.F64: "float64"}[type])
            self.type = type

    def select(self, columns: Sequence[int]) -> None:
        columns = [int(c) for c in columns]
        if columns == list(range(self.cols)):
            return
        origin, made_of = ([was[c] for c in columns] for was in (self.origin, self.made_of))
        self.then("select", {"columns": np.array(columns, np.uint32)}, cols=len(columns))
        self.origin, self.made_of = origin, made_of

    def concat(self, values: Sequence[int]) -> int:
        """Tables side by side, however many."""
        values = list(values)
        while len(values) > 1:
            values = [self.node("concat", values[i:i + MOST_SIDE_BY_SIDE])
                      for i in range(0, len(values), MOST_SIDE_BY_SIDE)]
        return values[0]

    def divide(self, value: int, cols: int, divisor: float) -> int:
        """A float64 table by a number."""
        return self.node("scale", [value], {"sub": np.zeros(cols),
                                            "div": np.full(cols, float(divisor))})

    def hint(self, columns: Any, values: Any) -> None:
        """Values of table columns where the answer changes."""
        for column, value in zip(np.asarray(columns).tolist(), np.asarray(values).tolist()):
            if self.origin[column] >= 0 and abs(value) < FLT_MAX:
                self.hints.setdefault(self.origin[column], []).append(value)

    def categories(self, column: int, texts: List[str]) -> None:
        if self.origin[column] < 0:
            raise unsupported([f"text in column {column} of a table that was transformed"])
        self.texts[self.origin[column]] = texts

    # ---- outputs ------------------------------------------------------------------------

    def output(self, name: str, role: int, value: int, source: Source,
               tolerance: float = EXACT, classes: Optional[np.ndarray] = None) -> None:
        self.outputs.append(Output(name, role, value, source, tolerance, classes))

    def classifier(self, classes: np.ndarray, label: int, proba: Optional[int] = None,
                   raw: Optional[int] = None, tolerance: float = EXACT,
                   raw_tolerance: Optional[float] = None) -> None:
        """The outputs of a classifier: probabilities first, if it has them."""
        if proba is not None:
            self.output("probability", _lib.OUTPUT_PROBA, proba, "predict_proba", tolerance,
                        classes)
        self.output("label", _lib.OUTPUT_LABEL, label, "predict", tolerance, classes)
        if raw is not None:
            self.output("raw", _lib.OUTPUT_RAW, raw, "decision_function",
                        tolerance if raw_tolerance is None else raw_tolerance)


def labels(classes: np.ndarray) -> Tuple[int, List[str]]:
    """Classes as the type and the texts that a file holds."""
    classes = np.asarray(classes)
    values = classes.tolist()
    if all(isinstance(c, (bool, np.bool_)) for c in values):
        return _lib.BOOL, [str(bool(c)) for c in values]
    if all(isinstance(c, (int, np.integer)) and not isinstance(c, bool) for c in values):
        return _lib.I64, [str(int(c)) for c in values]
    if all(isinstance(c, (float, np.floating)) for c in values):
        return _lib.F64, [repr(float(c)) for c in values]
    return _lib.STRING, [str(c) for c in values]


def bad_labels(est: Any) -> List[str]:
    """Why classes_ cannot be the labels of one output."""
    classes = getattr(est, "classes_", None)
    if classes is None:
        return []
    if isinstance(classes, list):
        return [f"{type(est).__name__} with several targets"]
    return bad_classes(est, classes)


def bad_classes(est: Any, classes: np.ndarray) -> List[str]:
    kinds = {"number" if isinstance(c, (int, float, np.number)) else type(c).__name__
             for c in np.asarray(classes).tolist()}
    if len(kinds) > 1 or not kinds <= {"number", "bool", "str"}:
        return [f"{type(est).__name__} with classes of type {', '.join(sorted(kinds))}"]
    return []
