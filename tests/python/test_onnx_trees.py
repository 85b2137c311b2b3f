# SPDX-License-Identifier: MIT
"""Tree ensembles of ONNX on the tree engines, against onnx's own reference evaluator: every
comparison, x on a threshold and one step beside it, NaN with and without a side, infinities.

The reference knows no lists of float64 before version 5: ONNX Runtime judges there.
"""
import ctypes

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

import mdl                                                                         # noqa: E402
from mdl import _lib                                                               # noqa: E402
from onnx import TensorProto as T                                                  # noqa: E402
from onnx import helper as h                                                       # noqa: E402
from onnx.reference import ReferenceEvaluator                                      # noqa: E402

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
SPLITS = [-0.0, 0.0, 0.1, -0.1, 1.0, 2.5, -3.0, 1e-40, 16777217.0, 3e38]
COLUMNS, ROWS = 4, 300


def rows(dtype, splits, random, nan=True):
    beside = np.array(splits, dtype)
    pool = np.concatenate([beside, np.nextafter(beside, dtype(np.inf)), np.nextafter(
        beside, dtype(-np.inf)), [np.inf, -np.inf] + [np.nan] * (8 if nan else 0)]).astype(dtype)
    return random.choice(pool, (ROWS, COLUMNS))


def tree(random, modes, depth):
    """Nodes in the order in which they are met: (mode, feature, split, yes, no) or None."""
    nodes = []

    def grow(left):
        at = len(nodes)
        nodes.append(None)
        if left and random.random() < 0.9:
            nodes[at] = (random.choice(modes), int(random.integers(COLUMNS)),
                         float(random.choice(SPLITS)), grow(left - 1), grow(left - 1))
        return at

    grow(depth)
    return nodes


def lists(trees, random, missing):
    """The parallel lists of versions 1 and 3, and each leaf's name."""
    made = {key: [] for key in ("treeids", "nodeids", "featureids", "modes", "values",
                                "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    leaves = []
    for t, nodes in enumerate(trees):
        for i, one in enumerate(nodes):
            mode, feature, split, yes, no = one or ("LEAF", 0, 0.0, 0, 0)
            for key, value in zip(made, (t, i, feature, mode, split, yes, no,
                                         int(random.random() < missing))):
                made[key].append(value)
            if one is None:
                leaves.append((t, i))
    return {f"nodes_{key}": value for key, value in made.items()}, leaves


def judge(proto, x, by_runtime):
    if not by_runtime:
        return ReferenceEvaluator(proto).run(None, {"x": x})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})


def operators(model):
    handle, made = model._held().value, []
    for node in range(_lib.lib.mdl_node_count(handle)):
        info = _lib.mdl_node_info(size=ctypes.sizeof(_lib.mdl_node_info))
        _lib.lib.mdl_node(handle, node, ctypes.byref(info))
        made.append(info.op.decode())
    return made


def run(node, x, outputs, opset=3):
    type_ = T.FLOAT if x.dtype == np.float32 else T.DOUBLE
    proto = h.make_model(h.make_graph(
        [node], "trees", [h.make_tensor_value_info("x", type_, ["rows", COLUMNS])],
        [h.make_tensor_value_info(name, of, None) for name, of in outputs]),
        opset_imports=[h.make_opsetid("", 21), h.make_opsetid("ai.onnx.ml", opset)], ir_version=10)
    model = mdl.convert(proto)
    assert operators(model).count("trees") == 1
    return model.run({"x": x}), judge(proto, x, opset < 5 and x.dtype == np.float64)


def wide(attributes, dtype, *names):
    """Lists of float64 come as tensors."""
    if dtype == np.float64:
        for name in names:
            values = attributes.pop(name)
            attributes[name + "_as_tensor"] = h.make_tensor(name, T.DOUBLE, [len(values)], values)
    return attributes


