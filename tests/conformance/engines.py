# SPDX-License-Identifier: MIT
"""tests/conformance/engines.py - what is judged: libmodel, and ONNX Runtime beside it

An engine is a function from a model to a function from inputs by name to outputs by name.  What it
raises while it makes the second is Refused, if it says so, or an error.
"""
from __future__ import annotations

import ctypes
import os
from typing import Any, Callable, Dict, Mapping

import ml_dtypes
import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from cases import run_inputs

os.environ.setdefault("ALLOW_RELEASED_ONNX_OPSET_ONLY", "0")

Run = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Refused(Exception):
    """The engine says that it cannot run this model."""


# ---- libmodel ------------------------------------------------------------------------------------


def libmodel(path: str, model: ModelProto, changed: bool) -> Run:
    """Of the file; of the model's bytes where the harness has changed it."""
    import mdl

    try:
        made = mdl.convert(model.SerializeToString() if changed else path)
    except mdl.UnsupportedError as why:
        raise Refused("; ".join(why.parts)) from None
    return made.run


def libmodel_version() -> str:
    """Brings both libraries in, so that forked processes all have the same."""
    import mdl

    try:
        mdl.convert(b"?")
    except mdl.Error:
        pass
    return mdl.__version__


# ---- ONNX Runtime --------------------------------------------------------------------------------

# Types that its Python binding has no arrays for, and the integers of the same size.
RAW = {TensorProto.BFLOAT16: np.uint16,
       TensorProto.FLOAT8E4M3FN: np.uint8, TensorProto.FLOAT8E4M3FNUZ: np.uint8,
       TensorProto.FLOAT8E5M2: np.uint8, TensorProto.FLOAT8E5M2FNUZ: np.uint8,
       TensorProto.FLOAT8E8M0: np.uint8}
# Types of less than a byte: it packs them, lowest bits first.
PACKED = {TensorProto.INT4: (4, ml_dtypes.int4), TensorProto.UINT4: (4, ml_dtypes.uint4),
          TensorProto.FLOAT4E2M1: (4, ml_dtypes.float4_e2m1fn),
           TensorProto.INT2: (2, ml_dtypes.int2),
          TensorProto.UINT2: (2, ml_dtypes.uint2)}


def onnxruntime(path: str, model: ModelProto, changed: bool) -> Run:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    types = {value.name: value.type.tensor_type.elem_type
             for value in (*model.graph.input, *model.graph.output)}
    packed = [value.name for value in model.graph.input if types[value.name] in PACKED]

    def session(source: Any) -> Any:
        try:
            return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as why:
            raise Refused(str(why)) from None

    if packed:                            # inputs that cannot be given become constants
        return lambda feeds: _run(session(freeze(model, packed, feeds).SerializeToString()),
                                  feeds, types)
    opened = session(model.SerializeToString() if changed else path)
    return lambda feeds: _run(opened, feeds, types)


def _run(session: Any, feeds: Mapping[str, Any], types: Dict[str, int]) -> Dict[str, Any]:
    given = {value.name: feeds[value.name] for value in session.get_inputs()}
    names = [value.name for value in session.get_outputs()]
    unusual = RAW.keys() | PACKED.keys()
    if not any(types[name] in unusual for name in (*given, *names)):
        return dict(zip(names, session.run(None, given)))
    values = {name: _value(x, types[name]) for name, x in given.items()}
    made = session.run_with_ort_values(None, values)
    return {name: _array(value) for name, value in zip(names, made)}


def _value(x: Any, type_: int) -> Any:
    from onnxruntime import OrtValue

    if type_ not in RAW:
        return OrtValue.ortvalue_from_numpy(x)
    return OrtValue.ortvalue_from_numpy_with_onnx_type(np.array(x, order="C").view(RAW[type_]),
                                                       type_)


def _array(value: Any) -> Any:
    type_, shape = value.element_type(), tuple(value.shape())
    if type_ not in RAW and type_ not in PACKED:
        return value.numpy()
    bits, dtype = PACKED.get(type_, (0, None))
    count = int(np.prod(shape))
    size = (count * bits + 7) // 8 if bits else count * np.dtype(RAW[type_]).itemsize
    raw = np.frombuffer(ctypes.string_at(value.data_ptr(), size), np.uint8)
    if not bits:
        return raw.view(helper.tensor_dtype_to_np_dtype(type_)).reshape(shape)
    parts = np.stack([(raw >> shift) & ((1 << bits) - 1) for shift in range(0, 8, bits)], 1)
    parts = parts.ravel()[:count]
    if type_ in (TensorProto.INT4, TensorProto.INT2):
        half = 1 << (bits - 1)
        return ((parts.astype(np.int8) ^ half) - half).astype(dtype).reshape(shape)
    if type_ == TensorProto.FLOAT4E2M1:
        return parts.view(dtype).reshape(shape)
    return parts.astype(dtype).reshape(shape)


def onnxruntime_version() -> str:
    import onnxruntime as ort

    return str(ort.__version__)


ENGINES = {"libmodel": libmodel, "onnxruntime": onnxruntime}
VERSIONS = {"libmodel": libmodel_version, "onnxruntime": onnxruntime_version}

# ---- inputs that become constants ----------------------------------------------------------------

# The operands that say a shape: which inputs of which operators.
SHAPES = {"AffineGrid": (1,), "BlackmanWindow": (0,), "CenterCropPad": (1,), "Col2Im": (1, 2),
          "ConstantOfShape": (0,), "CumSum": (1,), "DFT": (1, 2), "Expand": (1,),
          "HammingWindow": (0,), "HannWindow": (0,), "Loop": (0,), "MaxUnpool": (2,),
          "MelWeightMatrix": (0, 1, 2, 3, 4), "NonMaxSuppression": (2, 3, 4), "OneHot": (1,),
          "Pad": (1, 3), "Range": (0, 1, 2), "ReduceL1": (1,), "ReduceL2": (1,),
          "ReduceLogSum": (1,), "ReduceLogSumExp": (1,), "ReduceMax": (1,), "ReduceMean": (1,),
          "ReduceMin": (1,), "ReduceProd": (1,), "ReduceSum": (1,), "ReduceSumSquare": (1,),
          "Reshape": (1,), "Resize": (1, 2, 3), "STFT": (1, 3), "Slice": (1, 2, 3, 4),
          "Split": (1,), "SplitToSequence": (1,), "Squeeze": (1,), "Tile": (1,), "TopK": (1,),
          "Trilu": (1,), "Unsqueeze": (1,), "Upsample": (1,)}


def shape_inputs(model: ModelProto) -> list[str]:
    """The graph's inputs that some node takes a shape from."""
    used = {node.input[i] for node in model.graph.node
            for i in SHAPES.get(node.op_type, ()) if i < len(node.input)}
    return [value.name for value in run_inputs(model) if value.name in used]


def freeze(model: ModelProto, names: list[str], feeds: Mapping[str, Any]) -> ModelProto:
    """The model with these inputs as initializers."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for name in names:
        made.graph.initializer.append(numpy_helper.from_array(np.asarray(feeds[name]), name))
    keep = [value for value in made.graph.input if value.name not in names]
    if made.ir_version >= 4:              # before that, initializers had to be inputs too
        del made.graph.input[:]
        made.graph.input.extend(keep)
    return made
