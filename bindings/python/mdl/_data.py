# SPDX-License-Identifier: MIT
"""Rows as people have them - arrays, frames, sparse matrices, lists - as the library takes them.

float32 and float64 arrays of any strides go through as they are.  Everything else becomes
float64, and a number that float64 cannot hold is an error, not a rounded number.  No frame
or sparse library is imported: an object that is one has brought it along.
"""
from __future__ import annotations

import ctypes
import numbers
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _lib
from ._errors import DataError

Array = npt.NDArray[Any]

# float64 holds every integer up to this one.
EXACT_INTEGER = 2**53

FEW = 10          # names shown in an error


class Column(NamedTuple):
    """One column of the input: its name ("" without one), its kind, its categories."""
    name: str
    kind: int
    category_type: int
    categories: Tuple[str, ...]
    position: int = 0

    @property
    def hashed(self) -> bool:
        """Do cells hold hashes of categories?"""
        return self.kind == _lib.COLUMN_HASH


class Csr(NamedTuple):
    """Sparse rows; the arrays are kept alive as long as this is."""
    rows: int
    cols: int
    starts: Array
    columns: Array
    values: Array

    def struct(self) -> _lib.mdl_csr:
        made = _lib.mdl_csr(size=ctypes.sizeof(_lib.mdl_csr), rows=self.rows, cols=self.cols)
        made.type = _lib.F32 if self.values.dtype == np.float32 else _lib.F64
        made.index_type = _lib.I32 if self.columns.dtype == np.int32 else _lib.I64
        made.row_start = self.starts.ctypes.data
        made.columns = self.columns.ctypes.data
        made.values = self.values.ctypes.data
        return made


class Schema(NamedTuple):
    """What a model's input asks of rows."""
    cols: int
    dtype: Any                          # float32 or float64: what the model computes in
    source: str                         # "xgboost", "lightgbm", ...
    unseen: str                         # a category not in the model: "missing", "error", "first"
    columns: Callable[[], List[Column]]
    code: Callable[[int, str], float]   # of a category's text in a column of hashes

    def names(self) -> Optional[List[str]]:
        """The names of all columns, or None.  Column_0, Column_1, ... are what LightGBM calls
        columns that have no name."""
        names = [column.name for column in self.columns()]
        if not all(names):
            return None
        if self.source == "lightgbm" and names == [f"Column_{i}" for i in range(len(names))]:
            return None
        return names


Rows = Union[Array, Csr]


def rows_of(x: Any, schema: Schema) -> Rows:
    """X as the library takes it; DataError says what does not fit the model."""
    if isinstance(x, np.ndarray):
        made = _array(x, schema)
    elif is_frame(x):
        return _frame(x, schema)
    elif hasattr(x, "tocsr"):
        return _sparse(x, schema)
    else:
        made = _array(_other(x, object if _any_hashed(schema) else None), schema)
    if made.shape[1] != schema.cols:
        raise DataError(f"X has {made.shape[1]} columns, the model takes {schema.cols}")
    return made


def is_frame(x: Any) -> bool:
    """A DataFrame of pandas or polars?"""
    return any(base.__module__.split(".")[0] in ("pandas", "polars")
               and base.__name__ == "DataFrame" for base in type(x).__mro__)


def _other(x: Any, dtype: Any) -> Array:
    """Lists, and objects that know how to become an array."""
    if isinstance(x, (str, bytes)) or x is None:
        raise DataError(f"X is {type(x).__name__}, expected rows")
    if type(x).__name__ == "LazyFrame":
        raise DataError("X is a LazyFrame: call collect() on it first")
    try:
        return np.asarray(x, dtype)
    except (ValueError, TypeError) as why:
        raise DataError(f"X, a {type(x).__name__}, is no table: {why}") from None


# ---- arrays ------------------------------------------------------------------------------------


