# SPDX-License-Identifier: MIT
"""bench/networks.py - the networks that are timed: small ones made here, real ones from packages

NETWORKS names them; each gives the ONNX file's path or bytes and the inputs of a call.  Weights are
random, from a fixed seed, of a size that keeps numbers near 1 from layer to layer.
"""
from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "python"))
import onnx_real                                                                   # noqa: E402

Feeds = Dict[str, Any]
Made = Tuple[Union[str, bytes], Feeds]
NETWORKS: Dict[str, Callable[[], Made]] = {}


class Maker:
    """A graph in the making: node() gives the name of its first result, weight() that of a constant."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(7)
        self.nodes: List[Any] = []
        self.weights: List[Any] = []
        self.inputs: List[Any] = []
        self.feeds: Feeds = {}

    def input(self, name: str, *shape: int) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        self.feeds[name] = self.random.normal(size=shape).astype(np.float32)
        return name

    def constant(self, value: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, *shape: int, fan: int = 0) -> str:
        scale = (fan or int(np.prod(shape[1:])) or 1) ** -0.5
        return self.constant((self.random.normal(size=shape) * scale).astype(np.float32))

    def node(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        names = [f"t{len(self.nodes)}" + "abc"[i] for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0]

    def done(self, *outputs: str) -> Made:
        graph = helper.make_graph(self.nodes, "g", self.inputs,
                                  [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs],
                                  self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return onnx.shape_inference.infer_shapes(model).SerializeToString(), self.feeds


def mlp(batch: int, *widths: int) -> Made:
    m = Maker()
    x = m.input("x", batch, widths[0])
    for i, (a, b) in enumerate(zip(widths, widths[1:])):
        x = m.node("Gemm", x, m.weight(b, a), m.weight(b, fan=b), transB=1)
        if i + 2 < len(widths):
            x = m.node("Relu", x)
    return m.done(x)


def recurrent(op: str, steps: int) -> Made:
    m = Maker()
    gates, state = {"LSTM": (4, ("h", "c")), "GRU": (3, ("h",))}[op]
    x, kept = m.input("x", steps, 1, 40), [m.input(name, 1, 1, 64) for name in state]
    y = m.node(op, x, m.weight(1, gates * 64, 40, fan=64), m.weight(1, gates * 64, 64, fan=64),
               m.weight(1, 2 * gates * 64, fan=64), "", *kept, outputs=1 + len(state), hidden_size=64)
    return m.done(*(y[:-1] + letter for letter in "abc"[:1 + len(state)]))


def conv(m: Maker, x: str, cin: int, cout: int, size: int = 3, act: str = "Relu", **more: Any) -> str:
    groups = more.get("group", 1)
    x = m.node("Conv", x, m.weight(cout, cin // groups, size, size), m.weight(cout, fan=cout),
               kernel_shape=[size, size], pads=[size // 2] * 4, **more)
    if act == "Relu6":
        return m.node("Clip", x, m.constant(np.float32(0)), m.constant(np.float32(6)))
    return m.node(act, x) if act else x


def digits(batch: int) -> Made:
    m = Maker()
    x = conv(m, m.input("x", batch, 1, 8, 8), 1, 16)
    x = m.node("MaxPool", conv(m, x, 16, 32), kernel_shape=[2, 2], strides=[2, 2])
    x = m.node("Flatten", x)
    x = m.node("Relu", m.node("Gemm", x, m.weight(64, 512), m.weight(64, fan=64), transB=1))
    return m.done(m.node("Gemm", x, m.weight(10, 64), m.weight(10, fan=10), transB=1))


def mobile(batch: int) -> Made:
    m = Maker()
    x = conv(m, m.input("x", batch, 3, 32, 32), 3, 16, act="Relu6", strides=[2, 2])
    width = 16
    for wide, stride, times in ((24, 1, 1), (32, 2, 2), (64, 2, 2)):
        for i in range(times):
            step = stride if not i else 1
            inner = conv(m, x, width, 4 * width, 1, "Relu6")
            inner = conv(m, inner, 4 * width, 4 * width, 3, "Relu6", group=4 * width, strides=[step, step])
            inner = conv(m, inner, 4 * width, wide, 1, "")
            x = m.node("Add", x, inner) if wide == width and step == 1 else inner
            width = wide
    x = m.node("Flatten", m.node("GlobalAveragePool", x))
    return m.done(m.node("Gemm", x, m.weight(10, width), m.weight(10, fan=10), transB=1))


def residual() -> Made:
    m = Maker()
    x = m.input("x", 1, 64, 28, 28)
    return m.done(m.node("Relu", m.node("Add", x, conv(m, conv(m, x, 64, 64), 64, 64, act=""))))


def norm(m: Maker, x: str) -> str:
    return m.node("LayerNormalization", x, m.constant(np.ones(128, np.float32)), m.weight(128, fan=128), axis=-1)


def affine(m: Maker, x: str, a: int, b: int) -> str:
    return m.node("Add", m.node("MatMul", x, m.weight(a, b, fan=a)), m.weight(b, fan=b))


def transformer(length: int) -> Made:
    """One encoder layer: 4 heads of 32, a wide layer of 512 with GELU."""
    m = Maker()
    x = m.input("x", 1, length, 128)
    heads = m.constant(np.array([1, length, 4, 32], np.int64))
    whole = m.constant(np.array([1, length, 128], np.int64))
    q, k, v = (m.node("Transpose", m.node("Reshape", affine(m, x, 128, 128), heads), perm=perm)
               for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
    near = m.node("Softmax", m.node("Mul", m.node("MatMul", q, k), m.constant(np.float32(32 ** -0.5))), axis=-1)
    mixed = m.node("Reshape", m.node("Transpose", m.node("MatMul", near, v), perm=[0, 2, 1, 3]), whole)
    x = norm(m, m.node("Add", x, affine(m, mixed, 128, 128)))
    wide = affine(m, x, 128, 512)
    gate = m.node("Add", m.node("Erf", m.node("Div", wide, m.constant(np.float32(2 ** 0.5)))),
                  m.constant(np.float32(1)))
    wide = m.node("Mul", m.node("Mul", wide, gate), m.constant(np.float32(0.5)))
    return m.done(norm(m, m.node("Add", x, affine(m, wide, 512, 128))))


def one_node() -> Made:
    m = Maker()
    return m.done(m.node("Relu", m.input("x", 1, 4)))


class Asked(Exception):
    pass


def real(name: str, shape: Optional[Tuple[int, ...]] = None) -> Made:
    """A model of tests/python/onnx_real.py with its first input, or a part of it."""
    model = onnx_real.MODELS[name]
    seen: Feeds = {}

    def listen(feeds: Feeds) -> Feeds:
        seen.update(feeds)
        raise Asked

    try:
        model.ask(listen)
    except Asked:
        pass
    if shape:
        (key, value), = seen.items()
        seen = {key: np.ascontiguousarray(value[tuple(slice(n) for n in shape)])}
    return model.source(), seen


def _add(title: str, make: Callable[..., Made], *args: Any) -> None:
    NETWORKS[title] = lambda: make(*args)


_add("one node: ReLU of 4", one_node)
for _widths in ((4, 16, 1), (64, 128, 64, 10), (784, 128, 10), (256, 512, 512, 10)):
    for _batch in (1, 32):
        _add(f"MLP {'-'.join(map(str, _widths))}, batch {_batch}", mlp, _batch, *_widths)
for _op in ("LSTM", "GRU"):
    for _steps in (1, 50):
        _add(f"{_op} 40-64, {_steps} step{'s' if _steps > 1 else ''}", recurrent, _op, _steps)
for _batch in (1, 32):
    _add(f"digits CNN, batch {_batch}", digits, _batch)
for _batch in (1, 32):
    _add(f"MobileNet-like 32x32, batch {_batch}", mobile, _batch)
_add("residual block, 64 channels, 28x28", residual)
for _length in (16, 128):
    _add(f"transformer layer, width 128, {_length} tokens", transformer, _length)
_add("silero-vad, a chunk (If)", real, "silero_vad")
_add("silero-vad 16k, a chunk (If)", real, "silero_vad_16k_op15")
_add("silero-vad, a chunk (no If)", real, "silero_vad_op18_ifless")
_add("magika, a file", real, "magika", (1, 2048))
_add("rapidocr classifier, 48x192", real, "rapidocr_cls", (1, 3, 48, 192))
_add("rapidocr detector, 96x160", real, "rapidocr_det", (1, 3, 96, 160))
_add("rapidocr recogniser, 48x160", real, "rapidocr_rec", (1, 3, 48, 160))
_add("MiniLM L6, five sentences", real, "all_minilm_l6")
_add("MiniLM L3, five sentences", real, "paraphrase_minilm_l3")
