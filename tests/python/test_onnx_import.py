# SPDX-License-Identifier: MIT
"""What an ONNX file may say, and what it may not: expected values are those of onnx's own
reference evaluator, or are written down here"""
import os

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

import mdl                                                                         # noqa: E402
from mdl._convert import import_                                                   # noqa: E402
from onnx import TensorProto as T                                                  # noqa: E402
from onnx import helper as h                                                       # noqa: E402
from onnx import numpy_helper                                                      # noqa: E402
from onnx.reference import ReferenceEvaluator                                      # noqa: E402

X = np.array([[1, -2, 3], [-4, 5, 6]], np.float32)


def info(name, type_=T.FLOAT, shape=("rows", 3)):
    return h.make_tensor_value_info(name, type_, shape)


def model(nodes, initializers=(), inputs=("x",), outputs=("y",), functions=(), opset=21, ir=10,
          domains=(), **graph):
    made = h.make_graph(
        list(nodes), "graph", [one if not isinstance(one, str) else info(one) for one in inputs],
        [one if not isinstance(one, str) else info(one) for one in outputs], list(initializers),
        **graph)
    imports = [h.make_opsetid("", opset), *(h.make_opsetid(*one) for one in domains)]
    return h.make_model(made, opset_imports=imports, functions=list(functions), ir_version=ir)


def agrees(proto, feeds=None, names=None):
    """libmodel and the reference evaluator give the same."""
    feeds = {"x": X} if feeds is None else feeds
    expected = ReferenceEvaluator(proto).run(None, feeds)
    got = mdl.convert(proto).run(feeds)
    assert list(got) == [value.name for value in proto.graph.output]
    for mine, theirs in zip(got.values(), expected):
        assert mine.dtype == theirs.dtype and mine.shape == theirs.shape
        np.testing.assert_allclose(mine.astype(np.float64), theirs.astype(np.float64), rtol=1e-6)


def refuses(proto, *texts, error=None):
    file = proto if isinstance(proto, bytes) else proto.SerializeToString()
    with pytest.raises(error or mdl.Error) as told:
        mdl.convert(file, from_="onnx")
    for text in texts:
        assert text in str(told.value), told.value
    return told.value


def node(op, ins, outs, **attributes):
    return h.make_node(op, ins.split() if isinstance(ins, str) else ins,
                       outs.split() if isinstance(outs, str) else outs, **attributes)


# ---- functions --------------------------------------------------------------------------------


def leaky(default):
    """y = LeakyRelu(x, alpha = @slope) + x, the slope by reference, with a default or without."""
    inner = node("LeakyRelu", "x", "t")
    reference = onnx.AttributeProto(name="alpha", type=onnx.AttributeProto.FLOAT,
                                    ref_attr_name="slope")
    inner.attribute.append(reference)
    more = {"attribute_protos": [h.make_attribute("slope", default)]} if default is not None else {}
    return h.make_function("local", "Leaky", ["x"], ["y"], [inner, node("Add", "t x", "y")],
                           [h.make_opsetid("", 21)], [] if default is not None else ["slope"], **more)


@pytest.mark.parametrize("default,given", [(0.5, None), (0.5, 0.25), (None, 0.125)])
def test_a_function_takes_its_attribute_or_its_default(default, given):
    told = {} if given is None else {"slope": given}
    proto = model([node("Leaky", "x", "y", domain="local", **told)], functions=[leaky(default)],
                  domains=[("local", 1)])
    slope = given if given is not None else default
    got = mdl.convert(proto).run({"x": X})["y"]
    np.testing.assert_array_equal(got, np.where(X < 0, np.float32(slope) * X, X) + X)


def test_a_function_may_call_another_and_names_stay_apart():
    twice = h.make_function("local", "Twice", ["x"], ["y"],
                            [node("Leaky", "x", "t", domain="local", slope=0.5),
                             node("Leaky", "t", "y", domain="local", slope=0.25)],
                            [h.make_opsetid("", 21), h.make_opsetid("local", 1)])
    proto = model([node("Twice", "x", "t", domain="local"), node("Neg", "t", "y")],
                  functions=[leaky(None), twice], domains=[("local", 1)])
    once = np.where(X < 0, X / 2, X) + X
    expected = -(np.where(once < 0, once / 4, once) + once)      # exact: small powers of two
    np.testing.assert_array_equal(mdl.convert(proto).run({"x": X})["y"], expected)