def _array(x: Array, schema: Schema) -> Array:
    if x.ndim == 1:
        raise DataError(f"X has 1 dimension, expected 2: rows and columns. If it is one row, "
                        f"pass X.reshape(1, -1); if it is {len(x)} rows of one column, "
                        "X.reshape(-1, 1)")
    if x.ndim != 2:
        raise DataError(f"X has {x.ndim} dimensions, expected 2: rows and columns")
    if isinstance(x, np.ma.MaskedArray):
        hidden = np.ma.getmaskarray(x)
        made = as_float(np.asarray(x.filled(0)), "X").copy()
        made[hidden] = np.nan
        return made
    if x.dtype.kind in "OUST" or (x.dtype.kind in "iub" and _any_hashed(schema)):
        return _cells(x, schema)
    return as_float(np.asarray(x), "X")


def as_float(x: Array, what: str) -> Array:
    """float32 and float64 as they are, other numbers as float64 if nothing is lost."""
    kind = x.dtype.kind
    if kind == "f" and x.dtype.itemsize in (4, 8):
        whole = x.astype(x.dtype.newbyteorder("="), copy=False)
        # all strides zero would say "packed", and C wants aligned numbers
        odd = not whole.flags.aligned or (whole.size > 1 and not any(whole.strides))
        return whole.copy() if odd else whole
    if kind in "bf":
        with np.errstate(over="ignore"):
            made = x.astype(np.float64)
        if x.dtype.itemsize > 8 and not ((made == x) | (x != x)).all():
            raise DataError(f"{what} holds {x.dtype} numbers that float64 does not hold")
        return made
    if kind in "iu":
        if x.dtype.itemsize > 4 and x.size and not (
                -EXACT_INTEGER <= int(x.min()) and int(x.max()) <= EXACT_INTEGER):
            raise DataError(f"{what} holds integers beyond 2^53, which float64 does not hold")
        return x.astype(np.float64)
    raise DataError(f"{what} has the dtype {x.dtype}, expected numbers")


def _cells(x: Array, schema: Schema) -> Array:
    """An array of objects or text: categories by value, numbers elsewhere."""
    if x.shape[1] != schema.cols:
        raise DataError(f"X has {x.shape[1]} columns, the model takes {schema.cols}")
    made = np.empty(x.shape, np.float64, order="F")
    for i, column in enumerate(schema.columns()):
        said = f"column '{column.name}'" if column.name else f"column {i}"
        cells = x[:, i].tolist()
        made[:, i] = _hashed(cells, column, schema, said) if column.hashed \
            else _coded(cells, column, schema, said) if column.categories \
            else _numbers(cells, said)
    return made


def _numbers(cells: Sequence[Any], said: str) -> Array:
    """Python objects that are numbers; None is missing."""
    made = np.empty(len(cells), np.float64)
    for i, cell in enumerate(cells):
        if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
            made[i] = np.nan
        elif isinstance(cell, (numbers.Real, np.bool_)):
            made[i] = float(cell)
            if made[i] != cell and cell == cell:
                raise DataError(f"{said} holds {cell}, which float64 does not hold")
        else:
            raise DataError(f"{said} holds {_short(cell)}, expected numbers")
    return made


def _short(cell: Any) -> str:
    text = repr(cell)
    return f"{text[:60]}... ({type(cell).__name__})" if len(text) > 60 \
        else f"{text} ({type(cell).__name__})"


# ---- categories ---------------------------------------------------------------------------------


def category_values(type_: int, texts: Sequence[str]) -> List[Any]:
    """The texts of a file as the values they stand for."""
    if type_ == _lib.I64:
        return [int(text) for text in texts]
    if type_ == _lib.F64:
        return [float(text) for text in texts]
    if type_ == _lib.BOOL:
        return [text in ("True", "true", "1") for text in texts]
    return list(texts)


def _coded(cells: Sequence[Any], column: Column, schema: Schema, said: str) -> Array:
    """Values as the codes of the model's categories; what is missing stays missing."""
    codes: Dict[Any, float] = {value: float(i) for i, value in enumerate(
        category_values(column.category_type, column.categories))}
    made = np.empty(len(cells), np.float64)
    unseen: Dict[Any, None] = {}
    for i, cell in enumerate(cells):
        code = None
        if schema.source == "ydf":
            cell = _ydf_category(cell)
        if not _is_missing(cell):
            try:
                code = codes.get(cell)
            except TypeError:            # not hashable
                raise DataError(f"{said} holds {_short(cell)}, expected categories") from None
            if code is None:
                unseen[cell] = None
                code = 0.0 if schema.unseen == "first" else None
        made[i] = np.nan if code is None else code
    _judge_unseen(list(unseen), column, schema, said)
    return made