@pytest.mark.parametrize("aggregate", ["SUM", "MIN", "MAX"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("modes", [*([m] for m in MODES), MODES], ids=lambda m: "+".join(m)[7:])
def test_regressors_follow_the_reference_on_ties_and_nan(modes, dtype, aggregate):
    random = np.random.default_rng(len(modes) + MODES.index(modes[0]))
    trees = [tree(random, modes, 4) for _ in range(7)]
    # NaN at x != v: the old reference sends it by its flag alone, ONNX Runtime to the true side.
    nan = "BRANCH_NEQ" not in modes
    attributes, leaves = lists(trees, random, 0.5)
    n = len(leaves)
    attributes |= dict(target_treeids=[t for t, _ in leaves], target_nodeids=[i for _, i in leaves],
                       target_ids=random.integers(2, size=n).tolist(),
                       target_weights=random.choice([0.1, -0.3, 1e-3, 7.7], n).tolist())
    wide(attributes, dtype, "nodes_values", "target_weights")
    node = h.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=2,
                       aggregate_function=aggregate, **attributes)
    ours, theirs = run(node, rows(dtype, SPLITS, random, nan), [("y", T.FLOAT)])
    assert ours["y"].shape == theirs[0].shape
    spoken = theirs[0].astype(np.float32)
    if aggregate != "SUM":                        # a target of which no leaf spoke: 0 is ours
        spoken = np.where(np.abs(theirs[0]) >= np.finfo(np.float32).max, 0, spoken)
    assert (ours["y"] == spoken).all()


@pytest.mark.parametrize("labels", [[3, 5, 9], ["a", "b", "c"]], ids=["numbers", "texts"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classifiers_follow_the_reference_on_ties_and_nan(labels, dtype):
    random = np.random.default_rng(5)
    trees = [tree(random, MODES[:5], 4) for _ in range(9)]
    attributes, leaves = lists(trees, random, 0.5)
    each = [(t, i, c) for t, i in leaves for c in range(3)]
    attributes |= dict(class_treeids=[t for t, _, _ in each], class_nodeids=[i for _, i, _ in each],
                       class_ids=[c for _, _, c in each],
                       class_weights=random.choice([0.125, 0.25, 0.5, 0.75], len(each)).tolist())
    wide(attributes, dtype, "nodes_values", "class_weights")
    key = "classlabels_strings" if isinstance(labels[0], str) else "classlabels_int64s"
    node = h.make_node("TreeEnsembleClassifier", ["x"], ["label", "score"], domain="ai.onnx.ml",
                       post_transform="NONE", **{key: labels}, **attributes)
    kind = T.STRING if isinstance(labels[0], str) else T.INT64
    ours, theirs = run(node, rows(dtype, SPLITS, random), [("label", kind), ("score", T.FLOAT)])
    assert ours["label"].tolist() == np.asarray(theirs[0]).tolist()
    assert (ours["score"] == theirs[1]).all() and ours["score"].dtype == np.float32


@pytest.mark.parametrize("aggregate", [0, 1, 2, 3], ids=["average", "sum", "min", "max"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_version_5_follows_the_reference_sets_included(dtype, aggregate):
    random = np.random.default_rng(11)
    type_ = T.FLOAT if dtype == np.float32 else T.DOUBLE
    keys = ["featureids", "truenodeids", "trueleafs", "falsenodeids", "falseleafs",
            "missing_value_tracks_true"]
    nodes = {key: [] for key in keys}
    modes, splits, members, weights, targets, roots = [], [], [], [], [], []

    def leaf():
        weights.append(float(random.choice([0.25, -0.5, 1.75, 8.0])))
        targets.append(int(random.integers(2)))
        return len(weights) - 1, 1

    def grow(left):
        at = len(modes)
        mode = int(random.integers(7))
        modes.append(mode)
        splits.append(float(random.choice(SPLITS)))
        for key in keys:
            nodes[key].append(0)
        nodes["featureids"][at] = int(random.integers(COLUMNS))
        nodes["missing_value_tracks_true"][at] = int(random.integers(2))
        if mode == 6:
            # The reference stops at a member of 0.
            found = [v for v in random.choice(SPLITS, 3).tolist() if v != 0]
            members.extend(found + [np.nan])
        for side in ("true", "false"):
            child, is_leaf = grow(left - 1) if left and random.random() < 0.8 else leaf()
            nodes[f"{side}nodeids"][at], nodes[f"{side}leafs"][at] = child, is_leaf
        return at, 0

    for _ in range(8):
        roots.append(grow(4)[0])
    tensor = h.make_tensor
    node = h.make_node(
        "TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", n_targets=2, post_transform=0,
        aggregate_function=aggregate, tree_roots=roots, leaf_targetids=targets,
        nodes_modes=tensor("m", T.UINT8, [len(modes)], modes),
        nodes_splits=tensor("s", type_, [len(splits)], splits),
        leaf_weights=tensor("w", type_, [len(weights)], weights),
        membership_values=tensor("v", type_, [len(members)], members),
        **{f"nodes_{key}": value for key, value in nodes.items()})
    ours, theirs = run(node, rows(dtype, SPLITS, random), [("y", type_)], opset=5)
    spoken = np.where(np.abs(theirs[0]) == np.finfo(dtype).max, 0, theirs[0])
    if aggregate == 0:        # the reference divides each weight, ONNX Runtime and we the sum
        np.testing.assert_allclose(ours["y"], spoken, rtol=4 * np.finfo(dtype).eps, atol=1e-15)
    else:
        assert (ours["y"] == spoken).all()
    assert ours["y"].dtype == dtype
