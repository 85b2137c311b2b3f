# SPDX-License-Identifier: MIT
"""The clean-up passes over networks: what each takes away, and that no bit of an answer changes

Expected nodes are written down by hand; expected answers are those without any pass.
"""
import itertools

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

import mdl                                                                         # noqa: E402
from mdl._convert import import_                                                   # noqa: E402
from onnx import TensorProto as T                                                  # noqa: E402
from onnx import helper as h                                                       # noqa: E402
from onnx import numpy_helper                                                      # noqa: E402

PASSES = ["fold", "shapes", "casts", "transposes", "reshapes", "same", "dead"]
rng = np.random.default_rng(26)


class Net:
    """A graph of one input x, written down line by line."""

    def __init__(self, type_=T.FLOAT, shape=("batch", 6, "steps")):
        self.nodes, self.constants = [], []
        self.x = h.make_tensor_value_info("x", type_, list(shape))

    def __call__(self, op, *ins, outs=1, **attributes):
        names = [f"v{len(self.nodes)}_{i}" for i in range(outs)]
        self.nodes.append(h.make_node(op, list(ins), names, **attributes))
        return names[0] if outs == 1 else names

    def ints(self, *values, dtype=np.int64):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, dtype), name))
        return name

    def one(self, value):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value), name))
        return name

    def ends(self, *outs):
        made = [onnx.ValueInfoProto(name=name) for name in outs]
        graph = h.make_graph(self.nodes, "g", [self.x], made, self.constants)
        return h.make_model(graph, opset_imports=[h.make_opsetid("", 21)],
                            ir_version=10).SerializeToString()


def convert(file, without=""):
    return import_(file, from_="onnx", without=without or None).to_model()


def counts(model):
    pairs = (part.rsplit(" ", 1) for part in model.metadata["passes"].split(", ") if part)
    return {name: int(n) for name, n in pairs}


def nodes(model):
    """Names of operators, constants apart."""
    import ctypes

    from mdl import _lib

    info, names = _lib.mdl_node_info(size=ctypes.sizeof(_lib.mdl_node_info)), []
    handle = model._held().value
    for i in range(_lib.lib.mdl_node_count(handle)):
        _lib.lib.mdl_node(handle, i, ctypes.byref(info))
        names.append(info.op.decode())
    return [name for name in names if name not in ("constant", "texts")]


def same_bits(mine, theirs):
    assert list(mine) == list(theirs)
    for name in mine:
        assert mine[name].dtype == theirs[name].dtype and mine[name].shape == theirs[name].shape
        assert mine[name].tobytes() == theirs[name].tobytes()


def agrees(model, plain, feeds):
    """The same for everything that has an answer without passes; how many have."""
    answered = 0
    for x in feeds:
        try:
            expected = plain.run({"x": x})
        except mdl.Error:
            continue
        same_bits(model.run({"x": x}), expected)
        answered += 1
    return answered


def proven(file, feeds, name, left):
    """The pass works, with it the operators of `left` are left, and without it more are."""
    model = convert(file)
    assert counts(model)[name] > 0
    assert nodes(model) == left
    without = convert(file, name)
    assert name not in counts(without)
    assert len(nodes(without)) > len(left)
    plain = convert(file, "all")
    assert counts(plain) == {}
    assert agrees(model, plain, feeds) and agrees(without, plain, feeds)


def x_of(*shape, dtype=np.float32):
    return (rng.standard_normal(shape) * 20).astype(dtype)


FEEDS = [x_of(2, 6, 5), x_of(1, 6, 1), x_of(3, 6, 0), x_of(0, 6, 0)]

# ---- each pass -----------------------------------------------------------------------------------


def test_fold_computes_what_is_always_the_same():
    net = Net()
    y = net("Mul", "x", net("Add", net.one(np.float32(2)), net.one(np.float32(3))))
    proven(net.ends(y), FEEDS, "fold", ["binary"])


def torch_view(net):
    """What torch.onnx writes for x.view(x.size(0), 2, 3, x.size(2))."""
    first = net("Gather", net("Shape", "x"), net.one(np.int64(0)), axis=0)
    last = net("Gather", net("Shape", "x"), net.one(np.int64(2)), axis=0)
    parts = [net("Unsqueeze", part, net.ints(0)) for part in (first, last)]
    return net("Concat", parts[0], net.ints(2), net.ints(3), parts[1], axis=0)


def test_a_shape_as_torch_writes_it_becomes_a_list():
    net = Net()
    y = net("Relu", net("Reshape", "x", torch_view(net)))
    proven(net.ends(y), FEEDS, "shapes", ["reshape", "unary"])


