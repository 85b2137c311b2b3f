# SPDX-License-Identifier: MIT
"""Contributions of columns against the frameworks' own: LightGBM's in float64, XGBoost's within
float32, the package shap where it is installed; and what must hold of any.

tests/test_explain.c compares with the definitions; here are real models.
"""
import gc
import threading
import weakref

import numpy as np
import pytest

lgb = pytest.importorskip("lightgbm")
xgb = pytest.importorskip("xgboost")
from sklearn import datasets, ensemble, pipeline, preprocessing, tree  # noqa: E402

import mdl  # noqa: E402
from mdl import _lib  # noqa: E402

X, Y = datasets.load_breast_cancer(return_X_y=True)
HOLES = X.copy()
HOLES[np.random.default_rng(5).random(X.shape) < 0.1] = np.nan
CODES = np.column_stack([np.random.default_rng(6).integers(0, 40, len(X)), HOLES[:, :9]])


def trained(rows, labels, rounds=40, category=(), **params):
    params = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 5, **params}
    return lgb.train(params, lgb.Dataset(rows, labels, categorical_feature=list(category)), rounds)


def side_by_side(explanation):
    """As LightGBM writes it: the outputs' columns and base one after the other."""
    made = np.asarray(explanation)
    return made if made.ndim == 2 else np.moveaxis(made, 2, 1).reshape(len(made), -1)


def assert_near(got, want, tolerance):
    scale = np.abs(want).max(axis=1, keepdims=True)
    assert (np.abs(got - want) <= tolerance * scale).all(), np.abs((got - want) / scale).max()


IRIS = datasets.load_iris(return_X_y=True)


@pytest.mark.parametrize("rows, labels, params", [
    (X, Y, {"objective": "binary"}),
    (X, X[:, 3] / 7, {"objective": "regression", "num_leaves": 255, "min_data_in_leaf": 1}),
    (HOLES, Y, {"objective": "binary", "zero_as_missing": True}),
    (CODES, Y, {"objective": "binary", "category": (0,), "max_cat_to_onehot": 2}),
    (*IRIS, {"objective": "multiclass", "num_class": 3}),
    (X, Y, {"objective": "binary", "boosting": "dart", "drop_rate": 0.5}),
    (X, Y, {"objective": "binary", "rounds": 1}),
], ids=["binary", "large", "zero_as_missing", "categories", "multiclass", "dart", "one"])
def test_values_are_those_of_lightgbm(rows, labels, params):
    booster = trained(rows, labels, **params)
    got = side_by_side(mdl.convert(booster).explain(rows))
    assert_near(got, booster.predict(rows, pred_contrib=True), 1e-9)


def test_averaged_trees_add_up_to_the_average():
    booster = trained(X, Y, objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.6)
    model = mdl.convert(booster)
    made = np.asarray(model.explain(X))
    assert_near(made.sum(axis=1, keepdims=True), model.predict_raw(X)[:, None], 1e-12)
    assert_near(made, booster.predict(X, pred_contrib=True), 1e-9)


def test_a_range_of_rounds_is_explained():
    booster = trained(X, Y, objective="binary")
    got = np.asarray(mdl.convert(booster).explain(X, tree_range=(5, 20)))
    assert_near(got, booster.predict(X, pred_contrib=True, start_iteration=5, num_iteration=15),
                1e-9)


def test_linear_leaves_are_refused_by_name():
    booster = trained(X, Y, objective="regression", linear_tree=True, linear_lambda=0.1)
    with pytest.raises(mdl.UnsupportedError, match="linear models"):
        mdl.convert(booster).explain(X)


def forest_of(params, rows=X, labels=Y, rounds=30, **matrix):
    return xgb.train({"nthread": 1, **params}, xgb.DMatrix(rows, labels, **matrix), rounds)