def test_a_function_that_calls_itself_is_refused():
    loop = h.make_function("local", "Loop", ["x"], ["y"], [node("Loop", "x", "y", domain="local")],
                           [h.make_opsetid("local", 1)])
    refuses(model([node("Loop", "x", "y", domain="local")], functions=[loop],
                  domains=[("local", 1)]))


# ---- bodies -----------------------------------------------------------------------------------


def test_if_within_loop_within_if_reads_names_from_outside():
    def graph(nodes, outs, ins=()):
        return h.make_graph(nodes, "body", list(ins), [info(name, kind, shape)
                                                       for name, kind, shape in outs])
    small = graph([node("Mul", "v x", "a")], [("a", T.FLOAT, None)])
    large = graph([node("Add", "v x", "b")], [("b", T.FLOAT, None)])
    body = graph([node("Greater", "i one", "odd"), node("If", "odd", "w", then_branch=small,
                                                        else_branch=large),
                  node("Identity", "keep", "again")],
                 [("again", T.BOOL, []), ("w", T.FLOAT, None)],
                 [info("i", T.INT64, []), info("keep", T.BOOL, []), info("v", T.FLOAT, None)])
    loop = graph([node("Loop", ["n", "yes", "x"], "l", body=body)], [("l", T.FLOAT, None)])
    plain = graph([node("Identity", "x", "p")], [("p", T.FLOAT, None)])
    constants = [numpy_helper.from_array(np.array(4, np.int64), "n"),
                 numpy_helper.from_array(np.array(1, np.int64), "one"),
                 numpy_helper.from_array(np.array(True), "yes")]
    proto = model([node("If", "c", "y", then_branch=loop, else_branch=plain)], constants,
                  inputs=["x", info("c", T.BOOL, [])])
    got = mdl.convert(proto)
    expected = X
    for i in range(4):
        expected = expected * X if i > 1 else expected + X
    np.testing.assert_array_equal(got.run({"x": X, "c": np.array(True)})["y"], expected)
    np.testing.assert_array_equal(got.run({"x": X, "c": np.array(False)})["y"], X)


def test_scan_carries_and_gathers():
    body = h.make_graph([node("Add", "s r", "t"), node("Identity", "t", "u")], "body",
                        [info("s", T.FLOAT, [3]), info("r", T.FLOAT, [3])],
                        [info("t", T.FLOAT, [3]), info("u", T.FLOAT, [3])])
    proto = model([node("Scan", "zero x", "last y", body=body, num_scan_inputs=1)],
                  [numpy_helper.from_array(np.zeros(3, np.float32), "zero")],
                  outputs=[info("last", shape=[3]), "y"])
    got = mdl.convert(proto).run({"x": X})
    np.testing.assert_array_equal(got["y"], np.cumsum(X, 0, dtype=np.float32))
    np.testing.assert_array_equal(got["last"], X.sum(0))


# ---- initializers -----------------------------------------------------------------------------

TYPES = {T.FLOAT: np.float32, T.DOUBLE: np.float64, T.FLOAT16: np.float16, T.INT8: np.int8,
         T.UINT8: np.uint8, T.INT16: np.int16, T.UINT16: np.uint16, T.INT32: np.int32,
         T.UINT32: np.uint32, T.INT64: np.int64, T.UINT64: np.uint64, T.BOOL: np.bool_}
EXOTIC = [T.BFLOAT16, T.FLOAT8E4M3FN, T.FLOAT8E4M3FNUZ, T.FLOAT8E5M2, T.FLOAT8E5M2FNUZ, T.UINT4,
          T.INT4, T.FLOAT4E2M1]
VALUES = [0, 1, 2, 1, 4, 6]


