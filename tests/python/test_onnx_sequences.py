# SPDX-License-Identifier: MIT
"""Sequences, optionals and maps as inputs and outputs: expected are Python's own lists, or what
ONNX Runtime answers"""
import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

import mdl                                                                         # noqa: E402
from onnx import TensorProto as T                                                  # noqa: E402
from onnx import helper as h                                                       # noqa: E402
from test_onnx_import import node                                                  # noqa: E402

A, B, C = (np.arange(n, dtype=np.float32).reshape(shape) + n
           for n, shape in ((6, (2, 3)), (0, (0, 3)), (4, (4,))))
S = np.array(7, np.float32)


def tensor(type_=T.FLOAT, shape=None):
    return h.make_tensor_type_proto(type_, shape)


def seq(type_=T.FLOAT):
    return h.make_sequence_type_proto(tensor(type_))


def opt(inner):
    return h.make_optional_type_proto(inner)


def proto(nodes, opset=18, constants=(), ml=False, **values):
    """Values by name: those that begin with y are outputs, the others inputs."""
    ins = [h.make_value_info(name, type_) for name, type_ in values.items() if name[0] != "y"]
    outs = [h.make_value_info(name, type_) for name, type_ in values.items() if name[0] == "y"]
    sets = [h.make_opsetid("", opset)] + [h.make_opsetid("ai.onnx.ml", 1)] * ml
    return h.make_model(h.make_graph(nodes, "g", ins, outs, list(constants)), opset_imports=sets,
                        ir_version=10)


def same(got, expected):
    assert len(got) == len(expected)
    for mine, theirs in zip(got, expected):
        assert mine.dtype == theirs.dtype and mine.shape == theirs.shape
        np.testing.assert_array_equal(mine, theirs)


# ---- sequences -----------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[], [A], [A, B, C, S], [S, S]])
def test_a_sequence_goes_through(values):
    model = mdl.convert(proto([node("Identity", "x", "y")], x=seq(), y=seq()))
    same(model.run({"x": values})["y"], values)
    same(model.run({"x": values}, ["y"])["y"], values)


def test_a_sequence_of_strings_goes_through():
    values = [np.array(["a", "", "ccc"], object), np.array([["d"]], object)]
    model = mdl.convert(proto([node("Identity", "x", "y")], x=seq(T.STRING), y=seq(T.STRING)))
    same(model.run({"x": values})["y"], values)


def test_in_c_a_sequence_is_its_elements_and_their_shapes():
    model = mdl.convert(proto([node("Identity", "x", "y")], x=seq(), y=seq()))
    dims = np.full((2, 8), -1)
    dims[0, :2], dims[1, :1] = (2, 3), 4
    data = np.concatenate([A.ravel(), C])
    same(model.run({"x": data, "x.dims": dims})["y"], [A, C])
    assert list(model.inputs) == ["x", "x.dims"]
    assert list(model.outputs) == ["y", "y.dims"]


@pytest.mark.parametrize("at", range(-4, 5))
def test_insert_and_erase_are_those_of_lists(at):
    model = mdl.convert(proto([
        node("SequenceInsert", "x new at", "y_in"), node("SequenceErase", "x at", "y_out"),
        node("SequenceAt", "x at", "y_at"), node("SequenceLength", "x", "y_n")],
        x=seq(), new=tensor(), at=tensor(T.INT64, []), y_in=seq(), y_out=seq(), y_at=tensor(),
        y_n=tensor(T.INT64)))
    values, feeds = [A, B, S], {"x": [A, B, S], "new": C, "at": np.array(at)}
    inserted = list(values)
    inserted.insert(at, C)
    if -3 <= at <= 3:
        same(model.run(feeds, ["y_in"])["y_in"], inserted)
    else:
        with pytest.raises(mdl.DataError):
            model.run(feeds, ["y_in"])
    if -3 <= at < 3:
        same([model.run(feeds, ["y_at"])["y_at"]], [values[at]])
        same(model.run(feeds, ["y_out"])["y_out"], [v for i, v in enumerate(values) if i != at % 3])
        assert model.run(feeds, ["y_n"])["y_n"] == 3
        return
    for name in ("y_at", "y_out"):
        with pytest.raises(mdl.DataError):
            model.run(feeds, [name])