@pytest.mark.parametrize("rows, labels, params", [
    (X, Y, {"objective": "binary:logistic", "max_depth": 6}),
    (HOLES, Y, {"objective": "binary:logistic", "max_depth": 8, "min_child_weight": 0}),
    (X, X[:, 2], {"objective": "reg:squarederror", "booster": "dart", "rate_drop": 0.5}),
    (*IRIS, {"objective": "multi:softprob", "num_class": 3}),
    (X, Y, {"objective": "binary:logistic", "num_parallel_tree": 4, "subsample": 0.5}),
], ids=["binary", "missing", "dart", "multiclass", "forest"])
def test_values_are_those_of_xgboost_within_float32(rows, labels, params):
    booster = forest_of(params, rows, labels)
    model, matrix = mdl.convert(booster), xgb.DMatrix(rows)
    got = side_by_side(model.explain(rows))
    theirs = booster.predict(matrix, pred_contribs=True)
    assert_near(got, theirs.reshape(len(rows), -1), 2e-5)
    steps = side_by_side(model.explain(rows, method="steps"))
    theirs = booster.predict(matrix, pred_contribs=True, approx_contribs=True)
    assert_near(steps, theirs.reshape(len(rows), -1), 2e-5)


def test_interactions_are_those_of_xgboost_and_add_up_to_the_values():
    booster = forest_of({"objective": "binary:logistic", "max_depth": 5})
    model, rows = mdl.convert(booster), X[:60]
    pairs, values = model.explain(rows, method="interactions"), model.explain(rows)
    theirs = booster.predict(xgb.DMatrix(rows), pred_interactions=True)
    assert_near(pairs.values.reshape(60, -1), theirs[:, :-1, :-1].reshape(60, -1), 5e-5)
    assert np.abs(pairs.values.sum(axis=2) - values.values).max() < 1e-13
    assert (pairs.values == pairs.values.transpose(0, 2, 1)).all()


def test_vector_leaves_are_explained():
    if tuple(map(int, xgb.__version__.split(".")[:2])) < (2, 0):
        pytest.skip("XGBoost has none")
    targets = np.column_stack([X[:, 0], X[:, 5], X[:, 1] / 3])
    booster = forest_of({"multi_strategy": "multi_output_tree", "tree_method": "hist"}, X, targets)
    model = mdl.convert(booster)
    made = np.asarray(model.explain(X))
    assert made.shape == (len(X), 31, 3)
    assert np.abs(made.sum(axis=1) - model.predict_raw(X)).max() < 1e-4


def test_values_of_scikit_learn_add_up_and_are_shaps():
    """A forest of pure leaves and unequal weights; deep trees, many columns on a path."""
    forest = ensemble.RandomForestRegressor(12, random_state=1).fit(X, X[:, 7] * 100)
    boosted = ensemble.GradientBoostingRegressor(n_estimators=20, max_depth=7).fit(X, X[:, 7] * 100)
    for source in (forest, boosted, tree.DecisionTreeRegressor(random_state=2).fit(X, X[:, 7])):
        made = mdl.convert(source).explain(X[:100])
        sums = made.values.sum(axis=1) + made.base_values
        assert_near(sums[:, None], source.predict(X[:100])[:, None], 1e-12)
        try:
            import shap
        except ImportError:
            continue
        theirs = shap.TreeExplainer(source)
        assert_near(made.values, theirs.shap_values(X[:100], check_additivity=False), 1e-9)


def test_a_background_gives_what_shap_gives():
    shap = pytest.importorskip("shap")
    source = ensemble.RandomForestRegressor(10, random_state=1, max_depth=6).fit(X, X[:, 7] * 100)
    made = mdl.convert(source).explain(X[:40], background=X[300:330])
    theirs = shap.TreeExplainer(source, X[300:330], feature_perturbation="interventional")
    values = theirs.shap_values(X[:40], check_additivity=False)
    # Its values do not add up to the prediction by more than float32 would explain; ours do.
    theirs_off = np.abs(values.sum(axis=1) + theirs.expected_value - source.predict(X[:40]))
    assert (np.abs(made.values - values) <= 1e-7 + 2 * theirs_off[:, None]).all()
    assert_near((made.values.sum(axis=1) + made.base_values)[:, None],
                source.predict(X[:40])[:, None], 1e-12)
    explanation = made.to_shap()
    assert explanation.values is made.values and len(explanation) == 40


