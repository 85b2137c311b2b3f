# SPDX-License-Identifier: MIT
"""A model made from code: a thin, checked layer over mdl_build.h.

    b = Builder()
    x = b.input("x", _lib.F64, cols=3, absent=_lib.ABSENT_ZERO)
    n = b.node("scale", [x], weights={"sub": mean, "div": scale})
    b.output("scaled", _lib.OUTPUT_VALUE, b.result(n))
    model = b.to_model()

Values, nodes and outputs are numbers given out by the builder.  Every call raises at once
what the library has to say about it.  Whatever is passed in is copied.
"""
from __future__ import annotations

import ctypes
import weakref
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _lib
from ._errors import DataError
from ._tensors import type_of

if TYPE_CHECKING:
    from ._model import Model

Array = npt.NDArray[Any]
Param = Union[int, float, str]

TYPE_OF: Dict[str, int] = {"f4": _lib.F32, "f8": _lib.F64, "i1": _lib.I8, "u1": _lib.U8,
                           "i4": _lib.I32, "u4": _lib.U32, "i8": _lib.I64}

POINTEE: Dict[str, Any] = {"f8": ctypes.c_double, "u1": ctypes.c_uint8, "i4": ctypes.c_int32,
                           "u4": ctypes.c_uint32}

MAX_LEVELS = 30          # an ensemble has fewer than 2^31 nodes


def packed(array: Any, name: str) -> Tuple[Array, int]:
    """A row-major array in the machine's byte order, and its type number."""
    given = np.asarray(array)
    given = np.ascontiguousarray(given, given.dtype.newbyteorder("=")).reshape(given.shape)
    type_ = TYPE_OF.get(given.dtype.str[1:])
    if type_ is None:
        raise DataError(f"{name} has the dtype {given.dtype}, which a model file does not hold")
    return given, type_


def texts(values: Sequence[str]) -> Any:
    """UTF-8 strings as C sees them; what UTF-8 or C cannot hold is refused."""
    for value in values:
        if "\0" in value:
            raise DataError(f"{value!r} holds a zero character, which a model file cannot hold")
    return (ctypes.c_char_p * max(len(values), 1))(*(v.encode() for v in values))


# Calls that no output's width depends on.
SHAPELESS = ("mdl_build_golden_input", "mdl_build_golden_output", "mdl_build_golden_tensor",
             "mdl_build_metadata", "mdl_build_labels", "mdl_build_column", "mdl_build_categories",
             "mdl_build_result", "mdl_build_type", "mdl_build_importance")


