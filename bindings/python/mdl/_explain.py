# SPDX-License-Identifier: MIT
"""What each column adds to a prediction: the library's explainers, and their answers as numpy
arrays in the shapes that shap has given them."""
from __future__ import annotations

import ctypes
import importlib
import itertools
import weakref
from typing import TYPE_CHECKING, Any, List, NamedTuple, Optional, Tuple

import numpy as np

from . import _lib, _pool
from ._data import Array, Csr, Rows, rows_of
from ._errors import DataError, Error

if TYPE_CHECKING:
    from ._model import Model

METHODS = {"shap": 0, "interactions": 1, "steps": 2, "background": 3}


class Explanation(NamedTuple):
    """Contributions to the margin, float64.

    values       [rows, columns], of interactions [rows, columns, columns]; models of several
                 outputs have them as one more dimension, the last
    base_values  [rows], or [rows, outputs]: what is expected without a row
    data         the rows that were explained, [rows, columns]; None for sparse ones and where the
                 columns are not those of X
    feature_names, output_names    or None

    values summed over the columns, and base_values, are the margin.  numpy.asarray gives both in
    one array, the base as the last column (not of interactions).  shap.Explanation takes the
    fields as they are: to_shap()."""
    values: Array
    base_values: Array
    data: Optional[Array]
    feature_names: Optional[List[str]]
    output_names: Optional[List[str]]

    def to_shap(self) -> Any:
        """A shap.Explanation, for the plots of that package."""
        shap = importlib.import_module("shap")
        return shap.Explanation(values=self.values, base_values=self.base_values, data=self.data,
                                feature_names=self.feature_names, output_names=self.output_names)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        made = self.values
        if made.ndim - self.base_values.ndim == 1:           # no interactions
            made = np.concatenate([made, np.expand_dims(self.base_values, 1)], axis=1)
        return made if dtype is None else made.astype(dtype)


class Explainer:
    """What is worked out once to explain rows of a model: Model.explainer() makes it.  Any number
    of threads may use one.  It closes itself; `with` and close() do so at a given point, and so
    does close() of its model."""

    def __init__(self, model: "Model", core: "Core") -> None:
        self._model, self._cores = model, model._cores
        self._key = next(KEYS)
        self._cores[self._key] = core
        weakref.finalize(self, self._cores.pop, self._key, None).atexit = False

    def explain(self, X: Any) -> Explanation:
        """What each column of X adds to the margin, as Model.explain says it."""
        self._model._held()
        core = self._cores.get(self._key)
        if core is None:
            raise Error("this explainer is closed")
        return self._model._explained(core, rows_of(X, self._model._schema))

    def close(self) -> None:
        """Give the memory back; calls of other threads that are under way finish first."""
        self._cores.pop(self._key, None)

    def __enter__(self) -> "Explainer":
        return self

    def __exit__(self, *why: object) -> None:
        self.close()


KEYS = itertools.count()                     # next() is one step: threads get different ones


class Core:
    """The library's explainer of one model and one method, freed with the last reference."""

    def __init__(self, handle: Any, method: str, tree_range: Optional[Tuple[int, int]],
                 background: Optional[Array], threads: int) -> None:
        self.handle = handle                 # the model lives as long as this
        self.value = ctypes.c_void_p()
        options = _lib.mdl_explain_options(size=ctypes.sizeof(_lib.mdl_explain_options),
                                           method=METHODS[method])
        if tree_range is not None:
            options.tree_begin, options.tree_end = tree_range
        if background is not None:
            rows = tensor_of(background)
            options.background = ctypes.pointer(rows)
        if threads != 1:
            options.parallel = _pool.parallel(threads)
        error = _lib.new_error()
        status = _lib.lib.mdl_explainer_create(ctypes.byref(self.value), handle.value,
                                               ctypes.byref(options), ctypes.byref(error))
        if status:
            _lib.raise_status(status, error)
        weakref.finalize(self, _free, self.value, handle).atexit = False
        names: List[str] = []
        while True:
            name = _lib.lib.mdl_explain_column(self.value, len(names))
            if name is None:
                break
            names.append(name.decode())
        self.names = names

    def run(self, rows: Rows) -> Array:
        """[rows, outputs, columns + 1] or, of interactions, [..., columns + 1, columns + 1]."""
        n = rows.rows if isinstance(rows, Csr) else len(rows)
        values = _lib.mdl_tensor(size=ctypes.sizeof(_lib.mdl_tensor))
        status = _lib.lib.mdl_explain_shape(self.value, n, ctypes.byref(values))
        if status:
            _lib.raise_status(status)
        made = np.empty([values.dims[i] for i in range(values.rank)], np.float64)
        values.data = made.ctypes.data
        error = _lib.new_error()
        if isinstance(rows, Csr):
            csr = rows.struct()
            status = _lib.lib.mdl_explain_csr(self.value, ctypes.byref(csr), ctypes.byref(values),
                                              ctypes.byref(error))
        else:
            x = tensor_of(rows)
            status = _lib.lib.mdl_explain(self.value, ctypes.byref(x), ctypes.byref(values),
                                          ctypes.byref(error))
        if status:
            _lib.raise_status(status, error)
        return made


def _free(value: ctypes.c_void_p, handle: Any) -> None:
    _lib.lib.mdl_explainer_free(value)
    del handle                               # not before the explainer


def tensor_of(array: Array) -> _lib.mdl_tensor:
    """Two-dimensional rows as the library sees them; the caller keeps the array."""
    made = _lib.mdl_tensor(size=ctypes.sizeof(_lib.mdl_tensor), rank=2, data=array.ctypes.data,
                           type=_lib.F32 if array.dtype == np.float32 else _lib.F64)
    made.dims[0], made.dims[1] = array.shape
    made.strides[0], made.strides[1] = array.strides
    return made


def checked(method: str, background: Any) -> str:
    """The method that a call asks for."""
    if background is not None and method == "shap":
        return "background"
    if method not in METHODS:
        raise DataError(f"method is {method!r}, expected one of "
                        + ", ".join(repr(name) for name in METHODS))
    if (background is not None) != (method == "background"):
        raise DataError("method 'background' needs background rows, and only it")
    return method


def shaped(made: Array, names: List[str], rows: Rows, outputs: Optional[List[str]]) -> Explanation:
    """The library's array in the shapes of shap: outputs last, or no dimension for one."""
    pairs = made.ndim == 4
    base = made[:, :, -1, -1] if pairs else made[:, :, -1]
    values = made[:, :, :-1, :-1] if pairs else made[:, :, :-1]
    if made.shape[1] == 1:
        values, base, outputs = values[:, 0], base[:, 0], None
    else:
        values = np.moveaxis(values, 1, -1)
    data = rows if not isinstance(rows, Csr) and rows.shape[1] == len(names) else None
    return Explanation(np.ascontiguousarray(values), np.ascontiguousarray(base), data,
                       names if any(names) else None, outputs)