def _ydf_category(cell: Any) -> Any:
    """As YDF reads it: integers and bools by their text, an empty text is missing."""
    if isinstance(cell, (bool, np.bool_)):
        return "true" if cell else "false"
    if isinstance(cell, (int, np.integer)):
        return str(cell)
    return None if isinstance(cell, str) and not cell else cell


def _any_hashed(schema: Schema) -> bool:
    return any(column.hashed for column in schema.columns())


def _hashed(cells: Sequence[Any], column: Column, schema: Schema, said: str) -> Array:
    """Texts and integers as the source hashes them; it takes no other categories."""
    codes: Dict[Any, float] = {}
    made = np.empty(len(cells), np.float64)
    for i, cell in enumerate(cells):
        whole = isinstance(cell, (int, np.integer)) and not isinstance(cell, bool)
        if not whole and not isinstance(cell, str):
            raise DataError(f"{said} holds {_short(cell)}, expected texts or integers: the model "
                            "knows categories by their text")
        text = str(cell)
        if text not in codes:
            codes[text] = schema.code(column.position, text)
        made[i] = codes[text]
    return made


def _is_missing(cell: Any) -> bool:
    return cell is None or type(cell).__name__ in ("NAType", "NaTType") or (
        isinstance(cell, (float, np.floating)) and cell != cell)


def _judge_unseen(unseen: Sequence[Any], column: Column, schema: Schema, said: str) -> None:
    """As the source: XGBoost refuses them, LightGBM reads them as missing.  Values of another
    type than the categories are a mistake in the frame whatever the source."""
    if not unseen:
        return
    text = column.category_type == _lib.STRING
    wrong = [v for v in unseen if isinstance(v, str) != text]
    if schema.unseen != "error" and not wrong:
        return
    known = ", ".join(repr(v) for v in category_values(
        column.category_type, column.categories[:FEW]))
    more = f" and {len(column.categories) - FEW} more" if len(column.categories) > FEW else ""
    raise DataError(f"{said} holds {', '.join(_short(v) for v in (wrong or unseen)[:FEW])}, which "
                    f"the model has not seen; its categories are {known}{more}")


# ---- frames -------------------------------------------------------------------------------------


def _frame(x: Any, schema: Schema) -> Array:
    """A frame of pandas or polars, column by column."""
    given = [str(name) for name in x.columns]
    order = _order(given, schema)
    column = _polars_column if type(x).__module__.split(".")[0] == "polars" else _pandas_column
    made: Optional[Array] = None
    for i, (at, described) in enumerate(zip(order, schema.columns())):
        cells = column(x, at, described, schema, f"column '{given[at]}'")
        if made is None:
            made = np.empty((len(cells), schema.cols), np.float64, order="F")
        made[:, i] = cells
    assert made is not None
    return made


def _order(given: List[str], schema: Schema) -> List[int]:
    """Where each column of the model is in the frame."""
    wanted = schema.names()
    if wanted is None:
        if len(given) != schema.cols:
            raise DataError(f"the frame has {len(given)} columns, the model takes {schema.cols}")
        return list(range(len(given)))
    if schema.source == "lightgbm":      # it writes names without blanks
        given = [name if name in wanted else "_".join(name.split(" ")) for name in given]
    position = {name: i for i, name in enumerate(given)}
    missing = [name for name in wanted if name not in position]
    known = set(wanted)
    unknown = [name for name in given if name not in known]
    twice = sorted({name for name in given if given.count(name) > 1}) \
        if len(position) != len(given) else []
    faults = [f"{what}: {_some(names)}" for what, names in (
        ("missing", missing), ("not known to the model", unknown), ("given twice", twice))
        if names]
    if faults:
        raise DataError("the frame's columns do not fit the model; " + "; ".join(faults))
    return [position[name] for name in wanted]


def _some(names: List[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:FEW])
    return shown if len(names) <= FEW else f"{shown} and {len(names) - FEW} more"


