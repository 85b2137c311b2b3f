# SPDX-License-Identifier: MIT
"""A BERT encoder of safetensors weights as an ONNX file, as PyTorch's exporter writes it

    LayerNorm as ReduceMean, Sub, Pow, ..., GELU as Div, Erf, Add, Mul, Mul; heads split by Reshape
    and Transpose; the mask as (1 - mask) * -3.4e38, added to the scores.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
from onnx import TensorProto, helper, numpy_helper

LOWEST = np.finfo(np.float32).min


def weights(path: Path) -> Dict[str, Any]:
    """safetensors: the length of a JSON header, the header, the numbers."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    told = json.loads(content[8:8 + size])
    told.pop("__metadata__", None)
    numbers, types = memoryview(content)[8 + size:], {"F32": np.float32, "I64": np.int64}
    return {name: np.frombuffer(numbers[slice(*entry["data_offsets"])],
                                types[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in told.items()}


class _Graph:
    """Nodes one after the other; a call gives the name of what it makes."""

    def __init__(self, given: Dict[str, Any]) -> None:
        self.given, self.nodes, self.constants = given, [], {}

    def __call__(self, op: str, *inputs: Any, **attributes: Any) -> str:
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, names, [name], name, **attributes))
        return name

    def constant(self, value: Any) -> str:
        value = np.asarray(value)
        name = f"constant_{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(value, name)
        return name

    def weight(self, name: str, transposed: bool = False) -> str:
        if name not in self.constants:
            value = self.given[name].T if transposed else self.given[name]
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def linear(self, x: str, name: str) -> str:
        product = self("MatMul", x, self.weight(f"{name}.weight", transposed=True))
        return self("Add", self.weight(f"{name}.bias"), product)

    def norm(self, x: str, name: str, epsilon: float) -> str:
        centred = self("Sub", x, self("ReduceMean", x, axes=[-1]))
        variance = self("ReduceMean", self("Pow", centred, np.float32(2)), axes=[-1])
        scale = self("Sqrt", self("Add", variance, np.float32(epsilon)))
        scaled = self("Mul", self("Div", centred, scale), self.weight(f"{name}.weight"))
        return self("Add", scaled, self.weight(f"{name}.bias"))

    def gelu(self, x: str) -> str:
        erf = self("Add", self("Erf", self("Div", x, np.float32(2 ** 0.5))), np.float32(1))
        return self("Mul", self("Mul", x, erf), np.float32(0.5))


def bert(folder: Path) -> bytes:
    """input_ids, attention_mask, token_type_ids [batch, sequence] -> last_hidden_state."""
    told = json.loads((folder / "config.json").read_text("utf-8"))
    g = _Graph(weights(folder / "model.safetensors"))
    epsilon, width = told["layer_norm_eps"], told["hidden_size"]
    heads, each = told["num_attention_heads"], width // told["num_attention_heads"]

    mask = g("Unsqueeze", g("Unsqueeze", "attention_mask", np.array([1])), np.array([2]))
    mask = g("Mul", g("Sub", np.float32(1), g("Cast", mask, to=TensorProto.FLOAT)), LOWEST)
    length = g("Gather", g("Shape", "input_ids"), np.array(1), axis=0)
    length = g("Unsqueeze", length, np.array([0]))
    positions = g("Slice", g.weight("embeddings.position_ids"), np.array([0]), length,
                  np.array([1]))
    words = g("Gather", g.weight("embeddings.word_embeddings.weight"), "input_ids")
    kinds = g("Gather", g.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
    places = g("Gather", g.weight("embeddings.position_embeddings.weight"), positions)
    x = g.norm(g("Add", g("Add", words, kinds), places), "embeddings.LayerNorm", epsilon)

    for layer in range(told["num_hidden_layers"]):
        at = f"encoder.layer.{layer}"
        q, k, v = (g("Reshape", g.linear(x, f"{at}.attention.self.{what}"),
                     np.array([0, 0, heads, each]))
                   for what in ("query", "key", "value"))
        q, v = (g("Transpose", part, perm=[0, 2, 1, 3]) for part in (q, v))
        scores = g("MatMul", q, g("Transpose", k, perm=[0, 2, 3, 1]))
        scores = g("Softmax", g("Add", g("Div", scores, np.float32(each ** 0.5)), mask), axis=-1)
        seen = g("Transpose", g("MatMul", scores, v), perm=[0, 2, 1, 3])
        seen = g.linear(g("Reshape", seen, np.array([0, 0, width])), f"{at}.attention.output.dense")
        x = g.norm(g("Add", seen, x), f"{at}.attention.output.LayerNorm", epsilon)
        inner = g.gelu(g.linear(x, f"{at}.intermediate.dense"))
        x = g("Add", g.linear(inner, f"{at}.output.dense"), x)
        x = g.norm(x, f"{at}.output.LayerNorm", epsilon)

    shape: List[Any] = ["batch", "sequence"]
    ins = [helper.make_tensor_value_info(name, TensorProto.INT64, shape)
           for name in ("input_ids", "attention_mask", "token_type_ids")]
    g.nodes.append(helper.make_node("Identity", [x], ["last_hidden_state"]))
    outs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, width])]
    graph = helper.make_graph(g.nodes, "bert", ins, outs, list(g.constants.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    return bytes(model.SerializeToString())