class Builder:
    """A model under construction.  Not for several threads at once."""

    def __init__(self, handle: Optional[int] = None) -> None:
        handle = _lib.lib.mdl_builder_new(None) if handle is None else handle
        if not handle:
            raise MemoryError("out of memory")
        self._handle = ctypes.c_void_p(handle)
        self._cols: Dict[int, int] = {}        # of the inputs made here
        self._leaf_width: Dict[int, int] = {}  # of the ensembles made here
        self._widths: Optional[List[int]] = None     # of the outputs, while nothing changes them
        self._close = weakref.finalize(self, _lib.lib.mdl_builder_free, self._handle)

    @classmethod
    def from_model(cls, model: "Model") -> "Builder":
        """A builder that holds everything of a model, to change and save again."""
        error = _lib.new_error()
        handle = _lib.lib.mdl_builder_from_model(model._live(), ctypes.byref(error))
        if not handle:
            _lib.raise_status(error.code or _lib.ERR_MEMORY, error)
        return cls(handle)

    def _call(self, function: str, *arguments: Any) -> int:
        if function not in SHAPELESS:
            self._widths = None
        result = int(getattr(_lib.lib, function)(self._handle, *arguments))
        if result < 0:
            error = _lib.new_error()
            _lib.raise_status(_lib.lib.mdl_builder_status(self._handle, ctypes.byref(error)),
                              error)
        return result

    # ---- schema ---------------------------------------------------------------------------

    def input(self, name: str, type: int, cols: int, absent: int = _lib.ABSENT_ZERO) -> int:
        """A table of float32 or float64, as the model computes.  Returns its value."""
        made = self._call("mdl_build_input", texts([name])[0], type, cols, absent)
        self._cols[made] = cols
        return made

    def column(self, input: int, column: int, name: str,
               kind: int = _lib.COLUMN_NUMBER) -> None:
        """Name and kind of one column."""
        self._call("mdl_build_column", input, column, texts([name])[0], kind)

    def categories(self, input: int, column: int, type: int, values: Sequence[str]) -> None:
        """The categories of a column in the order of their codes, as text."""
        self._call("mdl_build_categories", input, column, type, len(values), texts(values))

    def output(self, name: str, role: int, value: int) -> int:
        """Name a value as an output; the first one is the main output.  Returns its position."""
        return self._call("mdl_build_output", texts([name])[0], role, value)

    def labels(self, output: int, type: int, values: Sequence[str]) -> None:
        """The class labels of an output, as text; they replace earlier ones."""
        self._call("mdl_build_labels", output, type, len(values), texts(values))

    def metadata(self, key: str, value: str) -> None:
        """One pair of metadata; a later value replaces an earlier one."""
        pair = texts([key, value])
        self._call("mdl_build_metadata", pair[0], pair[1])

    # ---- nodes ----------------------------------------------------------------------------

    def node(self, op: str, inputs: Sequence[int], params: Optional[Mapping[str, Param]] = None,
             weights: Optional[Mapping[str, Any]] = None, name: str = "") -> int:
        """An operator fed by values.  Returns the node; its results are result(node, i)."""
        words = texts([op, name])
        values = (ctypes.c_int32 * max(len(inputs), 1))(*inputs)
        made = self._call("mdl_build_node", words[0], words[1], values, len(inputs))
        for param, value in (params or {}).items():
            self.param(made, param, value)
        for slot, array in (weights or {}).items():
            self.weights(made, slot, array)
        return made

    def param(self, node: int, name: str, value: Param) -> None:
        """One parameter: an int, a float, or the name of a choice."""
        word = texts([name])[0]
        if isinstance(value, str):
            self._call("mdl_build_choice", node, word, texts([value])[0])
        elif isinstance(value, (int, np.integer)):
            self._call("mdl_build_int", node, word, int(value))
        else:
            self._call("mdl_build_float", node, word, float(value))

    def weights(self, node: int, slot: str, array: Any) -> None:
        """One weight array; its dtype is kept, so it must be one the operator takes."""
        data, type_ = packed(array, slot)
        dims = (ctypes.c_int64 * _lib.MAX_RANK)(*data.shape[:_lib.MAX_RANK])
        self._call("mdl_build_weights", node, texts([slot])[0], type_, data.ndim, dims,
                   data.ctypes.data_as(ctypes.c_void_p))

    def result(self, node: int, i: int = 0) -> int:
        """The value that holds result i of a node."""
        return self._call("mdl_build_result", node, i)

    def type_of(self, value: int) -> int:
        """The element type of a value."""
        return self._call("mdl_build_type", value)

    # ---- trees ----------------------------------------------------------------------------

    def trees(self, x: int, *, compare: int, threshold_type: int, leaf_type: int, outputs: int = 1,
              leaf_width: int = 1, base: Optional[Any] = None, flags: int = 0) -> int:
        """An ensemble over value x; add its trees next.  Result 0 holds the sums, 1 the leaves."""
        start = _reals(base, outputs, "base")
        described = _lib.mdl_trees(
            size=ctypes.sizeof(_lib.mdl_trees), flags=flags, compare=compare,
            threshold_type=threshold_type, leaf_type=leaf_type, outputs=outputs,
            leaf_width=leaf_width, base=_pointer(start, ctypes.c_double))
        made = self._call("mdl_build_trees", x, ctypes.byref(described))
        self._leaf_width[made] = leaf_width
        return made

    def tree(self, node: int, *, flags: Any, left: Any, right: Any, feature: Any, threshold: Any,
             value: Any, output: int = 0, iteration: int = 0, weight: float = 1.0,
             leaf_id: Optional[Any] = None, cover: Optional[Any] = None,
             set_start: Optional[Any] = None, set_words: Optional[Any] = None,
             linear_const: Optional[Any] = None, linear_start: Optional[Any] = None,
             linear_feature: Optional[Any] = None, linear_coef: Optional[Any] = None) -> None:
        """One tree as arrays over its nodes in the source's own numbering; see mdl_tree."""
        if node not in self._leaf_width:
            raise ValueError(f"node {node} is no ensemble made by this builder's trees()")
        bits = _integers(flags, None, np.uint8, "flags")
        if bits is None or any(array is None for array in (left, right, feature, threshold, value)):
            raise DataError("a tree needs flags, left, right, feature, threshold and value")
        n = len(bits)
        sets, words = _sets(set_start, set_words, n)
        linear = _integers(linear_start, n + 1, np.uint32, "linear_start")
        if (linear_const is None) != (linear is None):
            raise DataError("linear_const and linear_start come together")
        if linear is not None and (linear_feature is None or linear_coef is None):
            raise DataError("linear leaves need linear_feature and linear_coef")
        arrays: Dict[str, Optional[Array]] = {
            "flags": bits, "left": _integers(left, n, np.int32, "left"),
            "right": _integers(right, n, np.int32, "right"),
            "feature": _integers(feature, n, np.int32, "feature"),
            "threshold": _reals(threshold, n, "threshold"),
            "value": _reals(value, n * self._leaf_width[node], "value"),
            "leaf_id": _integers(leaf_id, n, np.int32, "leaf_id"),
            "cover": _reals(cover, n, "cover"), "set_start": sets, "set_words": words,
            "linear_const": _reals(linear_const, n, "linear_const"), "linear_start": linear,
            "linear_feature": _integers(linear_feature, _end(linear), np.int32, "linear_feature"),
            "linear_coef": _reals(linear_coef, _end(linear), "linear_coef")}
        self._add_tree(node, arrays, n_nodes=n, output=output, iteration=iteration, weight=weight)

    def oblivious_tree(self, node: int, *, flags: Any, feature: Any, threshold: Any, value: Any,
                       output: int = 0, iteration: int = 0, weight: float = 1.0,
                       cover: Optional[Any] = None, set_start: Optional[Any] = None,
                       set_words: Optional[Any] = None) -> None:
        """One tree that asks the same question everywhere on a level, as CatBoost's do.  flags,
        feature and threshold (and set_start) have an entry for each of its d levels, the root's
        first; value is [2^d] or [2^d, leaf_width] and cover [2^d], by leaf from left to right:
        the answers as a binary number, the root's its highest digit, 1 is right.  All trees of an
        ensemble are given so, or none."""
        if node not in self._leaf_width:
            raise ValueError(f"node {node} is no ensemble made by this builder's trees()")
        bits = _integers(flags, None, np.uint8, "flags")
        if bits is None or any(array is None for array in (feature, threshold, value)):
            raise DataError("an oblivious tree needs flags, feature, threshold and value")
        d = len(bits)
        if d > MAX_LEVELS:
            raise DataError(f"flags has {d} levels, expected at most {MAX_LEVELS}")
        leaves, width, of = 1 << d, self._leaf_width[node], f" for a tree of {d} levels"
        sets, words = _sets(set_start, set_words, d)
        arrays: Dict[str, Optional[Array]] = {
            "flags": bits, "feature": _integers(feature, d, np.int32, "feature"),
            "threshold": _reals(threshold, d, "threshold"),
            "value": _reals(value, leaves * width, "value", of),
            "cover": _reals(cover, leaves, "cover", of), "set_start": sets, "set_words": words}
        self._add_tree(node, arrays, n_nodes=2 * leaves - 1, output=output, iteration=iteration,
                       weight=weight, oblivious=1)

    def _add_tree(self, node: int, arrays: Mapping[str, Optional[Array]], **fields: Any) -> None:
        described = _lib.mdl_tree(
            size=ctypes.sizeof(_lib.mdl_tree), **fields,
            **{name: _pointer(array, POINTEE[array.dtype.str[1:]])
               for name, array in arrays.items() if array is not None})
        self._call("mdl_build_tree", node, ctypes.byref(described))

    def importances(self, values: Mapping[str, Any], columns: Optional[Any] = None) -> None:
        """Importances of the columns of the first input by kind, the default first: a number for
        each of `columns`, which ascend (None: 0, 1, ...); those of others are 0.  Instead of those
        before."""
        made = np.ascontiguousarray([np.asarray(given, np.float64) for given in values.values()])
        made = made.reshape(len(values), -1)
        given = np.arange(made.shape[1]) if columns is None else np.asarray(columns)
        if given.shape != made.shape[1:]:
            raise DataError(f"importances of {made.shape[1]} columns for {given.shape}")
        used = (made != 0).any(axis=0)
        made, at = np.ascontiguousarray(made[:, used]), _integers(given[used], None, np.uint32,
                                                                 "columns of importances")
        self._call("mdl_build_importance", len(values), texts(list(values)), made.shape[1],
                   _pointer(at, ctypes.c_uint32), _pointer(made, ctypes.c_double))

    # ---- golden rows and the file ------------------------------------------------------------

    def golden_input(self, input: int, rows: Any) -> None:
        """Rows of an input, float32 or float64."""
        data, type_ = packed(rows, "golden rows")
        cols = self._cols.get(input, data.shape[1] if data.ndim == 2 else -1)
        if data.ndim != 2 or data.shape[1] != cols:
            raise DataError(f"golden rows of shape {data.shape}, expected (rows, {cols})")
        self._call("mdl_build_golden_input", input, type_, len(data),
                   data.ctypes.data_as(ctypes.c_void_p))

    def golden_output(self, output: int, rows: Any) -> None:
        """What the source answered to them: [rows, columns of that output]."""
        data, type_ = packed(rows, "golden answers")
        cols = self._output_cols(output)
        data = data.reshape(len(data), -1) if data.ndim == 1 else data
        if data.ndim != 2 or data.shape[1] != cols:
            raise DataError(f"golden answers of shape {data.shape} for an output of {cols} "
                            "columns")
        self._call("mdl_build_golden_output", output, type_, len(data),
                   data.ctypes.data_as(ctypes.c_void_p))

    def golden_tensor(self, is_output: bool, index: int, array: Any) -> None:
        """A whole input or output, by its position, of a graph of tensors."""
        data = np.ascontiguousarray(array).reshape(np.shape(array))
        dims = (ctypes.c_int64 * max(data.ndim, 1))(*data.shape)
        self._call("mdl_build_golden_tensor", int(is_output), index, type_of(data.dtype), data.ndim,
                   dims, data.ctypes.data_as(ctypes.c_void_p))

    def _output_cols(self, output: int) -> int:
        """How wide an output is only its operators know: ask the model so far, once."""
        if self._widths is None:
            with self.to_model() as model:
                self._widths = [made.cols for made in model.outputs.values()]
        if not 0 <= output < len(self._widths):
            raise DataError(f"there is no output {output}")
        return self._widths[output]

    def ready(self, on: bool = True) -> None:
        """Store what loading would work out, too: see Model.save."""
        self._call("mdl_build_ready", int(on))

    def to_bytes(self) -> bytes:
        """The model file.  The builder stays as it was and may go on."""
        error, at, size = _lib.new_error(), ctypes.c_void_p(), ctypes.c_size_t()
        status = _lib.lib.mdl_build_bytes(self._handle, ctypes.byref(at), ctypes.byref(size),
                                          ctypes.byref(error))
        if status:
            _lib.raise_status(status, error)
        return ctypes.string_at(at.value or 0, size.value)

    def to_model(self) -> "Model":
        """The model, loaded."""
        from ._model import Model

        return Model.from_bytes(self.to_bytes())


