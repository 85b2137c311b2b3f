# SPDX-License-Identifier: MIT
"""libmodel behind the interface that the package onnx describes (onnx.backend.base)

    from mdl.onnx_backend import prepare
    prepare(onnx.load("model.onnx")).run([x])         # outputs in the graph's order, and by name

Needs the package onnx; mdl itself does not.
"""
from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, ValueInfoProto, helper
from onnx.backend.base import Backend as _Backend
from onnx.backend.base import BackendRep as _BackendRep
from onnx.backend.base import namedtupledict

from ._convert import convert
from ._errors import DataError, UnsupportedError
from ._model import Model


class BackendRep(_BackendRep):  # type: ignore[misc]
    """A model that is ready to run."""

    def __init__(self, model: Model, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self.model, self._inputs, self._outputs = model, list(inputs), list(outputs)

    def run(self, inputs: Any, **kwargs: Any) -> Tuple[Any, ...]:
        """inputs: arrays in the graph's order, one array, or arrays by name; optional inputs at the
        end may be left out.  Gives the outputs in the graph's order, as a tuple with names."""
        if isinstance(inputs, Mapping):
            given = dict(inputs)
        else:
            values = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
            if len(values) > len(self._inputs):
                raise DataError(f"{len(values)} inputs for a model that has {len(self._inputs)}: "
                                + ", ".join(f"'{name}'" for name in self._inputs))
            given = dict(zip(self._inputs, values))
        made = self.model.run(given)
        result: Tuple[Any, ...] = namedtupledict("Outputs", self._outputs)(
            *(made[name] for name in self._outputs))
        return result


class Backend(_Backend):  # type: ignore[misc]
    """prepare, run_model and run_node over mdl.convert and Model.run."""

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device.split(":")[0] == "CPU"

    @classmethod
    def is_compatible(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether the model can be converted; one that is damaged raises as prepare() does."""
        try:
            convert(model.SerializeToString())
        except UnsupportedError:
            return False
        return cls.supports_device(device)

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> BackendRep:
        if not cls.supports_device(device):
            raise UnsupportedError(f"libmodel runs on the CPU, not on '{device}'")
        weights = {tensor.name for tensor in model.graph.initializer}
        weights |= {tensor.values.name for tensor in model.graph.sparse_initializer}
        inputs = [value.name for value in model.graph.input if value.name not in weights]
        return BackendRep(convert(model.SerializeToString()), inputs,
                          [value.name for value in model.graph.output])

    @classmethod
    def run_model(cls, model: ModelProto, inputs: Any, device: str = "CPU",
                  **kwargs: Any) -> Tuple[Any, ...]:
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(cls, node: NodeProto, inputs: Any, device: str = "CPU",
                 outputs_info: Optional[Sequence[Tuple[Any, Tuple[int, ...]]]] = None,
                 **kwargs: Any) -> Tuple[Any, ...]:
        """One node as a model of its own.  opset_version: of its domain; None: the newest version
        of the operator.  outputs_info: dtype and shape of each output, where onnx cannot tell."""
        values = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        names = [name for name in node.input if name]
        if isinstance(inputs, Mapping):
            values = [inputs[name] for name in names]
        arrays = [np.asarray(value) for value in values]
        types = [_value(name, array.dtype, array.shape) for name, array in zip(names, arrays)]
        model = _model_of(node, types, outputs_info, kwargs.get("opset_version"))
        return cls.run_model(model, dict(zip(names, arrays)), device)


def _value(name: str, dtype: Any, shape: Sequence[Union[int, str, None]]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)),
                                         shape)


def _model_of(node: NodeProto, inputs: List[ValueInfoProto],
              outputs_info: Optional[Sequence[Tuple[Any, Tuple[int, ...]]]],
              opset: Optional[int]) -> ModelProto:
    names = [name for name in node.output if name]
    if opset is None:
        opset = onnx.defs.get_schema(node.op_type, node.domain).since_version
    imports = [helper.make_opsetid(node.domain, opset)]
    graph = helper.make_graph([node], "node", inputs, [])
    if outputs_info is not None:
        graph.output.extend(_value(name, *info) for name, info in zip(names, outputs_info))
    else:
        inferred = onnx.shape_inference.infer_shapes(
            helper.make_model(graph, opset_imports=imports))
        known = {value.name: value for value in inferred.graph.value_info}
        missing = [name for name in names if name not in known]
        if missing:
            raise UnsupportedError(f"onnx cannot tell the type of {', '.join(missing)}; give "
                                   "outputs_info")
        graph.output.extend(known[name] for name in names)
    return helper.make_model(graph, opset_imports=imports)


prepare = Backend.prepare
run_model = Backend.run_model
run_node = Backend.run_node
supports_device = Backend.supports_device
is_compatible = Backend.is_compatible