def test_a_shape_as_keras_writes_it_becomes_a_list():
    """Shape, in int32, sliced and put together; x.view(batch, 6 * steps) needs arithmetic."""
    net = Net(shape=("batch", 6, 4))
    shape = net("Cast", net("Shape", "x"), to=T.INT32)
    first = net("Slice", shape, net.ints(0, dtype=np.int32), net.ints(1, dtype=np.int32))
    six = net("Slice", shape, net.ints(1), net.ints(2))
    four = net("Slice", shape, net.ints(-1), net.ints(2**63 - 1))
    to = net("Cast", net("Concat", first, net("Mul", six, four), axis=0), to=T.INT64)
    proven(net.ends(net("Relu", net("Reshape", "x", to))), [x_of(2, 6, 4), x_of(0, 6, 4)], "shapes",
           ["reshape", "unary"])


def test_known_dimensions_become_constants_beside_open_ones():
    net = Net()
    six = net("Gather", net("Shape", "x"), net.one(np.int64(1)))
    y = net("Div", "x", net("Cast", six, to=T.FLOAT))
    proven(net.ends(y), FEEDS, "shapes", ["binary"])


def test_an_expand_to_the_same_shape_is_nothing():
    net = Net()
    y = net("Relu", net("Expand", "x", net("Shape", "x")))
    proven(net.ends(y), FEEDS, "shapes", ["unary"])


def test_casts_to_the_same_type_and_through_a_wider_one_go():
    net = Net(T.INT32, ("rows",))
    same = net("Cast", "x", to=T.INT32)
    y = net("Cast", net("Cast", same, to=T.INT64), to=T.FLOAT)
    z = net("Cast", net("Cast", same, to=T.INT64), to=T.INT32)
    proven(net.ends(net("Neg", z), y), [np.array([5, -7, 2**31 - 1], np.int32)], "casts",
           ["convert", "unary"])


def test_casts_that_lose_something_stay():
    net = Net(T.FLOAT, ("rows",))
    half = net("Cast", net("Cast", "x", to=T.FLOAT16), to=T.FLOAT)
    number = net("Cast", net("Cast", "x", to=T.INT8), to=T.FLOAT)
    quiet = net("Cast", net("Cast", "x", to=T.DOUBLE), to=T.FLOAT)
    file = net.ends(half, number, quiet)
    assert nodes(convert(file)).count("convert") == 6
    signaling = np.array([0x7FA00001, 0x40490FDB], np.uint32).view(np.float32)
    same_bits(convert(file).run({"x": signaling}), convert(file, "all").run({"x": signaling}))


def test_transposes_that_undo_each_other_go():
    net = Net()
    y = net("Relu", net("Transpose", net("Transpose", "x", perm=[1, 2, 0]), perm=[2, 0, 1]))
    proven(net.ends(y), FEEDS, "transposes", ["unary"])


def test_two_transposes_are_one():
    net = Net()
    y = net("Relu", net("Transpose", net("Transpose", "x", perm=[1, 2, 0]), perm=[0, 2, 1]))
    proven(net.ends(y), FEEDS, "transposes", ["transpose", "unary"])


def test_a_transpose_that_moves_ones_is_a_reshape():
    net = Net(shape=("batch", 1, 7))
    y = net("Relu", net("Transpose", "x", perm=[0, 2, 1]))
    file = net.ends(y)
    assert nodes(convert(file)) == ["reshape", "unary"]
    assert nodes(convert(file, "transposes")) == ["transpose", "unary"]
    for rows in (3, 0):
        x = x_of(rows, 1, 7)
        same_bits(convert(file).run({"x": x}), convert(file, "all").run({"x": x}))


def test_reshapes_to_the_same_shape_go():
    net = Net()
    y = net("Relu", net("Squeeze", net("Unsqueeze", "x", net.ints(1)), net.ints(1)))
    proven(net.ends(y), FEEDS, "reshapes", ["unary"])


def test_a_chain_of_reshapes_is_one_step():
    net = Net(shape=("batch", 6, 4))
    y = net("Reshape", net("Flatten", net("Unsqueeze", "x", net.ints(3)), axis=1),
            net.ints(0, 2, 12))
    proven(net.ends(net("Relu", y)), [x_of(2, 6, 4), x_of(0, 6, 4)], "reshapes",
           ["reshape", "unary"])


def test_same_nodes_are_one():
    net = Net()
    y = net("Add", net("Exp", "x"), net("Exp", "x"))
    proven(net.ends(y), FEEDS, "same", ["unary", "binary"])


def test_dead_nodes_go():
    net = Net()
    net("Exp", "x")
    y = net("Relu", "x")
    proven(net.ends(y), FEEDS, "dead", ["unary"])


def test_what_is_folded_is_not_computed_again():
    """A node whose result became a constant is gone, not only read no more."""
    net = Net()
    bias = net("Reshape", net.one(np.arange(6, dtype=np.float32)), net.ints(6, 1))
    assert nodes(convert(net.ends(net("Add", "x", bias)))) == ["binary"]