# ---- arrays for C ------------------------------------------------------------------------------


def _end(starts: Optional[Array]) -> Optional[int]:
    """How many entries an array of starts refers to; None without one."""
    if starts is None:
        return None
    if (starts[1:] < starts[:-1]).any():
        raise DataError("the starts of a tree's lists decrease")
    return int(starts[-1])


def _sets(start: Optional[Any], words: Optional[Any],
          n: int) -> Tuple[Optional[Array], Optional[Array]]:
    """The sets of n questions."""
    sets = _integers(start, n + 1, np.uint32, "set_start")
    members = _integers(words, _end(sets), np.uint32, "set_words")
    if (sets is None) != (members is None):
        raise DataError("set_start and set_words come together")
    return sets, members


def _integers(array: Optional[Any], n: Optional[int], dtype: Any, name: str) -> Optional[Array]:
    if array is None:
        return None
    given = np.asarray(array)
    made = np.ascontiguousarray(given, dtype).reshape(-1)
    if given.size and given.dtype.kind not in "iub" or (made != given.reshape(-1)).any():
        raise DataError(f"{name} of a tree does not hold {np.dtype(dtype)} numbers")
    return _counted(made, n, name)


def _reals(array: Optional[Any], n: Optional[int], name: str, of: str = "") -> Optional[Array]:
    if array is None:
        return None
    return _counted(np.ascontiguousarray(array, np.float64).reshape(-1), n, name, of)


def _counted(array: Array, n: Optional[int], name: str, of: str = "") -> Array:
    if n is not None and len(array) != n:
        raise DataError(f"{name} has {len(array)} entries, expected {n}{of}")
    return array


def _pointer(array: Optional[Array], type_: Any) -> Any:
    return None if array is None else array.ctypes.data_as(ctypes.POINTER(type_))