def constant_of(type_, raw):
    """[2, 3], in raw bytes or in the field of the type."""
    if raw and type_ in TYPES:
        return numpy_helper.from_array(np.array(VALUES).reshape(2, 3).astype(TYPES[type_]), "w")
    if raw:
        array = np.array(VALUES, np.float32).astype(h.tensor_dtype_to_np_dtype(type_))
        return numpy_helper.from_array(array.reshape(2, 3), "w")
    values = [bool(v) for v in VALUES] if type_ == T.BOOL else VALUES
    return h.make_tensor("w", type_, [2, 3], values)


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "field"])
@pytest.mark.parametrize("type_", [*TYPES, *EXOTIC], ids=T.DataType.Name)
def test_an_initializer_of_every_type_in_both_encodings(type_, raw):
    proto = model([node("Cast", "w", "y", to=T.FLOAT)], [constant_of(type_, raw)], inputs=[],
                  opset=23, ir=11)
    expected = np.array(VALUES, np.float32).reshape(2, 3)
    if type_ == T.BOOL:
        expected = (expected != 0).astype(np.float32)
    np.testing.assert_array_equal(mdl.convert(proto).run({})["y"], expected)


def test_strings_are_initializers_too():
    proto = model([node("Identity", "w", "y")], [h.make_tensor("w", T.STRING, [2], ["a", "å"])],
                  inputs=[], outputs=[info("y", T.STRING, [2])])
    assert mdl.convert(proto).run({})["y"].tolist() == ["a", "å"]


@pytest.mark.parametrize("linear", [True, False])
def test_a_sparse_initializer_is_its_dense_one(linear):
    dense = np.array([[0, 5, 0], [7, 0, 0]], np.float32)
    indices = np.array([1, 3] if linear else [[0, 1], [1, 0]], np.int64)
    sparse = h.make_sparse_tensor(numpy_helper.from_array(np.array([5, 7], np.float32), "w"),
                                  numpy_helper.from_array(indices, ""), [2, 3])
    proto = model([node("Add", "x w", "y")], sparse_initializer=[sparse])
    np.testing.assert_array_equal(mdl.convert(proto).run({"x": X})["y"], X + dense)


@pytest.mark.parametrize("indices", [[1, 6], [-1, 3], [3, 1], [3, 3]])
def test_a_sparse_initializer_with_wrong_indices_is_refused(indices):
    sparse = h.make_sparse_tensor(numpy_helper.from_array(np.array([5, 7], np.float32), "w"),
                                  numpy_helper.from_array(np.array(indices, np.int64), ""), [2, 3])
    refuses(model([node("Add", "x w", "y")], sparse_initializer=[sparse]))


@pytest.mark.parametrize("change", ["raw", "floats", "dims", "negative", "overflow"])
def test_an_initializer_that_is_short_or_overflows_is_refused(change):
    w = constant_of(T.FLOAT, change not in ("floats",))
    if change == "raw":
        w.raw_data = w.raw_data[:-1]
    elif change == "floats":
        del w.float_data[-1]
    elif change == "dims":
        w.dims[0] = 3
    elif change == "negative":
        w.dims[0] = -2
    else:
        w.dims[:] = [2**62, 2**62]
    refuses(model([node("Add", "x w", "y")], [w]))


def test_an_initializer_that_is_an_input_keeps_its_value():
    proto = model([node("Add", "x w", "y")], [constant_of(T.FLOAT, True)],
                  inputs=["x", info("w", shape=[2, 3])])
    made = mdl.convert(proto)
    assert list(made.inputs) == ["x"]
    np.testing.assert_array_equal(made.run({"x": X})["y"], X + np.array(VALUES).reshape(2, 3))


# ---- external data ----------------------------------------------------------------------------


def external(folder, location, offset=0, length=24, name="model.onnx"):
    w = constant_of(T.FLOAT, True)
    w.ClearField("raw_data")
    w.data_location = T.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        w.external_data.add(key=key, value=str(value))
    path = folder / name
    path.write_bytes(model([node("Add", "x w", "y")], [w]).SerializeToString())
    return path


def test_external_data_below_the_folder_is_read(tmp_path):
    expected = X + np.array(VALUES).reshape(2, 3)
    (tmp_path / "sub").mkdir()
    data = np.array(VALUES, np.float32).tobytes()
    (tmp_path / "w.bin").write_bytes(data)
    (tmp_path / "sub" / "w.bin").write_bytes(b"\0" * 64 + data)
    for path in (external(tmp_path, "w.bin"), external(tmp_path, "sub/w.bin", 64)):
        np.testing.assert_array_equal(mdl.convert(path).run({"x": X})["y"], expected)


