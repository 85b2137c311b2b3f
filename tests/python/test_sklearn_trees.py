# SPDX-License-Identifier: MIT
"""Trees, forests, gradient boosting and isolation forests of scikit-learn.

Sums, probabilities of trees and forests, and leaves must be the same bits as the source's: on
real rows, and on rows that stand on a threshold, beside it, or on a value that only rounding
to float32 brings there.  What comes behind a link function lies within 4 ULP.
"""
import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn import ensemble, tree  # noqa: E402
from sklearn.dummy import DummyRegressor  # noqa: E402

import mdl  # noqa: E402
from sklearn_rows import (VERSION, beside_float32, hard_rows, same_bits, same_labels,  # noqa: E402
                          split_cells, table, with_nan, worst_ulp)

LINK_ULP = 4


def trees_of(est):
    if hasattr(est, "tree_"):
        return [est.tree_]
    return [one.tree_ for one in np.ravel(est.estimators_)]


def rows_for(est, x, nan=False):
    rows = hard_rows(x, split_cells(trees_of(est)), beside_float32)
    return with_nan(rows) if nan else rows


def check_leaves(model, est, x):
    ours, theirs = model.apply(x), est.apply(x)
    assert ours.shape == theirs.shape and (ours == theirs).all()


CLASSIFIERS = {
    "DecisionTreeClassifier": {}, "ExtraTreeClassifier": {"max_depth": 7},
    "RandomForestClassifier": {"n_estimators": 13}, "ExtraTreesClassifier": {"n_estimators": 7},
}
REGRESSORS = {
    "DecisionTreeRegressor": {}, "ExtraTreeRegressor": {"max_depth": 6},
    "RandomForestRegressor": {"n_estimators": 11, "max_leaf_nodes": 40},
    "ExtraTreesRegressor": {"n_estimators": 7, "max_depth": 8},
}


def made(name, **params):
    module = tree if hasattr(tree, name) else ensemble
    return getattr(module, name)(random_state=0, **params)


