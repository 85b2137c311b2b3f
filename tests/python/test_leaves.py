# SPDX-License-Identifier: MIT
"""Leaves rounded to float16, against numpy's float16 and the leaves that the source says rows end in."""
import json

import numpy as np
import pytest

import mdl

sklearn_datasets = pytest.importorskip("sklearn.datasets")


def rounded(leaves):
    """float16 times the power of two that brings the largest below 65520, in the leaves' type."""
    exponent = int(np.frexp(np.abs(leaves).max())[1]) - 16
    scale = leaves.dtype.type(2.0 ** exponent)
    half = (leaves.astype(np.float64) / float(scale)).astype(np.float16)
    assert np.isfinite(half).all()
    return half.astype(leaves.dtype) * scale


def number(model, key):
    return float(model.metadata[key])


def check_metadata(model, before, after, trees):
    moved = np.abs(after.astype(np.float64) - before.astype(np.float64))
    assert model.metadata["leaves"] == "float16"
    for key, exact in (("leaf_change_most", moved.max()), ("leaf_change_mean", moved.mean()),
                       ("leaf_change_relative", (moved[before != 0] / np.abs(before[before != 0])).max()),
                       ("sum_change_most", trees)):
        assert exact * (1 - 1e-12) <= number(model, key) <= exact * 1.011 + 1e-300, key


def test_lightgbm_sums_are_those_of_numpys_float16(tmp_path):
    lgb = pytest.importorskip("lightgbm")
    x, y = sklearn_datasets.load_breast_cancer(return_X_y=True)
    booster = lgb.train({"objective": "binary", "num_leaves": 12, "verbose": -1, "num_threads": 1},
                        lgb.Dataset(x, y), 40)
    sizes = [t["num_leaves"] for t in booster.dump_model()["tree_info"]]
    before = [np.array([booster.get_leaf_output(t, i) for i in range(n)]) for t, n in enumerate(sizes)]
    after = np.split(rounded(np.concatenate(before)), np.cumsum(sizes)[:-1])
    want = np.zeros(len(x))
    for tree, leaf in enumerate(booster.predict(x, pred_leaf=True).T):
        want += after[tree][leaf]

    exact = mdl.convert(booster)
    model = mdl.convert(booster, leaves="float16")
    assert (model.predict_raw(x) == want).all()
    assert (model.apply(x) == exact.apply(x)).all()
    moves = sum(np.abs(a - b).max() for a, b in zip(after, before))
    check_metadata(model, np.concatenate(before), np.concatenate(after), moves)
    assert 0 < np.abs(want - exact.predict_raw(x)).max() <= moves
    shap = model.explain(x[:5])
    assert np.allclose(np.asarray(shap.values if hasattr(shap, "values") else shap).sum(-1)
                       + (np.asarray(shap.base_values) if hasattr(shap, "base_values") else 0),
                       want[:5], rtol=1e-12)

    # Golden rows are the source's, and it shows.  The file is smaller, and says why.
    assert max(exact.check().values()) == 0
    assert 0 < max(model.check().values()) <= moves
    exact.save(tmp_path / "exact.mdl")
    model.save(tmp_path / "small.mdl")
    assert (tmp_path / "small.mdl").stat().st_size < (tmp_path / "exact.mdl").stat().st_size
    again = mdl.convert(tmp_path / "exact.mdl", leaves="float16")
    assert (again.predict_raw(x) == want).all()
    with pytest.raises(mdl.Error, match="float16 already"):
        mdl.convert(model, leaves="float16")


def test_xgboost_margins_of_several_classes_are_those_of_numpys_float16():
    xgb = pytest.importorskip("xgboost")
    x, y = sklearn_datasets.load_wine(return_X_y=True)
    x = x.astype(np.float32)
    booster = xgb.train({"objective": "multi:softprob", "num_class": 3, "max_depth": 3, "base_score": 0.5,
                         "nthread": 1}, xgb.DMatrix(x, y), 12)
    gb = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
    is_leaf = [np.array(t["left_children"]) == -1 for t in gb["trees"]]
    before = [np.array(t["split_conditions"], np.float32) for t in gb["trees"]]
    scaled = rounded(np.concatenate([b[leaf] for b, leaf in zip(before, is_leaf)]))
    after = [b.copy() for b in before]
    for a, leaf, values in zip(after, is_leaf, np.split(scaled, np.cumsum([i.sum() for i in is_leaf])[:-1])):
        a[leaf] = values

    model = mdl.convert(booster, leaves="float16")
    want = np.full((len(x), 3), 0.5, np.float32)
    moves = np.zeros(3)
    for tree, leaf in enumerate(booster.predict(xgb.DMatrix(x), pred_leaf=True).astype(int).T):
        want[:, gb["tree_info"][tree]] += after[tree][leaf]
        moves[gb["tree_info"][tree]] += np.abs(after[tree].astype(float) - before[tree])[is_leaf[tree]].max()
    assert (model.predict_raw(x) == want).all()
    check_metadata(model, np.concatenate([b[i] for b, i in zip(before, is_leaf)]),
                   np.concatenate([a[i] for a, i in zip(after, is_leaf)]), moves.max())


def test_other_names_and_models_without_trees_are_refused():
    linear = pytest.importorskip("sklearn.linear_model")
    x, y = sklearn_datasets.load_iris(return_X_y=True)
    model = mdl.convert(linear.LogisticRegression(max_iter=500).fit(x, y))
    with pytest.raises(ValueError, match="float16"):
        mdl.convert(model, leaves="float8")
    with pytest.raises(mdl.UnsupportedError, match="without trees"):
        mdl.convert(model, leaves="float16")
    assert mdl.convert(model, leaves=None) is model