def test_without_a_position_the_end_is_meant():
    model = mdl.convert(proto([node("SequenceInsert", "x new", "y_in"),
                               node("SequenceErase", "x", "y_out")],
                              x=seq(), new=tensor(), y_in=seq(), y_out=seq()))
    made = model.run({"x": [A, C], "new": B})
    same(made["y_in"], [A, C, B])
    same(made["y_out"], [A])
    with pytest.raises(mdl.DataError):
        model.run({"x": [], "new": B}, ["y_out"])


def test_elements_are_put_together():
    model = mdl.convert(proto([node("ConcatFromSequence", "x", "y", axis=0),
                               node("ConcatFromSequence", "x", "y_new", axis=0, new_axis=1)],
                              x=seq(), y=tensor(), y_new=tensor()))
    values = [A, A + 1, A + 2]
    same([model.run({"x": values}, ["y_new"])["y_new"]], [np.stack(values)])
    same([model.run({"x": [A, B, A]}, ["y"])["y"]], [np.concatenate([A, B, A])])
    ragged = [np.ones((1, 2), np.float32), np.ones((1, 1), np.float32), np.ones((1, 3), np.float32)]
    for wrong, output in ((ragged, "y"), (ragged, "y_new"), ([], "y"), ([A, C], "y")):
        with pytest.raises(mdl.DataError):
            model.run({"x": wrong}, [output])


@pytest.mark.parametrize("size,shape", [(2, []), (4, []), (9, []), ([1, 0, 5], ["n"]), ([6], ["n"])])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_tensor_is_split_by_sizes_that_a_call_brings(size, shape, axis):
    x = np.arange(36, dtype=np.float32).reshape(6, 6)
    model = mdl.convert(proto([node("SplitToSequence", "x size", "y", axis=axis)],
                              x=tensor(T.FLOAT, ["a", "b"]), size=tensor(T.INT64, shape), y=seq()))
    cuts = np.cumsum(size)[:-1] if shape else np.arange(size, 6, size)
    same(model.run({"x": x, "size": np.array(size)})["y"], np.split(x, cuts, axis))


def test_known_elements_are_an_output_too():
    model = mdl.convert(proto([node("SequenceConstruct", "a b", "y")], a=tensor(), b=tensor(), y=seq()))
    same(model.run({"a": A, "b": S})["y"], [A, S])
    empty = mdl.convert(proto([node("SequenceEmpty", "", "y", dtype=T.INT8)], y=seq(T.INT8)))
    assert empty.run({})["y"] == []


def body(op, ins, out):
    return h.make_graph([node(op, ins, out)], "b", [h.make_value_info(one, tensor()) for one in
                                                    ins.split()], [h.make_value_info(out, tensor())])


@pytest.mark.parametrize("values", [[], [A], [A, A * 2, B]])
def test_a_body_maps_elements_as_onnx_runtime_does(values):
    runtime = pytest.importorskip("onnxruntime")
    file = proto([node("SequenceMap", "x more", "y", body=body("Add", "p q", "r"))], x=seq(),
                 more=tensor(T.FLOAT, []), y=seq())
    feeds = {"x": values, "more": np.array(3, np.float32)}
    got = mdl.convert(file).run(feeds)["y"]
    if values:                             # it takes no empty sequence from Python
        same(got, runtime.InferenceSession(file.SerializeToString()).run(None, feeds)[0])
    same(got, [value + 3 for value in values])


def test_a_tensor_operator_refuses_a_sequence_by_name():
    with pytest.raises(mdl.UnsupportedError, match="Relu of opset 18: a sequence as input 0"):
        mdl.convert(proto([node("Relu", "x", "y")], x=seq(), y=tensor()))