@pytest.mark.parametrize("data", ["iris", "breast_cancer", "digits"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_probabilities_labels_and_leaves_of_tree_classifiers_are_the_same(name, data, proven):
    x, y = table(data)
    est = made(name, **CLASSIFIERS[name]).fit(x, y)
    model = mdl.convert(est)
    rows = rows_for(est, x)
    same_bits(model.predict_proba(rows), est.predict_proba(rows))
    same_labels(model, est, rows)
    check_leaves(model, est, rows)
    proven("scikit-learn", name, len(rows), "probabilities, labels, leaves: same bits")


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("name", REGRESSORS)
def test_predictions_and_leaves_of_tree_regressors_are_the_same(name, targets, proven):
    x, y = table("diabetes")
    y = y if targets == 1 else np.stack([y, np.sqrt(y), -y], axis=1)
    est = made(name, **REGRESSORS[name]).fit(x, y)
    model = mdl.convert(est)
    rows = rows_for(est, x)
    same_bits(model.predict(rows), est.predict(rows))
    check_leaves(model, est, rows)
    proven("scikit-learn", name, len(rows), "predictions, leaves: same bits")


def takes_nan(name):
    return {"Decision": (1, 3), "Random": (1, 4), "Extra": (1, 6)}[
        next(k for k in ("Decision", "Random", "Extra") if name.startswith(k))] <= VERSION


@pytest.mark.parametrize("trained_with_nan", [True, False])
@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_missing_values_go_where_each_node_says(name, trained_with_nan, proven):
    if not takes_nan(name):
        pytest.skip("this version refuses NaN here")
    x, y = table("breast_cancer", holes=0.15 if trained_with_nan else 0)
    est = made(name, **{**CLASSIFIERS, **REGRESSORS}[name]).fit(x, y)
    model = mdl.convert(est)
    rows = rows_for(est, x, nan=True)
    ask = "predict_proba" if name in CLASSIFIERS else "predict"
    same_bits(getattr(model, ask)(rows), getattr(est, ask)(rows))
    check_leaves(model, est, rows)
    proven("scikit-learn", name, len(rows), "with missing values: same bits")


def test_weighted_leaves_are_normalised_as_the_source_does():
    x, y = table("digits")
    weight = np.random.default_rng(4).random(len(x)) * 3
    est = tree.DecisionTreeClassifier(max_depth=6, random_state=0).fit(x, y, sample_weight=weight)
    forest = made("RandomForestClassifier", n_estimators=9, max_depth=5,
                  class_weight="balanced").fit(x, y, sample_weight=weight)
    for one in (est, forest):
        same_bits(mdl.convert(one).predict_proba(x), one.predict_proba(x))


def test_a_tree_without_a_split_answers_its_root():
    x, y = table("iris")
    est = tree.DecisionTreeClassifier(min_samples_leaf=len(x)).fit(x, y)
    assert est.tree_.node_count == 1
    same_bits(mdl.convert(est).predict_proba(x), est.predict_proba(x))
    one = ensemble.RandomForestRegressor(2, min_samples_leaf=len(x)).fit(x, y)
    same_bits(mdl.convert(one).predict(x), one.predict(x))


def test_negative_zero_in_a_leaf_keeps_its_sign():
    x = np.array([[0.0], [1.0]])
    est = tree.DecisionTreeRegressor().fit(x, [5.0, -2.0])
    est.tree_.value[est.tree_.apply(np.array([[0.0]], np.float32))[0]] = -0.0
    assert np.signbit(est.predict(x)[0])
    same_bits(mdl.convert(est).predict(x), est.predict(x))


# ---- gradient boosting ------------------------------------------------------------------------

BOOSTED = [
    ("breast_cancer", {"loss": "log_loss"}), ("breast_cancer", {"loss": "exponential"}),
    ("breast_cancer", {"init": "zero", "subsample": 0.7}), ("iris", {}), ("wine", {"init": "zero"}),
]


@pytest.mark.parametrize("data,params", BOOSTED)
def test_boosted_classifiers_have_the_same_margins(data, params, proven):
    x, y = table(data)
    est = ensemble.GradientBoostingClassifier(n_estimators=23, learning_rate=0.17,
                                              random_state=0, **params).fit(x, y)
    model = mdl.convert(est)
    rows = rows_for(est, x)
    same_bits(model.predict_raw(rows), est.decision_function(rows))
    worst = worst_ulp(model.predict_proba(rows), est.predict_proba(rows))
    same_labels(model, est, rows)
    check_leaves(model, est, rows)
    # Before 1.4 the softmax of several classes went through logarithms.
    assert worst <= (LINK_ULP if VERSION >= (1, 4) or len(est.classes_) == 2 else 32)
    proven("scikit-learn", "GradientBoostingClassifier", len(rows),
           "margins, leaves: same bits; probabilities within 4 ULP")


@pytest.mark.parametrize("params", [
    {"loss": "squared_error"}, {"loss": "absolute_error"}, {"loss": "huber"},
    {"loss": "quantile", "alpha": 0.3}, {"init": "zero"},
    {"init": DummyRegressor(strategy="constant", constant=100.1)}], ids=str)
def test_boosted_regressors_give_the_same_bits(params, proven):
    x, y = table("diabetes")
    est = ensemble.GradientBoostingRegressor(n_estimators=31, learning_rate=0.13,
                                             random_state=0, **params).fit(x, y)
    model = mdl.convert(est)
    rows = rows_for(est, x)
    same_bits(model.predict(rows), est.predict(rows))
    same_bits(model.predict_raw(rows), est.predict(rows))
    check_leaves(model, est, rows)
    proven("scikit-learn", "GradientBoostingRegressor", len(rows),
           "predictions, leaves: same bits")


@pytest.mark.parametrize("data", ["breast_cancer", "iris"])
def test_a_range_of_rounds_is_the_stage_of_the_source(data):
    x, y = table(data)
    est = ensemble.GradientBoostingClassifier(n_estimators=9, random_state=0).fit(x, y)
    model = mdl.convert(est)
    for i, stage in enumerate(est.staged_decision_function(x)):
        same_bits(model.predict_raw(x, tree_range=(0, i + 1)), stage)


def test_a_boosted_margin_of_zero_gets_the_label_of_this_version():
    x, y = table("breast_cancer")
    for loss in ("log_loss", "exponential"):
        est = ensemble.GradientBoostingClassifier(n_estimators=1, init="zero", max_depth=1,
                                                  loss=loss).fit(x, y)
        for value in (0.0, 1e-17, -1e-17, -1e-300):
            est.estimators_[0, 0].tree_.value[:] = value
            same_labels(mdl.convert(est), est, x[:5])


# ---- isolation forests --------------------------------------------------------------------------


@pytest.mark.parametrize("params", [
    {}, {"contamination": 0.1}, {"max_features": 0.4, "contamination": 0.25},
    {"max_samples": 37, "bootstrap": True}, {"max_samples": 1}], ids=str)
def test_isolation_forests_add_the_same_path_lengths(params, proven):
    x, _ = table("breast_cancer")
    est = ensemble.IsolationForest(n_estimators=17, random_state=0, **params).fit(x)
    model = mdl.convert(est)
    rows = rows_for(est, x, nan=VERSION >= (1, 6))
    answers = model.run({"x": rows})
    depths = np.zeros(len(rows))
    narrow = rows.astype(np.float32)
    for i, (one, columns) in enumerate(zip(est.estimators_, est.estimators_features_)):
        part = narrow if est._max_features == x.shape[1] else narrow[:, columns]
        leaf = one.tree_.apply(np.ascontiguousarray(part))
        assert (answers["leaf"][:, i] == leaf).all()
        depths += (est._decision_path_lengths[i][leaf]
                   + est._average_path_length_per_tree[i][leaf] - 1.0)
    same_bits(answers["depth"].ravel(), depths)
    worst = worst_ulp(answers["score"].ravel(), est.score_samples(rows))
    assert worst <= 2
    # A difference of two scores: the error is that of a score, at most 1.
    assert np.abs(model.predict_raw(rows).ravel() - est.decision_function(rows)).max() <= 2**-52
    same_labels(model, est, rows)
    proven("scikit-learn", "IsolationForest", len(rows),
           "path lengths, labels, leaves: same bits; scores within 2 ULP")


def test_an_outlier_at_the_very_threshold_is_labelled_as_by_the_source():
    x, _ = table("diabetes")
    x = x[:101]                          # 10 % of 100 intervals: the offset is one row's score
    est = ensemble.IsolationForest(n_estimators=10, contamination=0.1, random_state=3).fit(x)
    assert (est.score_samples(x) == est.offset_).any()
    same_labels(mdl.convert(est), est, x)
