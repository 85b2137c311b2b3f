# SPDX-License-Identifier: MIT
"""tests/conformance/operators.py [FILE.onnx...] - which operators models need

Without files: of every set of the package onnx.  One line for each operator: in how many models,
at which version of the operator, with which types of its inputs.
"""
from __future__ import annotations

import sys
from collections import defaultdict
from typing import Any, Dict, Iterable, Iterator, List, Set, Tuple

import onnx
from onnx import AttributeProto, ModelProto, TensorProto

Use = Tuple[str, int, Tuple[str, ...]]    # operator with its domain, version, types of its inputs


def nodes(graph: Any) -> Iterator[Any]:
    """Of a graph or function, those of its subgraphs included."""
    for node in getattr(graph, "node", ()):
        yield node
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from nodes(attribute.g)
            for inner in attribute.graphs:
                yield from nodes(inner)


def since(op: str, domain: str, opset: int) -> int:
    """The version of an operator that a model of this opset means; 0 if the standard has none."""
    try:
        return int(onnx.defs.get_schema(op, opset, domain).since_version)
    except onnx.defs.SchemaError:
        return 0


def opsets(model: ModelProto) -> Dict[str, int]:
    return {entry.domain.replace("ai.onnx", "", 1) if entry.domain == "ai.onnx" else entry.domain:
            entry.version for entry in model.opset_import}


def uses(model: ModelProto) -> List[Use]:
    """Of each node."""
    versions, types = opsets(model), _types(model)
    found = []
    for graph in (model.graph, *model.functions):
        for node in nodes(graph):
            domain = "" if node.domain == "ai.onnx" else node.domain
            name = f"{domain}.{node.op_type}" if domain else node.op_type
            found.append((name, since(node.op_type, domain, versions.get(domain, 1)),
                          tuple(types.get(end, "?") if end else "-" for end in node.input)))
    return found


def table(models: Iterable[ModelProto]) -> List[str]:
    count: Dict[str, int] = defaultdict(int)
    versions: Dict[str, Set[int]] = defaultdict(set)
    types: Dict[str, Dict[Tuple[str, ...], int]] = defaultdict(lambda: defaultdict(int))
    for model in models:
        found = uses(model)
        for op in {use[0] for use in found}:
            count[op] += 1
        for op, version, inputs in set(found):
            versions[op].add(version)
            types[op][inputs] += 1
    lines = []
    for op in sorted(count, key=lambda op: (-count[op], op)):
        often = sorted(types[op].items(), key=lambda item: -item[1])
        shown = " ".join(f"({','.join(inputs)})x{n}" for inputs, n in often[:12])
        more = f" and {len(often) - 12} more" if len(often) > 12 else ""
        when = ",".join(map(str, sorted(versions[op])))
        lines.append(f"{op:28} {count[op]:5}  v{when}  {shown}{more}")
    return lines


def _types(model: ModelProto) -> Dict[str, str]:
    """The type of every value that the graph tells or that can be inferred."""
    try:
        model = onnx.shape_inference.infer_shapes(model)
    except Exception:                     # of a model that onnx itself cannot infer: what it says
        pass
    graphs = [model.graph] + [graph for node in nodes(model.graph) for attribute in node.attribute
                              for graph in (attribute.g, *attribute.graphs)]
    found: Dict[str, str] = {}
    for graph in graphs:
        for tensor in graph.initializer:
            found[tensor.name] = _name(tensor.data_type)
        for value in (*graph.input, *graph.output, *graph.value_info):
            kind = value.type.WhichOneof("value") or "?"
            found[value.name] = (_name(value.type.tensor_type.elem_type)
                                 if kind == "tensor_type" else kind.replace("_type", ""))
    return found


def _name(type_: int) -> str:
    return TensorProto.DataType.Name(type_).lower() if type_ else "?"


def main(paths: List[str]) -> None:
    from cases import SETS, all_cases

    if paths:
        groups = {path: [path] for path in paths}
    else:
        groups = {set_: [str(case.model) for case in all_cases() if case.set == set_]
                  for set_ in SETS}
    for name, files in groups.items():
        print(f"\n== {name}: {len(files)} models")
        print("\n".join(table(onnx.load(file) for file in files)))


if __name__ == "__main__":
    main(sys.argv[1:])