@pytest.mark.parametrize("location", ["../w.bin", "sub/../../w.bin", "/etc/hostname", "link.bin",
                                      "linked/w.bin", "none.bin", "short.bin", "", "sub"])
def test_external_data_elsewhere_is_refused(tmp_path, location):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    for at in (tmp_path / "w.bin", tmp_path / "out" / "w.bin"):
        at.write_bytes(np.array(VALUES, np.float32).tobytes())
    (folder / "short.bin").write_bytes(b"\0" * 23)
    os.symlink(tmp_path / "w.bin", folder / "link.bin")
    os.symlink(tmp_path / "out", folder / "linked")
    with pytest.raises((mdl.Error, OSError)):
        mdl.convert(external(folder, location))


def test_external_data_of_bytes_in_memory_is_refused(tmp_path):
    (tmp_path / "w.bin").write_bytes(np.array(VALUES, np.float32).tobytes())
    refuses(external(tmp_path, "w.bin").read_bytes(), "w")


# ---- names, shapes ----------------------------------------------------------------------------


def test_symbolic_dimensions_keep_their_names():
    made = mdl.convert(model([node("Transpose", "x", "y", perm=[1, 0])],
                             inputs=[info("x", shape=["batch", "time"])]))
    assert made.inputs["x"].shape == ("batch", "time")
    assert made.outputs["y"].shape == ("time", "batch")
    assert "x float32[batch, time] -> y float32[time, batch]" in repr(made)


def test_optional_inputs_are_empty_names():
    low, high = (numpy_helper.from_array(np.array(v, np.float32), n) for n, v in
                 (("low", -1), ("high", 2)))
    agrees(model([node("Clip", ["x", "", "high"], "t"), node("Clip", ["t", "low", ""], "y")],
                 [low, high]))


def test_a_name_that_nobody_makes_is_refused():
    refuses(model([node("Add", "x nothing", "y", name="sum")]), "nothing")
    refuses(model([node("Relu", "x", "z")]), "y")