def test_a_sequence_of_maps_is_refused_by_name():
    maps = h.make_sequence_type_proto(h.make_map_type_proto(T.INT64, tensor()))
    with pytest.raises(mdl.UnsupportedError, match="input 'x' is no tensor"):
        mdl.convert(proto([node("Identity", "x", "y")], x=maps, y=maps))


# ---- optionals -----------------------------------------------------------------------------------


def test_an_optional_tensor_is_there_or_not():
    model = mdl.convert(proto([node("OptionalHasElement", "x", "y_has"), node("Identity", "x", "y"),
                               node("OptionalGetElement", "x", "y_get")],
                              x=opt(tensor(T.FLOAT, ["n", 3])), y_has=tensor(T.BOOL),
                              y=opt(tensor()), y_get=tensor()))
    made = model.run({"x": A})
    assert made["y_has"] and (made["y"] == A).all() and (made["y_get"] == A).all()
    made = model.run({"x": None}, ["y", "y_has"])
    assert made["y"] is None and not made["y_has"]
    with pytest.raises(mdl.DataError):
        model.run({"x": None}, ["y_get"])


def test_an_optional_sequence_is_there_or_not():
    model = mdl.convert(proto([node("Identity", "x", "y")], x=opt(seq()), y=opt(seq())))
    same(model.run({"x": [A, C]})["y"], [A, C])
    assert model.run({"x": []})["y"] == []
    assert model.run({"x": None})["y"] is None


def test_none_for_what_is_not_optional_is_an_error():
    model = mdl.convert(proto([node("Relu", "x", "y")], x=tensor(), y=tensor()))
    with pytest.raises(mdl.DataError):
        model.run({"x": None})


# ---- maps ----------------------------------------------------------------------------------------


def mapping(key, value, out, **attributes):
    op = attributes.pop("op")
    return proto([h.make_node(op, ["x"], ["y"], domain="ai.onnx.ml", **attributes)], ml=True,
                 x=h.make_map_type_proto(key, tensor(value, [])), y=tensor(out))


@pytest.mark.parametrize("given", [{"b": 2.5}, {"c": 1.0, "zz": 7.0, "a": -1.0}])
def test_a_dict_is_vectorised_as_onnx_runtime_does(given):
    runtime = pytest.importorskip("onnxruntime")
    file = mapping(T.STRING, T.FLOAT, T.FLOAT, op="DictVectorizer", string_vocabulary=["a", "b", "c"])
    same([mdl.convert(file).run({"x": given})["y"]],
         runtime.InferenceSession(file.SerializeToString()).run(None, {"x": given}))


@pytest.mark.parametrize("to,out", [("TO_FLOAT", T.FLOAT), ("TO_INT64", T.INT64)])
@pytest.mark.parametrize("form", [{}, {"map_form": "SPARSE", "max_map": 6}])
def test_a_map_is_cast_as_onnx_runtime_does(to, out, form):
    runtime = pytest.importorskip("onnxruntime")
    file = mapping(T.INT64, T.FLOAT, out, op="CastMap", cast_to=to, **form)
    given = {3: 1.5, 1: 2.0, 7: -0.25}
    same([mdl.convert(file).run({"x": given})["y"]],
         runtime.InferenceSession(file.SerializeToString()).run(None, {"x": given}))


def test_a_map_with_a_key_below_zero_is_an_error_where_keys_are_places():
    file = mapping(T.INT64, T.FLOAT, T.FLOAT, op="CastMap", map_form="SPARSE", max_map=6)
    with pytest.raises(mdl.DataError):
        mdl.convert(file).run({"x": {-1: 1.0}})


def test_in_c_a_map_is_its_values_and_its_keys():
    file = mapping(T.INT64, T.FLOAT, T.FLOAT, op="DictVectorizer", int64_vocabulary=[5, 9])
    made = mdl.convert(file).run({"x": np.array([1, 2], np.float32), "x.keys": np.array([9, 4])})
    assert made["y"].tolist() == [[0, 1]]
