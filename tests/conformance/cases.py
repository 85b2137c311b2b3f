# SPDX-License-Identifier: MIT
"""tests/conformance/cases.py - the tests that ship in the package onnx

A case is a model and one or more data sets: what goes in, what must come out.  The sets are
folders of files, except `light`: nine networks whose expected output lies beside each, and whose
input is a ramp from 0 to 1, as onnx's own runner makes it.
"""
from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import onnx
from onnx import ModelProto, TypeProto, ValueInfoProto, numpy_helper

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
SETS = ("node", "light", "simple", "pytorch-converted", "pytorch-operator")
RTOL, ATOL = 1e-3, 1e-7                   # onnx's own, unless data.json says otherwise

RANDOM = {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
          "RandomUniformLike"}

# The reference computes these inverses in float32: where the exact answer is 0 it has 2e-7, more
# than atol away from an engine that is nearer to 0.
INEXACT = {"test_dft_inverse": 1e-6, "test_dft_inverse_opset19": 1e-6}

DataSet = Tuple[List[Any], List[Any]]     # inputs and outputs, in the graph's order


@dataclass(frozen=True)
class Case:
    set: str
    name: str
    model: Path
    rtol: float = RTOL
    atol: float = ATOL

    @property
    def id(self) -> str:
        return f"{self.set}/{self.name}"

    @property
    def base(self) -> str:
        """The test whose operator this one spells out as a graph of others; else its own name."""
        return re.sub(r"_expanded(_ver\d+)?$", "", self.name)


def all_cases() -> List[Case]:
    found = []
    for set_ in SETS:
        folder = DATA / set_
        if set_ == "light":
            found += [Case(set_, path.stem.replace("light_", ""), path)
                      for path in sorted(folder.glob("*.onnx"))]
            continue
        for path in sorted(folder.glob("*/model.onnx")):
            told = path.with_name("data.json")
            given = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}
            found.append(Case(set_, path.parent.name, path, given.get("rtol", RTOL),
                              given.get("atol", INEXACT.get(path.parent.name, ATOL))))
    return found


def run_inputs(model: ModelProto) -> List[ValueInfoProto]:
    """The inputs that a caller gives: old files list their weights among them."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in weights]


def data_sets(case: Case, model: ModelProto) -> List[DataSet]:
    inputs, outputs = run_inputs(model), list(model.graph.output)
    if case.set == "light":
        expected = [_load(case.model.with_name(f"{case.model.stem}_output_{i}.pb"), value.type)
                    for i, value in enumerate(outputs)]
        return [([_ramp(value) for value in inputs], expected)]
    return [(_load_all(folder, "input", inputs), _load_all(folder, "output", outputs))
            for folder in sorted(case.model.parent.glob("test_data_set_*"))]


def skip_reason(model: ModelProto, sets: List[DataSet]) -> Optional[str]:
    """Why no two implementations agree on this case; None where they must."""
    if not sets:
        return "no data"
    given = dict(zip((value.name for value in run_inputs(model)), sets[0][0]))
    for node in model.graph.node:
        if node.op_type in RANDOM:
            return f"random: {node.op_type}"
        if node.op_type == "Dropout" and _drops(node, given):
            return "random: Dropout in training"
    return None


# ---- details ---------------------------------------------------------------------------------


def _drops(node: Any, given: Dict[str, Any]) -> bool:
    """Training mode, and a ratio that is not 0: then the mask is drawn."""
    if len(node.input) < 3 or not given.get(node.input[2], True):
        return False
    return bool(given.get(node.input[1], 0.5) != 0)


def _ramp(value: ValueInfoProto) -> Any:
    shape = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
    count = int(np.prod(shape))
    return (np.arange(count).reshape(shape) / count).astype(np.float32)


def _load_all(folder: Path, what: str, values: List[ValueInfoProto]) -> List[Any]:
    count = len(list(folder.glob(f"{what}_*.pb")))
    return [_load(folder / f"{what}_{i}.pb", values[i].type) for i in range(count)]


def _load(path: Path, type_: TypeProto) -> Any:
    """An array, a list of values, or None for an optional without one."""
    content = path.read_bytes()
    if type_.HasField("sequence_type"):
        return numpy_helper.to_list(onnx.SequenceProto.FromString(content))
    if type_.HasField("optional_type"):
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(content))
    return numpy_helper.to_array(onnx.TensorProto.FromString(content))