def _pandas_column(x: Any, at: int, column: Column, schema: Schema, said: str) -> Array:
    series = x.iloc[:, at]
    dtype = series.dtype
    if column.hashed:
        return _hashed(series.tolist(), column, schema, said)
    if hasattr(series, "cat"):
        codes = np.asarray(series.cat.codes)
        return _recoded(codes, list(series.cat.categories), column, schema, said)
    if column.categories:
        return _coded(series.tolist(), column, schema, said)
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return as_float(series.to_numpy(), said)
    if getattr(dtype, "subtype", None) is not None and not isinstance(dtype, np.dtype):
        return as_float(np.asarray(series), said)        # pandas' own sparse columns
    if getattr(dtype, "kind", "O") in "biuf":            # nullable numbers
        valid = ~np.asarray(series.isna())
        made = np.full(len(series), np.nan)
        made[valid] = _numbers(series[valid].tolist(), said)
        return made
    if getattr(dtype, "kind", "O") == "O":
        return _numbers(series.tolist(), said)
    raise DataError(f"{said} has the dtype {dtype}, expected numbers")


def _recoded(codes: Array, values: List[Any], column: Column, schema: Schema,
             said: str) -> Array:
    """Codes of a frame's own categories as codes of the model's."""
    present = np.unique(codes[codes >= 0])
    table = np.full(len(values) + 1, np.nan)             # the last entry: code -1, missing
    if column.categories:
        table[present] = _coded([values[i] for i in present], column, schema, said)
    elif column.kind == _lib.COLUMN_CATEGORY and schema.source == "xgboost":
        table[:-1] = np.arange(len(values))              # as XGBoost did before it kept them
    elif column.kind == _lib.COLUMN_CATEGORY:
        raise DataError(f"{said} is a category, but the model does not say which code stands "
                        f"for which category: pass codes")
    else:                                                # a number to the model
        table[present] = _numbers([values[i] for i in present], said)
    return table[codes]


def _polars_column(x: Any, at: int, column: Column, schema: Schema, said: str) -> Array:
    series = x.to_series(at)
    if column.hashed:
        return _hashed(series.to_list(), column, schema, said)
    kind = str(series.dtype).split("(")[0]
    if column.categories or kind in ("Categorical", "Enum", "String", "Utf8"):
        values = series.unique(maintain_order=True)
        known = values.to_list()
        codes: Dict[Any, int] = {v: i for i, v in enumerate(v for v in known if v is not None)}
        listed = [-1 if v is None or v != v else codes[v] for v in series.to_list()]
        return _recoded(np.asarray(listed, np.int64), list(codes), column, schema, said)
    if kind == "Null":
        return np.full(len(series), np.nan)
    if kind in ("Decimal", "Object"):
        return _numbers(series.to_list(), said)
    if not (series.dtype.is_numeric() or kind == "Boolean"):
        raise DataError(f"{said} has the dtype {series.dtype}, expected numbers")
    if series.null_count() == 0:
        return as_float(series.to_numpy(), said)
    made = np.full(len(series), np.nan)
    made[series.is_not_null().to_numpy()] = as_float(series.drop_nulls().to_numpy(), said)
    return made


# ---- sparse matrices ------------------------------------------------------------------------------


def _sparse(x: Any, schema: Schema) -> Csr:
    """A matrix of scipy in any format, as compressed rows; of duplicates the sum, as there."""
    if len(x.shape) != 2:
        raise DataError(f"X has {len(x.shape)} dimensions, expected 2: rows and columns")
    if x.shape[1] != schema.cols:
        raise DataError(f"X has {x.shape[1]} columns, the model takes {schema.cols}")
    csr = x if getattr(x, "format", "") == "csr" else x.tocsr()
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sum_duplicates()
    values = np.ascontiguousarray(as_float(csr.data, "X"))
    index = np.int32 if csr.indices.dtype == np.int32 and csr.indptr.dtype == np.int32 else np.int64
    return Csr(int(x.shape[0]), int(x.shape[1]), np.ascontiguousarray(csr.indptr, index),
               np.ascontiguousarray(csr.indices, index), values)