def test_a_cycle_is_refused():
    refuses(model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")]), "b")


# ---- what is not supported ----------------------------------------------------------------------


def test_all_that_is_not_supported_is_told_at_once_with_counts_and_names():
    nodes = [node("Frobnicate", "x", "a", name="first"), node("Frobnicate", "a", "b", name="second"),
             node("Mystery", "b", "c", domain="com.example", name="third"), node("Relu", "c", "y")]
    why = refuses(model(nodes, domains=[("com.example", 1)]), "Frobnicate", "Mystery", "com.example",
                  "first", "second", "third", error=mdl.UnsupportedError)
    assert "2" in str(why) and len(why.parts) >= 2


def test_a_future_opset_or_ir_is_refused_by_number():
    refuses(model([node("Relu", "x", "y")], opset=99), "99", error=mdl.UnsupportedError)
    refuses(model([node("Relu", "x", "y")], ir=77), "77", error=mdl.UnsupportedError)


def test_an_unknown_attribute_is_refused_by_name():
    refuses(model([node("Relu", "x", "y", name="r", spin=3)]), "spin")


def test_a_wrong_type_of_an_attribute_is_refused():
    refuses(model([node("Transpose", "x", "y", perm=0.5)]))


# ---- broken files -------------------------------------------------------------------------------


def test_a_file_cut_at_any_length_is_an_error_and_never_a_crash():
    file = model([node("Gemm", "x w", "t", alpha=0.5), node("LeakyRelu", "t", "y", alpha=0.1)],
                 [constant_of(T.FLOAT, True)], inputs=[info("x", shape=[3, 2])]).SerializeToString()
    whole = mdl.convert(file).to_bytes()
    for length in range(len(file)):
        with pytest.raises(mdl.FormatError, match="copy it or save it again|not an ONNX model"):
            mdl.convert(file[:length], from_="onnx")
        if length > 8:
            with pytest.raises(mdl.FormatError, match="it is cut off; copy it or save it again"):
                mdl.convert(file[:length])
    assert whole == mdl.convert(file).to_bytes()


def test_a_byte_changed_anywhere_is_an_error_or_a_model_and_never_a_crash():
    file = model([node("Gemm", "x w", "t", alpha=0.5), node("Relu", "t", "y")],
                 [constant_of(T.FLOAT, False)], inputs=[info("x", shape=[3, 2])]).SerializeToString()
    for at in range(len(file)):
        for byte in (0, 0x7f, 0x80, 0xff):
            changed = file[:at] + bytes([byte]) + file[at + 1:]
            try:
                made = mdl.convert(changed, from_="onnx")
                made.run({name: np.ones((3, 2), np.float32) for name in made.inputs})
            except mdl.Error:
                pass


# ---- golden tensors -----------------------------------------------------------------------------


OPERATORS = ["Add", "Cast", "Concat", "Conv", "Expand", "Flatten", "Gather", "Gemm", "MatMul", "Pow",
             "ReduceSum", "Reshape", "Shape", "Slice", "Softmax", "Squeeze", "Transpose", "Unsqueeze",
             "Where", "If", "Loop", "Scan", "SequenceAt", "SequenceInsert", "SequenceErase",
             "SequenceConstruct", "SequenceMap", "SplitToSequence", "ConcatFromSequence",
             "Optional", "OptionalGetElement", "OptionalHasElement", "CausalConvWithState"]


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize("ins", ["", "x", "x x", ["", "x"], "x x x x x x"])
@pytest.mark.parametrize("outs", ["", "t", "t u"])
def test_any_number_of_inputs_and_results_is_a_model_or_an_error(op, ins, outs):
    proto = model([node(op, ins, outs), node("Relu", outs.split()[:1] or "x", "y")], opset=27, ir=13)
    for without in (None, "all", "dead"):
        try:
            import_(proto.SerializeToString(), from_="onnx", without=without).to_model()
        except mdl.Error:
            pass


def test_a_scan_of_opset_8_runs_over_the_batch_as_onnx_runtime_does():
    runtime = pytest.importorskip("onnxruntime")
    body = h.make_graph([node("Mul", "state x", "t"), node("Add", "t x", "next"),
                         node("Identity", "t", "out")], "body",
                        [info("state", shape=[3]), info("x", shape=[3])],
                        [info("next", shape=[3]), info("out", shape=[3])])
    proto = model([node("Scan", ["", "s", "x"], "y z", body=body, num_scan_inputs=1, directions=[1])],
                  inputs=[info("s", shape=["b", 3]), info("x", shape=["b", "t", 3])],
                  outputs=[info("y", shape=["b", 3]), info("z", shape=["b", "t", 3])], opset=8, ir=8)
    feeds = {"s": X, "x": np.stack([X, X + 1, X - 2], 1) / 4}
    expected = runtime.InferenceSession(proto.SerializeToString()).run(None, feeds)
    for mine, theirs in zip(mdl.convert(proto).run(feeds).values(), expected):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


COLUMNS = [((5, 5), (3, 3), {}), ((6, 4), (2, 3), {"strides": [2, 1], "pads": [1, 0, 1, 2]}),
           ((7, 7), (3, 2), {"dilations": [2, 3], "pads": [0, 1, 2, 1]}), ((9,), (4,), {"strides": [3]}),
           ((4, 5, 3), (2, 2, 3), {"pads": [1, 0, 1, 0, 2, 1], "strides": [1, 2, 1]})]


@pytest.mark.parametrize("image,block,attributes", COLUMNS)
def test_columns_are_added_into_an_image(image, block, attributes):
    """Col2Im by its definition: every element of every block goes to the pixel it came from."""
    n = len(image)
    strides, dilations = (attributes.get(key, [1] * n) for key in ("strides", "dilations"))
    pads = attributes.get("pads", [0] * 2 * n)
    steps = [(size + pads[i] + pads[n + i] - dilations[i] * (block[i] - 1) - 1) // strides[i] + 1
             for i, size in enumerate(image)]
    columns = np.random.default_rng(3).integers(-9, 9, (2, 3 * int(np.prod(block)), int(np.prod(steps))))
    columns = columns.astype(np.float32)
    expected = np.zeros((2, 3, *image), np.float32)
    blocks = columns.reshape(2, 3, *block, *steps)
    for k in np.ndindex(*block):
        for step in np.ndindex(*steps):
            at = [step[i] * strides[i] + k[i] * dilations[i] - pads[i] for i in range(n)]
            if all(0 <= p < size for p, size in zip(at, image)):
                expected[(slice(None), slice(None), *at)] += blocks[(slice(None), slice(None), *k, *step)]
    proto = model([node("Col2Im", "x image block", "y", **attributes)],
                  [numpy_helper.from_array(np.array(image), "image"),
                   numpy_helper.from_array(np.array(block), "block")],
                  inputs=[info("x", shape=["n", "c", "l"])])
    np.testing.assert_array_equal(mdl.convert(proto).run({"x": columns})["y"], expected)


NUMBERS = {
    T.FLOAT: [3.14, 1, 0.1, 1e-7, 1e20, 123456789, np.nan, np.inf, -np.inf, -0.0, 1 / 3, 1e-42],
    T.DOUBLE: [3.14, 1, 0.1, 1e-300, -1.23456789e-308, 123456789, 1 / 3],
    T.FLOAT16: [3.14, 0.1, 65504, np.nan],
    T.INT64: [1, -5, -2**63, 2**63 - 1], T.UINT64: [0, 2**64 - 1], T.INT8: [-128, 127],
    T.BOOL: [True, False],
}


@pytest.mark.parametrize("type_", NUMBERS)
def test_numbers_become_strings_as_onnx_runtime_writes_them(type_):
    runtime = pytest.importorskip("onnxruntime")
    x = np.array(NUMBERS[type_], h.tensor_dtype_to_np_dtype(type_))
    proto = model([node("Cast", "x", "y", to=T.STRING)], inputs=[info("x", type_, ["n"])],
                  outputs=[info("y", T.STRING, ["n"])])
    session = runtime.InferenceSession(proto.SerializeToString())
    expected = session.run(None, {"x": x})[0].tolist()
    converted = mdl.convert(proto)
    assert converted.run({"x": x})["y"].tolist() == expected
    assert converted.run({"x": x[:0]})["y"].tolist() == []


def test_strings_cast_to_strings_stay():
    proto = model([node("Cast", "x", "y", to=T.STRING)], inputs=[info("x", T.STRING, ["n"])],
                  outputs=[info("y", T.STRING, ["n"])])
    x = np.array(["a", "", "1.50"], object)
    assert mdl.convert(proto).run({"x": x})["y"].tolist() == x.tolist()


def test_a_causal_convolution_of_open_channels_is_refused():
    proto = model([node("CausalConvWithState", "x w", "y state")], opset=27, ir=13,
                  inputs=[info("x", T.FLOAT, ["b", "c", "l"]), info("w", T.FLOAT, ["c", 1, 4])])
    refuses(proto, "CausalConvWithState", "filters whose shape is not known")


def test_golden_tensors_of_any_rank_and_type_are_checked(tmp_path):
    made = mdl.convert(model([node("Cast", "x", "i", to=T.INT64), node("ReduceSum", "i", "y")],
                             inputs=[info("x", shape=["a", 2, "b"])],
                             outputs=[info("y", T.INT64, [1, 1, 1])]))
    x = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    builder = mdl.Builder.from_model(made)
    builder.golden_tensor(False, 0, x)
    builder.golden_tensor(True, 0, np.array([[[66]]], np.int64))
    kept = builder.to_model()
    assert kept.check() == {"y": 0.0}
    kept.save(tmp_path / "m.mdl")
    again = mdl.load(tmp_path / "m.mdl")
    np.testing.assert_array_equal(again.golden.inputs["x"], x)
    builder.golden_tensor(True, 0, np.array([[[65]]], np.int64))
    assert builder.to_model().check() == {"y": 1.0}
    builder.golden_tensor(False, 0, x[:, :1])
    with pytest.raises(mdl.Error, match="golden"):
        builder.to_model()