def test_a_shape_that_depends_on_contents_is_not_folded():
    """Every input has a known shape, and yet: what Tile makes is as long as its numbers say."""
    net = Net(T.INT64, (2,))
    data = net.one(np.ones((2, 3), np.float32))
    file = net.ends(net("Shape", net("Tile", data, "x")), net("Shape", net("NonZero", "x")))
    model = convert(file)
    for x in ([3, 2], [0, 5], [0, 0]):
        made = list(model.run({"x": np.array(x)}).values())
        assert made[0].tolist() == [2 * x[0], 3 * x[1]]
        assert made[1].tolist() == [1, np.count_nonzero(x)]


# ---- all of them ---------------------------------------------------------------------------------


def everything():
    """Something for every pass, in one graph."""
    net = Net()
    y = net("Reshape", "x", torch_view(net))
    y = net("Transpose", net("Transpose", y, perm=[0, 2, 1, 3]), perm=[0, 2, 1, 3])
    y = net("Flatten", net("Unsqueeze", y, net.ints(0)), axis=2)
    y = net("Cast", net("Cast", y, to=T.FLOAT), to=T.DOUBLE)
    y = net("Add", net("Exp", y), net("Exp", y))
    net("Neg", y)
    return net.ends(net("Mul", y, net("Add", net.one(2.0), net.one(3.0))))


def test_every_subset_of_passes_gives_the_same_answers():
    file = everything()
    plain = convert(file, "all")
    assert all(n > 0 for n in counts(convert(file)).values())
    for size in range(len(PASSES) + 1):
        for subset in itertools.combinations(PASSES, size):
            model = convert(file, ",".join(subset))
            assert sorted(counts(model)) == sorted(set(PASSES) - set(subset))
            assert agrees(model, plain, FEEDS) == 2


class Shapes:
    """A random graph of reshapes, transposes, casts and shapes over a tensor of rank 1 to 4."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        rank = int(self.rng.integers(1, 5))
        self.dims = [self.rng.choice(["a", "b", 1, 2, 3, 6]) for _ in range(rank)]
        shape = [int(d) if str(d).isdigit() else str(d) for d in self.dims]
        self.net = Net(T.INT32, shape)
        self.shape = shape

    def file(self):
        values = ["x"]
        for _ in range(12):
            values.append(self._step(str(self.rng.choice(values[-3:]))))
        return self.net.ends(*values[1:])

    def feed(self, sizes):
        shape = [sizes[d] if isinstance(d, str) else d for d in self.shape]
        return self.rng.integers(-99, 99, shape).astype(np.int32)

    def _size(self, value, at):
        return self.net("Gather", self.net("Shape", value), self.net.ints(at))

    def _step(self, value):
        net, draw = self.net, self.rng
        kind = draw.integers(0, 9)
        if kind == 0:
            return net("Unsqueeze", value, net.ints(int(draw.integers(0, 2))))
        if kind == 1:
            return net("Squeeze", value)
        if kind == 2:
            return net("Flatten", value, axis=int(draw.integers(0, 2)))
        if kind == 3:
            return net("Transpose", value)
        if kind == 4:
            return net("Transpose", net("Transpose", value))
        if kind == 5:
            return net("Cast", net("Cast", value, to=T.INT64), to=T.INT32)
        if kind == 6:                # the other way round, through the sizes of the input
            at = int(draw.integers(0, len(self.shape)))
            return net("Reshape", value, net("Concat", self._size("x", at), net.ints(-1), axis=0))
        if kind == 7:
            first = self._size(value, 0)
            return net("Reshape", value, net("Concat", first, net("Div", net("Unsqueeze", net(
                "Size", value), net.ints(0)), net("Max", first, net.ints(1))), axis=0))
        return net("Reshape", value, net("Concat", net.ints(0), net.ints(1), net.ints(-1), axis=0))


@pytest.mark.parametrize("seed", range(150))
def test_random_graphs_answer_as_they_do_without_passes(seed):
    """Output by output, so that one that fails (a reshape that does not fit) hides no other."""
    graph = Shapes(seed)
    file = graph.file()
    plain, model = convert(file, "all"), convert(file)
    for sizes in ({"a": 2, "b": 5}, {"a": 1, "b": 1}, {"a": 0, "b": 3}, {"a": 4, "b": 0},
                  {"a": 0, "b": 0}):
        x = graph.feed(sizes)
        for output in plain.outputs:
            try:
                theirs = plain.run({"x": x}, [output])
            except mdl.Error:          # no answer, so none that could change
                continue
            same_bits(model.run({"x": x}, [output]), theirs)