def test_values_of_catboost_are_its_own():
    """Sums times scale, plus bias; empty leaves; several classes."""
    catboost = pytest.importorskip("catboost")
    options = {"iterations": 30, "verbose": 0, "thread_count": 1, "allow_writing_files": False}
    for source, rows, labels in (
            (catboost.CatBoostRegressor(depth=5, **options), X, X[:, 3]),
            (catboost.CatBoostClassifier(depth=6, **options), X, Y),
            (catboost.CatBoostClassifier(loss_function="MultiClass", **options), *IRIS)):
        source.fit(rows, labels)
        theirs = source.get_feature_importance(catboost.Pool(rows), type="ShapValues")
        got = side_by_side(mdl.convert(source).explain(rows))
        assert_near(got, theirs.reshape(len(rows), -1), 1e-9)
    # Of these trees CatBoost's values do not add up to its prediction; ours do.
    source = catboost.CatBoostRegressor(grow_policy="Lossguide", **options).fit(X, X[:, 3])
    made = mdl.convert(source).explain(X)
    assert_near((made.values.sum(axis=1) + made.base_values)[:, None],
                source.predict(X)[:, None], 1e-12)


def test_scaled_columns_keep_their_names_and_one_hot_ones_are_the_trees():
    import pandas as pd
    frame = pd.DataFrame(X[:, :3], columns=["radius", "texture", "perimeter"])
    scaled = pipeline.make_pipeline(preprocessing.StandardScaler(),
                                    ensemble.GradientBoostingRegressor(n_estimators=5))
    scaled.fit(frame, Y)
    made = mdl.convert(scaled).explain(frame)
    assert made.feature_names == ["radius", "texture", "perimeter"]
    assert made.data is not None and (made.data == X[:, :3]).all()
    assert_near((made.values.sum(axis=1) + made.base_values)[:, None],
                scaled.predict(frame)[:, None], 1e-12)


def test_one_call_or_many_and_threads_give_the_same_bits():
    model = mdl.convert(trained(CODES, Y, objective="binary", category=(0,)))
    whole = np.asarray(model.explain(CODES))
    assert (np.asarray(model.explain(CODES, threads=2)) == whole).all()
    assert (np.concatenate([model.explain(CODES[i:i + 1]).values for i in range(30)])
            == whole[:30, :-1]).all()
    made = [None] * 4

    def ask(i):
        made[i] = np.asarray(model.explain(CODES))
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((one == whole).all() for one in made)


@pytest.mark.parametrize("how", [{"background": X[300:330]}, {}, {"method": "steps"},
                                 {"method": "interactions", "tree_range": (5, 20)}])
def test_an_explainer_that_is_kept_gives_the_bits_of_a_call_from_any_thread(how):
    model = mdl.convert(trained(X, Y, objective="binary"))
    want = np.asarray(model.explain(X[:60], **how).values)
    kept, made = model.explainer(**how), [None] * 4

    def ask(i):
        made[i] = np.concatenate([kept.explain(X[at:at + 10 + i]).values
                                  for at in range(0, 60, 10 + i)])[:60]
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((one == want).all() for one in made)
    assert (kept.explain(X[:5]).base_values == model.explain(X[:5], **how).base_values).all()


def test_an_explainer_has_background_rows_of_its_own():
    model, background = mdl.convert(trained(X, Y, objective="binary")), X[300:330].copy()
    kept = model.explainer(background=background)
    background[:] = 0
    values = kept.explain(X[:5]).values
    assert (values == model.explain(X[:5], background=X[300:330]).values).all()
    assert (values != model.explain(X[:5], background=background).values).any()
    assert (model.explainer(background=X[300:330], threads=2).explain(X[:5]).values == values).all()


