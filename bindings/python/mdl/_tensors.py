# SPDX-License-Identifier: MIT
"""Graphs of tensors: any type, rank and number of inputs and outputs."""
from __future__ import annotations

import ctypes
import threading
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _lib
from ._errors import DataError, UnsupportedError

Array = npt.NDArray[Any]

# Element types that numpy has, by their number in mdl.h ...
NUMPY: Dict[int, Any] = {
    1: np.float32, 2: np.float64, 3: np.float16, 5: np.int8, 6: np.uint8, 7: np.int16,
    8: np.uint16, 9: np.int32, 10: np.uint32, 11: np.int64, 12: np.uint64, 13: np.bool_,
    14: np.object_, 25: np.complex64, 26: np.complex128}
# ... and those of the package ml_dtypes.
ML_DTYPES = {4: "bfloat16", 15: "float8_e4m3fn", 16: "float8_e4m3fnuz", 17: "float8_e5m2",
             18: "float8_e5m2fnuz", 19: "float8_e8m0fnu", 20: "float4_e2m1fn", 21: "int4",
             22: "uint4", 23: "int2", 24: "uint2"}
STRING = 14


def dtype_of(type_: int) -> "np.dtype[Any]":
    """The numpy type of an element type."""
    if type_ in NUMPY:
        known: "np.dtype[Any]" = np.dtype(NUMPY[type_])
        return known
    try:
        import ml_dtypes
        made: "np.dtype[Any]" = np.dtype(getattr(ml_dtypes, ML_DTYPES[type_]))
    except (ImportError, AttributeError):
        raise UnsupportedError(f"{ML_DTYPES.get(type_, type_)} arrays need a newer package "
                               "ml_dtypes", parts=[str(type_)]) from None
    return made


def type_of(dtype: "np.dtype[Any]") -> int:
    """The element type of numbers of a numpy type."""
    for type_, known in NUMPY.items():
        if type_ != STRING and np.dtype(known) == dtype:
            return type_
    for type_, name in ML_DTYPES.items():
        if dtype.name == name:
            return type_
    raise DataError(f"a model file holds no array of {dtype}")


class Slot(NamedTuple):
    """An input or output: its name and element type; of inputs the shape, -1 for any size and
    None for any rank."""
    name: str
    type: int
    shape: Optional[Tuple[int, ...]]


Shape = Tuple[Union[int, str, None], ...]


class Tensor(NamedTuple):
    """An input of a graph of tensors.  shape: None when a call may give any rank; of each
    dimension its size, its name ("batch") or None."""
    name: str
    dtype: "np.dtype[Any]"
    shape: Optional[Shape]

    def __str__(self) -> str:
        return f"{self.name} {self.dtype}{shape_text(self.shape)}"


def shape_text(shape: Optional[Shape]) -> str:
    """"[batch, 3, ?]"; "[...]" for any shape."""
    if shape is None:
        return "[...]"
    return "[" + ", ".join("?" if n is None else str(n) for n in shape) + "]"


def slots(handle: ctypes.c_void_p) -> Tuple[List[Slot], List[Slot]]:
    """Inputs and outputs."""
    ins, outs = [], []
    for i in range(_lib.lib.mdl_input_count(handle)):
        info = _lib.mdl_input_info(size=ctypes.sizeof(_lib.mdl_input_info))
        _lib.lib.mdl_input(handle, i, ctypes.byref(info))
        shape = tuple(info.dims[:info.rank]) if info.rank <= _lib.MAX_RANK else None
        ins.append(Slot(info.name.decode(), int(info.type), shape))
    for i in range(_lib.lib.mdl_output_count(handle)):
        out = _lib.mdl_output_info(size=ctypes.sizeof(_lib.mdl_output_info))
        _lib.lib.mdl_output(handle, i, ctypes.byref(out))
        outs.append(Slot(out.name.decode(), int(out.type), None))
    return ins, outs


