# SPDX-License-Identifier: MIT
"""What is behind a Model: the library's model and its bytes, and what it says of itself."""
from __future__ import annotations

import ctypes
import weakref
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _lib, _tensors
from ._data import Array, Column, Csr, Rows, category_values

Bytes = Union[bytes, bytearray, memoryview]

DTYPE: Dict[int, Any] = {_lib.F32: np.float32, _lib.F64: np.float64, _lib.I32: np.int32}
TYPE: Dict[Any, int] = {np.dtype(dtype): type_ for type_, dtype in DTYPE.items()}
ROLE = {_lib.OUTPUT_VALUE: "value", _lib.OUTPUT_RAW: "raw", _lib.OUTPUT_PROBA: "probability",
        _lib.OUTPUT_LABEL: "label", _lib.OUTPUT_LEAF: "leaf", _lib.OUTPUT_CONTRIB: "contribution"}

ALIGNMENT = 64          # of bytes that the library uses in place


class Output(NamedTuple):
    """One output: its name, what it means ("probability", "raw", ...), the dtype it is computed
    in, its columns, and the classes of its columns or labels (None without).  Of a graph of
    tensors the columns are 0, and shape says what is known: sizes, names of open dimensions, None."""
    name: str
    role: str
    dtype: "np.dtype[Any]"
    cols: int
    classes: Optional[Array]
    shape: Optional[_tensors.Shape] = None


class Handle:
    """The library's model, and the bytes that it uses in place.  Freed when the last call that
    uses it has returned and no Model holds it."""

    def __init__(self, image: Array, isa: Optional[str], engine: Optional[str], name: str) -> None:
        self.image = image
        self.value = ctypes.c_void_p()
        options = _lib.mdl_load_options(
            size=ctypes.sizeof(_lib.mdl_load_options), flags=_lib.LOAD_BORROW,
            isa=isa.encode() if isa is not None else None,
            engine=engine.encode() if engine is not None else None)
        error = _lib.new_error()
        status = _lib.lib.mdl_load_memory(
            ctypes.byref(self.value), ctypes.c_void_p(image.ctypes.data), image.nbytes,
            ctypes.byref(options), ctypes.byref(error))
        if status:
            _lib.raise_status(status, error, name)
        ins, _ = _tensors.slots(self.value)
        self.runner = _tensors.Runner(self.value) if _tensors.is_tensors(self.value, ins) else None
        weakref.finalize(self, _free, self.value, image, self.runner).atexit = False


def _free(value: ctypes.c_void_p, image: Array, runner: Optional[_tensors.Runner]) -> None:
    if runner is not None:
        runner.free()
    _lib.lib.mdl_free(value)
    del image                            # not before the model that uses it


def aligned(bytes_: Bytes) -> Array:
    """A read-only copy at an address that the library takes."""
    given = np.frombuffer(bytes_, np.uint8)
    room = np.empty(len(given) + ALIGNMENT, np.uint8)
    at = -room.ctypes.data % ALIGNMENT
    image = room[at:at + len(given)]
    image[:] = given
    image.flags.writeable = False
    return image


# ---- between ctypes and numpy -----------------------------------------------------------------


def length(rows: Rows) -> int:
    return rows.rows if isinstance(rows, Csr) else len(rows)


def must(status: int) -> None:
    if status:
        _lib.raise_status(status)


def as_tensor(array: Array, name: Optional[str]) -> _lib.mdl_tensor:
    """An array of two or three dimensions as the library sees it; the caller keeps the array."""
    made = _lib.mdl_tensor(size=ctypes.sizeof(_lib.mdl_tensor), type=TYPE[array.dtype],
                           rank=array.ndim,
                           name=name.encode() if name is not None else None,
                           data=array.ctypes.data)
    made.dims[:array.ndim] = array.shape
    made.strides[:array.ndim] = array.strides
    return made


def read_inputs(handle: ctypes.c_void_p) -> List[Tuple[str, int, int]]:
    made = []
    for i in range(_lib.lib.mdl_input_count(handle)):
        info = _lib.mdl_input_info(size=ctypes.sizeof(_lib.mdl_input_info))
        must(_lib.lib.mdl_input(handle, i, ctypes.byref(info)))
        made.append((info.name.decode(), int(info.dims[1]), int(info.type)))
    return made


def read_columns(handle: ctypes.c_void_p, cols: int) -> List[Column]:
    made = []
    info = _lib.mdl_column_info(size=ctypes.sizeof(_lib.mdl_column_info))
    for i in range(cols):
        must(_lib.lib.mdl_column(handle, 0, i, ctypes.byref(info)))
        texts = tuple(_lib.lib.mdl_category(handle, 0, i, k).decode()
                      for k in range(info.n_categories))
        made.append(Column(info.name.decode(), int(info.kind), int(info.category_type), texts, i))
    return made


def read_outputs(handle: ctypes.c_void_p) -> List[Tuple[Output, int]]:
    """Outputs without their classes, and the type of their labels (0 without)."""
    made = []
    for i in range(_lib.lib.mdl_output_count(handle)):
        info = _lib.mdl_output_info(size=ctypes.sizeof(_lib.mdl_output_info))
        must(_lib.lib.mdl_output(handle, i, ctypes.byref(info)))
        made.append((Output(info.name.decode(), ROLE.get(info.role, "other"),
                            _tensors.dtype_of(int(info.type)), int(info.cols), None),
                     int(info.label_type) if info.n_labels else 0))
    return made


def read_labels(handle: ctypes.c_void_p, output: int, type_: int, dtype: Optional[str]) -> Array:
    info = _lib.mdl_output_info(size=ctypes.sizeof(_lib.mdl_output_info))
    must(_lib.lib.mdl_output(handle, output, ctypes.byref(info)))
    texts = [_lib.lib.mdl_label(handle, output, k).decode() for k in range(info.n_labels)]
    made: npt.NDArray[Any] = np.array(category_values(type_, texts))
    if dtype is None or not dtype.isalnum():
        return made
    try:
        return made.astype(dtype)
    except (TypeError, ValueError, OverflowError):
        return made


def read_metadata(handle: ctypes.c_void_p) -> Dict[str, str]:
    key, value = ctypes.c_char_p(), ctypes.c_char_p()
    made = {}
    for i in range(_lib.lib.mdl_metadata_count(handle)):
        must(_lib.lib.mdl_metadata(handle, i, ctypes.byref(key), ctypes.byref(value)))
        made[(key.value or b"").decode()] = (value.value or b"").decode()
    return made
