# SPDX-License-Identifier: MIT
"""Predictions in stages, early stops, what each tree adds."""
from __future__ import annotations

import ctypes
from typing import Any, Iterator, Tuple

import numpy as np

from . import _lib
from ._data import Array
from ._errors import DataError, UnsupportedError

EarlyStop = Tuple[int, float]
ROOM = 1 << 26          # bytes of stages that are made at a time


def set_stop(options: Any, early_stop: EarlyStop) -> None:
    """Put (every, margin) into the options of a call."""
    try:
        every, margin = early_stop
        options.stop_every, options.stop_margin = count(every, "early_stop"), float(margin)
    except (TypeError, ValueError):
        raise DataError(f"early_stop is {early_stop!r}, expected (every, margin), like (10, 5.0)") \
            from None


def count(every: Any, name: str) -> int:
    """A number of rounds."""
    if isinstance(every, bool) or int(every) != every or not 0 < every < 2**63:
        raise DataError(f"{name} is {every!r}, expected a number of rounds, at least 1")
    return int(every)


def stages(handle: Any, options: Any, most: int) -> Iterator[Tuple[int, int, int]]:
    """Calls of at most `most` stages each, for those that the options ask for: the rounds before its
    first stage, the end of its range, how many stages."""
    begin, every, rounds = options.tree_begin, options.stage_every, _lib.lib.mdl_iterations(handle)
    end, n = options.tree_end or rounds, _lib.lib.mdl_stages(handle, ctypes.byref(options))
    if not rounds:
        raise UnsupportedError("stages need a model with exactly one tree ensemble")
    if not n:
        raise DataError(f"rounds {begin} to {end}, the model has {rounds}")
    for done in range(0, n, most):
        some = min(most, n - done)
        yield (done + 1) * every, min(begin + (done + some) * every, end), some


def ensemble(handle: Any) -> Tuple[int, "np.dtype[Any]"]:
    """Outputs and dtype of the sums of the one ensemble."""
    info = _lib.mdl_node_info(size=ctypes.sizeof(_lib.mdl_node_info))
    name, text = ctypes.c_char_p(), ctypes.create_string_buffer(64)
    for node in range(_lib.lib.mdl_node_count(handle)):
        _lib.lib.mdl_node(handle, node, ctypes.byref(info))
        if info.op != b"trees":
            continue
        outputs = 1
        for i in range(info.n_params):
            _lib.lib.mdl_node_param(handle, node, i, ctypes.byref(name), text, len(text))
            if name.value == b"outputs":
                outputs = int(text.value)
        for i in range(info.n_tensors):
            tensor = _lib.mdl_tensor(size=ctypes.sizeof(_lib.mdl_tensor))
            _lib.lib.mdl_node_tensor(handle, node, i, ctypes.byref(tensor))
            if tensor.name in (b"value", b"scale") and tensor.type in (_lib.F32, _lib.F64):
                return outputs, np.dtype(np.float32 if tensor.type == _lib.F32 else np.float64)
    raise UnsupportedError("single trees need a model with exactly one tree ensemble")


def by_tree(made: Array, outputs: int) -> Array:
    """[rows, 1 + trees], of several outputs [rows, 1 + trees, outputs]."""
    return made if outputs == 1 else made.reshape(len(made), -1, outputs)