def is_tensors(handle: ctypes.c_void_p, ins: Sequence[Slot]) -> bool:
    """Is it a graph of tensors, not of tables?"""
    if any(slot.shape is None or len(slot.shape) != 2 or slot.shape[0] != -1
           or slot.shape[1] < 1 or slot.type not in (1, 2) for slot in ins):
        return True
    node = _lib.mdl_node_info(size=ctypes.sizeof(_lib.mdl_node_info))
    used = set()
    for i in range(_lib.lib.mdl_node_count(handle)):
        _lib.lib.mdl_node(handle, i, ctypes.byref(node))
        used.add(node.op)
    op = _lib.mdl_op_info(size=ctypes.sizeof(_lib.mdl_op_info))
    i = 0
    while not _lib.lib.mdl_op(i, ctypes.byref(op)):
        if op.flags & _lib.OP_TENSOR and op.name in used:
            return True
        i += 1
    return not ins


NOTHING = object()        # no elements, in the type and shape of the input


class Parts:
    """Values of an ONNX graph that are more than one tensor, as Python has them and as tensors
    (mdl.h, mdl_run_tensors): lists for sequences, None for what is not there, dicts for maps."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        self.sequences, self.optionals, self.maps = (
            set(filter(None, metadata.get(key, "").split("\n")))
            for key in ("sequences", "optionals", "maps"))

    def names(self, outputs: Optional[Sequence[str]]) -> Optional[List[str]]:
        """Outputs by name, with those that belong to them."""
        if outputs is None:
            return None
        more = [name + ".dims" for name in outputs if name in self.sequences]
        return [*outputs, *more, *(name + ".given" for name in outputs if name in self.optionals)]

    def apart(self, inputs: Mapping[str, Any]) -> Dict[str, Any]:
        made: Dict[str, Any] = {}
        for name, value in inputs.items():
            if name in self.optionals and name + ".given" not in inputs:
                made[name + ".given"] = np.array(value is not None)
            if name in self.sequences and name + ".dims" not in inputs:
                made[name], made[name + ".dims"] = _row(value or ())
            elif name in self.maps and isinstance(value, Mapping):
                made[name], made[name + ".keys"] = list(value.values()), list(value)
            else:
                made[name] = NOTHING if value is None and name in self.optionals else value
        return made

    def together(self, answers: Dict[str, Any]) -> Dict[str, Any]:
        for name in self.sequences & {key[:-5] for key in answers if key.endswith(".dims")}:
            answers[name] = _elements(answers[name], answers.pop(name + ".dims"))
        for name in self.optionals & {key[:-6] for key in answers if key.endswith(".given")}:
            if not answers.pop(name + ".given"):
                answers[name] = None
        return answers


def _row(values: Sequence[Any]) -> Tuple[Any, Array]:
    """Arrays one after another, and the shape of each, -1 behind its last dimension."""
    arrays = [np.asarray(value) for value in values]
    dims = np.full((len(arrays), _lib.MAX_RANK), -1, np.int64)
    for i, array in enumerate(arrays):
        dims[i, :array.ndim] = array.shape
    return np.concatenate([array.ravel() for array in arrays]) if arrays else NOTHING, dims


def _elements(data: Array, dims: Array) -> List[Array]:
    shapes = [tuple(row[row >= 0]) for row in dims]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes], dtype=np.int64)
    return [part.reshape(shape) for part, shape in zip(np.split(data, ends[:-1]), shapes)]


class Runner:
    """Runs one model; contexts are kept, one for each thread that runs at the same time."""

    def __init__(self, handle: ctypes.c_void_p) -> None:
        self.ins, self.outs = slots(handle)
        self._idle: List[ctypes.c_void_p] = []
        self._lock = threading.Lock()

    def run(self, handle: ctypes.c_void_p, inputs: Mapping[str, Any],
            names: Optional[Sequence[str]]) -> Dict[str, Array]:
        wanted = [slot.name for slot in self.outs] if names is None else list(names)
        known = {slot.name: slot for slot in self.outs}
        faults = [f"missing: '{slot.name}'" for slot in self.ins if slot.name not in inputs]
        faults += [f"not known to the model: '{name}'" for name in inputs
                   if name not in {slot.name for slot in self.ins}]
        faults += [f"no such output: '{name}'" for name in wanted if name not in known]
        if faults:
            raise DataError("the inputs do not fit the model; " + "; ".join(faults))
        kept: List[Any] = []
        given = (_lib.mdl_tensor * max(len(self.ins), 1))(
            *(_given(slot, inputs[slot.name], kept) for slot in self.ins))
        made = (_lib.mdl_tensor * max(len(wanted), 1))(
            *(_lib.mdl_tensor(size=ctypes.sizeof(_lib.mdl_tensor), name=name.encode())
              for name in wanted))
        context = self._take(handle)
        try:
            error = _lib.new_error()
            status = _lib.lib.mdl_run_tensors(handle, context, given, len(self.ins), made,
                                              len(wanted), ctypes.byref(error))
            if status:
                _lib.raise_status(status, error)
            return {name: taken(made[i]) for i, name in enumerate(wanted)}
        finally:
            with self._lock:
                self._idle.append(context)

    def _take(self, handle: ctypes.c_void_p) -> ctypes.c_void_p:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        context, error = ctypes.c_void_p(), _lib.new_error()
        status = _lib.lib.mdl_context_create(ctypes.byref(context), handle, ctypes.byref(error))
        if status:
            _lib.raise_status(status, error)
        return context

    def inputs(self, metadata: Mapping[str, str]) -> List[Tensor]:
        """What a call must give."""
        return [Tensor(slot.name, dtype_of(slot.type), None if slot.shape is None else tuple(
                    n if n >= 0 else metadata.get(f"dim.{i}.{slot.name}") or None
                    for i, n in enumerate(slot.shape))) for slot in self.ins]

    def output_shapes(self, handle: ctypes.c_void_p,
                      metadata: Mapping[str, str]) -> List[Optional[Shape]]:
        """Of each output, as far as it follows from the shapes of the inputs.  Asked for two sets of
        sizes, which no two open dimensions share: what stays is fixed, what follows an input's
        dimension has its name."""
        inputs = self.inputs(metadata)
        symbols = list(dict.fromkeys(_symbols(inputs)))
        if len(symbols) >= len(PRIMES) or any(one.shape is None for one in inputs):
            return [None] * len(self.outs)
        for step in (1, 32):              # networks that halve a picture some times want more
            sizes = [{symbol: step * PRIMES[i + more] for i, symbol in enumerate(symbols)}
                     for more in (0, 1)]
            asked = [self._asked(handle, inputs, one) for one in sizes]
            made = [None if a is None or b is None or len(a) != len(b) else tuple(
                        m if m == n else next((s if isinstance(s, str) else None for s in symbols
                                               if (m, n) == (sizes[0][s], sizes[1][s])), None)
                        for m, n in zip(a, b)) for a, b in zip(*asked)]
            if any(shape is not None for shape in made):
                return made
        return [None] * len(self.outs)

    def _asked(self, handle: ctypes.c_void_p, inputs: Sequence[Tensor],
               sizes: Mapping[Any, int]) -> List[Optional[Tuple[int, ...]]]:
        """The shapes of all outputs when the open dimensions have these sizes."""
        given = (_lib.mdl_tensor * max(len(self.ins), 1))()
        names = iter(_symbols(inputs))
        for i, slot in enumerate(self.ins):
            shape = slot.shape or ()
            given[i] = _lib.mdl_tensor(size=ctypes.sizeof(_lib.mdl_tensor), type=slot.type,
                                       rank=len(shape), name=slot.name.encode())
            for d, n in enumerate(shape):
                given[i].dims[d] = n if n >= 0 else sizes[next(names)]
        shapes: List[Optional[Tuple[int, ...]]] = []
        for slot in self.outs:
            made = _lib.mdl_tensor(size=ctypes.sizeof(_lib.mdl_tensor), name=slot.name.encode())
            status = _lib.lib.mdl_run_shapes(handle, given, len(self.ins), ctypes.byref(made), 1,
                                             None, None)
            shapes.append(None if status else tuple(made.dims[:made.rank]))
        return shapes

    def free(self) -> None:
        """Before the model is freed."""
        with self._lock:
            while self._idle:
                _lib.lib.mdl_context_free(self._idle.pop())


PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23)


def _symbols(inputs: Sequence[Tensor]) -> List[Any]:
    """One for each open dimension, in order: its name, or where it is."""
    return [(one.name, i) if n is None else n for one in inputs for i, n in enumerate(one.shape or ())
            if not isinstance(n, int)]


def maps(scores: Array, classes: Sequence[Any]) -> List[Dict[Any, float]]:
    """Rows of scores as ONNX Runtime gives what a ZipMap makes: a map from class to score each."""
    if scores.ndim != 2 or scores.shape[1] != len(classes):
        raise DataError(f"scores of shape {scores.shape} for {len(classes)} classes")
    return [dict(zip(classes, row)) for row in scores.tolist()]


def _array(slot: Slot, value: Any) -> Array:
    """What was given, in the model's type if nothing is lost by that."""
    want = dtype_of(slot.type)
    array = np.asarray(value)
    if slot.type == STRING or array.dtype == want:
        return array
    if array.dtype.kind in "US" or (array.dtype.kind == "O" and array.size):
        raise DataError(f"input '{slot.name}' holds {array.dtype}, expected {want}")
    if np.can_cast(array.dtype, want, "same_kind") and not isinstance(value, np.ndarray):
        return array.astype(want)
    if array.dtype.kind in "iub" and not isinstance(value, np.ndarray):
        return array.astype(want)
    if array.dtype.kind == "f" and want.kind == "f" and not isinstance(value, np.ndarray):
        return array.astype(want)
    raise DataError(f"input '{slot.name}' is {array.dtype}, expected {want}: convert it with "
                    f".astype('{want}')")


