# SPDX-License-Identifier: MIT
"""Linear models and perceptrons of scikit-learn.

The source sums in the order of a BLAS.  So decisions are judged against the size of the terms
added up, |x| |w| + |b|: both sides together within 16 units of 2^-53; probabilities within
1e-13; networks of float32 within 1e-5.
"""
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn import linear_model, neural_network, svm  # noqa: E402

import mdl  # noqa: E402
from sklearn_rows import (VERSION, same_labels, table, worst_against_size,  # noqa: E402
                          worst_ulp)

SUM = 16 * 2.0**-53
PROBABILITY = 1e-13
WITHIN = "decisions within 16 x 2^-53 of the terms added up"


def fit(est, x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")      # most are stopped long before they converge
        return est.fit(x, y)


def rows_for(x, seed=0):
    """Real rows, and rows of extreme, tiny and zero cells."""
    random = np.random.default_rng(seed)
    wide = x[:60] * 10.0 ** random.integers(-12, 12, size=(60, x.shape[1]))
    odd = random.choice([0.0, -0.0, 5e-324, 1e-310, 1e150, -3.5], size=(40, x.shape[1]))
    return np.concatenate([x, wide, odd, np.zeros((1, x.shape[1]))])


def size_of(est, x, bias=None):
    coef = np.abs(np.atleast_2d(est.coef_))
    return np.abs(x) @ coef.T + np.abs(est.intercept_ if bias is None else bias) + 1e-300


def scaled(name):
    x, y = table(name)
    return (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1), y


def two_d(a):
    a = np.asarray(a)
    return a.reshape(len(a), -1)


# ---- regressors ---------------------------------------------------------------------------------


REGRESSORS = {
    "LinearRegression": {}, "Ridge": {}, "RidgeCV": {}, "Lasso": {"alpha": 0.01},
    "ElasticNet": {"alpha": 0.01}, "LassoLars": {"alpha": 0.01}, "BayesianRidge": {},
    "HuberRegressor": {"max_iter": 500}, "OrthogonalMatchingPursuit": {},
    "SGDRegressor": {"random_state": 0}, "PassiveAggressiveRegressor": {"random_state": 0},
    "LinearSVR": {"random_state": 0},
}


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors_are_one_sum(name, intercept, proven):
    x, y = scaled("diabetes")
    kind = getattr(linear_model, name, None) or getattr(svm, name)
    est = fit(kind(fit_intercept=intercept, **REGRESSORS[name]), x, y)
    model, rows = mdl.convert(est), rows_for(x)
    worst = worst_against_size(two_d(model.predict(rows)), two_d(est.predict(rows)),
                               size_of(est, rows))
    assert worst <= SUM
    proven("scikit-learn", name, len(rows), WITHIN)


@pytest.mark.parametrize("name", ["LinearRegression", "Ridge", "MultiTaskLasso",
                                  "MultiTaskElasticNet"])
def test_regressors_of_several_targets(name):
    x, y = scaled("diabetes")
    est = getattr(linear_model, name)().fit(x, np.stack([y, -y, y**0.5], axis=1))
    model, rows = mdl.convert(est), rows_for(x)
    assert model.predict(rows).shape == (len(rows), 3)
    assert worst_against_size(model.predict(rows), est.predict(rows), size_of(est, rows)) <= SUM


@pytest.mark.parametrize("name,params", [
    ("PoissonRegressor", {}), ("GammaRegressor", {}), ("TweedieRegressor", {"power": 0}),
    ("TweedieRegressor", {"power": 1.5}), ("TweedieRegressor", {"power": 0, "link": "log"})])
def test_generalised_linear_models_end_in_their_link(name, params, proven):
    x, y = scaled("diabetes")
    est = getattr(linear_model, name)(**params).fit(x, y / 100)
    model = mdl.convert(est)
    worst = worst_ulp(model.predict(x), est.predict(x))
    assert worst <= 64               # a margin of size 5 that is off by 1 ULP
    proven("scikit-learn", name, len(x), "predictions within 64 ULP")


# ---- classifiers --------------------------------------------------------------------------------


def check_classifier(est, x, proven, probabilities=True):
    model, rows = mdl.convert(est), rows_for(x)
    worst = worst_against_size(two_d(model.predict_raw(rows)), two_d(est.decision_function(rows)),
                               size_of(est, rows))
    assert worst <= SUM
    same_labels(model, est, x)
    if probabilities:
        ours, theirs = model.predict_proba(rows), est.predict_proba(rows)
        known = ~np.isnan(theirs)            # before 1.6 a row of zeros was divided by 0
        # An error of the margin is one of the probability, at most 1/2 of it.
        allowed = PROBABILITY + SUM * size_of(est, rows).max(axis=1, keepdims=True)
        assert (np.abs(ours - theirs) <= allowed)[known].all()
    else:
        assert "probability" not in model.run({"x": rows[:1]})
    proven("scikit-learn", type(est).__name__, len(rows), WITHIN)


@pytest.mark.parametrize("data", ["breast_cancer", "iris", "digits"])
@pytest.mark.parametrize("name,params", [
    ("LinearSVC", {"random_state": 0}), ("RidgeClassifier", {}), ("RidgeClassifierCV", {}),
    ("Perceptron", {}), ("PassiveAggressiveClassifier", {"random_state": 0}),
    ("SGDClassifier", {"random_state": 0}),
    ("SGDClassifier", {"random_state": 0, "loss": "squared_hinge"}),
    ("SGDClassifier", {"random_state": 0, "loss": "perceptron"}),
    ("SGDClassifier", {"random_state": 0, "loss": "huber"})])
def test_classifiers_without_probabilities_answer_labels(name, params, data, proven):
    x, y = scaled(data)
    kind = getattr(linear_model, name, None) or getattr(svm, name)
    est = fit(kind(**({"max_iter": 30} if "Ridge" not in name else {}), **params), x, y)
    check_classifier(est, x, proven, probabilities=False)


@pytest.mark.parametrize("data", ["breast_cancer", "iris", "digits"])
@pytest.mark.parametrize("loss", ["log_loss", "modified_huber"])
def test_sgd_classifiers_with_probabilities(loss, data, proven):
    x, y = scaled(data)
    check_classifier(fit(linear_model.SGDClassifier(loss=loss, random_state=0), x, y), x, proven)


def test_modified_huber_spreads_a_row_that_no_class_wants():
    x, y = scaled("iris")
    est = fit(linear_model.SGDClassifier(loss="modified_huber", random_state=0), x, y)
    far = np.random.default_rng(0).normal(size=(500, 4)) * 50
    lost = (est.decision_function(far) <= -1).all(axis=1)
    assert lost.any()
    assert (mdl.convert(est).predict_proba(far[lost]) == 1 / 3).all()
    assert (est.predict_proba(far[lost]) == 1 / 3).all()


@pytest.mark.parametrize("data", ["breast_cancer", "iris", "digits"])
def test_logistic_regression(data, proven):
    x, y = scaled(data)
    check_classifier(fit(linear_model.LogisticRegression(max_iter=40), x, y), x, proven)


@pytest.mark.skipif(VERSION >= (1, 7), reason="newer versions have no such choice")
@pytest.mark.parametrize("data", ["breast_cancer", "iris"])
@pytest.mark.parametrize("choice,solver", [("ovr", "lbfgs"), ("multinomial", "lbfgs"),
                                           ("auto", "liblinear"), ("auto", "newton-cholesky")])
def test_logistic_regression_of_older_versions(choice, solver, data, proven):
    x, y = scaled(data)
    est = linear_model.LogisticRegression(multi_class=choice, solver=solver, max_iter=30)
    check_classifier(fit(est, x, y), x, proven)


@pytest.mark.parametrize("data", ["breast_cancer", "iris"])
def test_logistic_regression_with_cross_validation(data, proven):
    x, y = scaled(data)
    est = linear_model.LogisticRegressionCV(Cs=3, cv=3, max_iter=30)
    check_classifier(fit(est, x, y), x, proven)


def test_one_class_svm_by_gradient_descent():
    x, _ = scaled("iris")
    est = linear_model.SGDOneClassSVM(random_state=0).fit(x)
    model, rows = mdl.convert(est), rows_for(x)
    assert worst_against_size(model.predict_raw(rows), est.decision_function(rows),
                              size_of(est, rows, est.offset_).ravel()) <= SUM
    same_labels(model, est, x)


def test_a_margin_of_zero_is_the_first_class():
    x, y = scaled("breast_cancer")
    est = fit(linear_model.LogisticRegression(fit_intercept=False), x, y)
    rows = np.array([np.zeros(30), -np.zeros(30)])
    same_labels(mdl.convert(est), est, rows)
    assert (mdl.convert(est).predict_proba(rows) == 0.5).all()


def test_float32_training_is_computed_in_float64():
    x, y = scaled("iris")
    est = fit(linear_model.LogisticRegression(), x.astype(np.float32), y)
    rows = rows_for(x)
    assert worst_against_size(mdl.convert(est).predict_raw(rows), est.decision_function(rows),
                              size_of(est, rows)) <= SUM


# ---- networks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["breast_cancer", "iris", "digits"])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_perceptrons_classify_alike(activation, data, proven):
    x, y = scaled(data)
    est = fit(neural_network.MLPClassifier((17, 9), activation=activation, max_iter=30,
                                           random_state=0), x, y)
    model = mdl.convert(est)
    worst = np.abs(model.predict_proba(x) - est.predict_proba(x)).max()
    assert worst <= PROBABILITY
    same_labels(model, est, x)
    proven("scikit-learn", "MLPClassifier", len(x), "probabilities within 1e-13")


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_perceptrons_regress_alike(activation, targets, proven):
    x, y = scaled("diabetes")
    y = y / 100 if targets == 1 else np.stack([y / 100, -y], axis=1)
    est = fit(neural_network.MLPRegressor(hidden_layer_sizes=(13,), activation=activation,
                                          max_iter=30, random_state=0), x, y)
    ours, theirs = mdl.convert(est).predict(x), est.predict(x)
    assert ours.shape == theirs.shape
    worst = np.abs((ours - theirs) / np.maximum(1, np.abs(theirs))).max()
    assert worst <= 1e-13
    proven("scikit-learn", "MLPRegressor", len(x), "predictions within 1e-13")


@pytest.mark.skipif(VERSION < (1, 7), reason="this loss came later")
def test_a_perceptron_with_poisson_loss_ends_in_exp():
    x, y = scaled("diabetes")
    est = fit(neural_network.MLPRegressor(loss="poisson", hidden_layer_sizes=(8,), max_iter=30,
                                          random_state=0), x, y / 100)
    assert est.out_activation_ == "exp"
    assert np.allclose(mdl.convert(est).predict(x), est.predict(x), rtol=1e-13, atol=0)


@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu"])
def test_perceptrons_trained_in_float32_answer_in_float32(activation, proven):
    x, y = scaled("digits")
    x = x.astype(np.float32)
    est = fit(neural_network.MLPClassifier((20,), activation=activation, max_iter=15,
                                           random_state=0), x, y)
    assert est.coefs_[0].dtype == np.float32
    model = mdl.convert(est)
    ours, theirs = model.predict_proba(x), est.predict_proba(x)
    assert ours.dtype == theirs.dtype == np.float32
    worst = np.abs(ours - theirs).max()
    assert worst <= 1e-5
    proven("scikit-learn", "MLPClassifier", len(x), "in float32: probabilities within 1e-5")