def test_an_explainer_is_closed_by_itself_or_with_its_model():
    model = mdl.convert(trained(X, Y, objective="binary"))
    with model.explainer(background=X[:30]) as kept:
        kept.explain(X[:1])
    with pytest.raises(mdl.Error, match="this explainer is closed"):
        kept.explain(X[:1])
    kept.close()
    others = [model.explainer(background=X[:30]), model.explainer()]
    freed = [weakref.ref(core) for core in model._cores.values()]
    assert len(freed) == 2
    others.pop()
    gc.collect()
    assert [core() is None for core in freed] == [False, True]
    model.close()
    assert freed[0]() is None
    with pytest.raises(mdl.Error, match="this model is closed"):
        others[0].explain(X[:1])
    with pytest.raises(mdl.Error, match="this model is closed"):
        model.explainer()


def test_a_model_lives_as_long_as_its_explainer():
    kept = mdl.convert(trained(X, Y, objective="binary")).explainer(background=X[:30])
    gc.collect()
    assert kept.explain(X[:3]).values.shape == (3, 30)


def test_an_explainer_that_cannot_be_says_why():
    model = mdl.convert(trained(X, Y, objective="binary"))
    sparse = pytest.importorskip("scipy.sparse")
    for how, error, said in (({"method": "lime"}, mdl.DataError, "method is 'lime'"),
                             ({"method": "background"}, mdl.DataError, "needs background rows"),
                             ({"background": X[:, :3]}, mdl.DataError, "background: X has 3 columns, the model takes"),
                             ({"background": sparse.csr_matrix(X)}, mdl.UnsupportedError, "dense"),
                             ({"background": X[:0]}, mdl.Error, "background"),
                             ({"tree_range": (3, 2)}, mdl.DataError, "tree_range")):
        with pytest.raises(error, match=said):
            model.explainer(**how)
    with pytest.raises(mdl.DataError, match="columns"):
        model.explainer(background=X[:9]).explain(X[:, :3])


def test_columns_that_no_tree_asks_add_exactly_nothing():
    rows = np.column_stack([X, np.zeros(len(X))])
    made = mdl.convert(trained(rows, Y, objective="binary")).explain(rows)
    assert (made.values[:, -1] == 0).all()


def test_sparse_rows_are_explained_as_dense_ones():
    sparse = pytest.importorskip("scipy.sparse")
    rows = np.where(np.random.default_rng(2).random(X.shape) < 0.5, X, 0)
    model = mdl.convert(trained(rows, Y, objective="binary"))
    made = model.explain(sparse.csr_matrix(rows))
    assert made.data is None
    assert (made.values == model.explain(rows).values).all()


def test_what_cannot_be_explained_says_why():
    builder = mdl.Builder()
    x = builder.input("x", _lib.F32, 2)
    node = builder.trees(x, compare=_lib.TREES_LT, threshold_type=_lib.F32, leaf_type=_lib.F32)
    builder.tree(node, flags=[1, 0, 0], left=[1, -1, -1], right=[2, -1, -1], feature=[0, -1, -1],
                 threshold=[0.5, 0, 0], value=[0, 1, 2])
    builder.output("y", _lib.OUTPUT_RAW, builder.result(node))
    model = builder.to_model()
    with pytest.raises(mdl.UnsupportedError, match="no covers.*LightGBM text"):
        model.explain(np.zeros((1, 2)))
    made = model.explain(np.float32([[0, 0], [1, 0]]), background=np.float32([[1, 1], [1, 1]]))
    assert made.values.tolist() == [[-1, 0], [0, 0]] and made.base_values.tolist() == [2, 2]
    with pytest.raises(mdl.DataError, match="method is 'lime'"):
        model.explain(np.zeros((1, 2)), method="lime")
    with pytest.raises(mdl.DataError, match="background"):
        model.explain(np.zeros((1, 2)), method="background")
    with pytest.raises(mdl.DataError, match="columns"):
        model.explain(np.zeros((1, 3)))
    with pytest.raises(mdl.Error, match="closed"):
        model.close()
        model.explain(np.zeros((1, 2)))