def _given(slot: Slot, value: Any, kept: List[Any]) -> _lib.mdl_tensor:
    if value is NOTHING:
        value = np.zeros([max(n, 0) for n in slot.shape or (0,)] if slot.shape != () else (),
                         dtype_of(slot.type))
    array = _array(slot, value)
    if array.ndim > _lib.MAX_RANK:
        raise DataError(f"input '{slot.name}' has {array.ndim} dimensions, the most are "
                        f"{_lib.MAX_RANK}")
    if slot.type == STRING:
        texts = [str(text).encode() if not isinstance(text, bytes) else text
                 for text in array.ravel().tolist()]
        pointers = (ctypes.c_char_p * max(len(texts), 1))(*texts)
        kept += [texts, pointers]
        data, strides = ctypes.addressof(pointers), None
    else:
        kept.append(array)
        data, strides = array.ctypes.data, array.strides
    made = _lib.mdl_tensor(size=ctypes.sizeof(_lib.mdl_tensor), type=slot.type, rank=array.ndim,
                           name=slot.name.encode(), data=data)
    for i, n in enumerate(array.shape):
        made.dims[i] = n
        if strides is not None:
            made.strides[i] = strides[i]
    return made


def taken(tensor: _lib.mdl_tensor) -> Array:
    """A copy of a result that lies in a context."""
    shape = tuple(tensor.dims[:tensor.rank])
    if tensor.type == STRING:
        count = int(np.prod(shape))
        pointers = ctypes.cast(tensor.data, ctypes.POINTER(ctypes.c_char_p))
        texts = [(pointers[i] or b"").decode() for i in range(count)]
        made: Array = np.empty(count, object)
        made[:] = texts
        return made.reshape(shape)
    made = np.empty(shape, dtype_of(tensor.type))
    if made.nbytes:
        ctypes.memmove(made.ctypes.data, tensor.data, made.nbytes)
    return made
