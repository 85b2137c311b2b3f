# SPDX-License-Identifier: MIT
"""Linear models of scikit-learn: decision = coef x + intercept in float64.

The source leaves the order of the sum to a BLAS; ours is fixed, so both lie within a few
units in the last place of the exact value.
"""
from __future__ import annotations

from typing import Any, List, Tuple

import numpy as np

from . import _lib
from ._sklearn_flow import EXACT, SUMS, Flow, bad_labels


def _weights(est: Any) -> Tuple[np.ndarray, np.ndarray]:
    """coef [outputs, inputs] and intercept [outputs]."""
    coef = np.asarray(est.coef_, np.float64)
    coef = coef.reshape(1, -1) if coef.ndim == 1 else coef
    bias = np.asarray(est.intercept_, np.float64).ravel()
    return coef, np.broadcast_to(bias, (len(coef),))


def _dense(flow: Flow, coef: np.ndarray, bias: np.ndarray) -> int:
    flow.cast(_lib.F64)
    flow.size = lambda est, X: np.abs(np.asarray(X, np.float64)) @ np.abs(coef).T + np.abs(bias)
    return flow.node("dense", weights={"weight": coef, "bias": bias})


# ---- regressors ---------------------------------------------------------------------------


def _no_parts(est: Any) -> List[str]:
    return []


def _build_regressor(flow: Flow, est: Any) -> None:
    flow.output("prediction", _lib.OUTPUT_VALUE, _dense(flow, *_weights(est)), "predict", SUMS)


def _glm_link(est: Any) -> str:
    return type(est._base_loss.link).__name__


def _check_glm(est: Any) -> List[str]:
    known = _glm_link(est) in ("IdentityLink", "LogLink")
    return [] if known else [f"{type(est).__name__} with link {_glm_link(est)}"]


def _build_glm(flow: Flow, est: Any) -> None:
    raw = _dense(flow, *_weights(est))
    value = flow.node("link", [raw], function="exp") if _glm_link(est) == "LogLink" else raw
    flow.output("prediction", _lib.OUTPUT_VALUE, value, "predict", SUMS)
    flow.output("raw", _lib.OUTPUT_RAW, raw, lambda e, X: e._linear_predictor(X), SUMS)


# ---- classifiers ------------------------------------------------------------------------------


def _check_classifier(est: Any) -> List[str]:
    binarizer = getattr(est, "_label_binarizer", None)
    if binarizer is not None and binarizer.y_type_.startswith("multilabel"):
        return [f"{type(est).__name__} with several labels a row"]
    return bad_labels(est)


def _label(flow: Flow, raw: int, outputs: int) -> int:
    return flow.node("argmax" if outputs > 1 else "above", [raw])


def _build_classifier(flow: Flow, est: Any) -> None:
    """Those without probabilities."""
    coef, bias = _weights(est)
    raw = _dense(flow, coef, bias)
    flow.classifier(est.classes_, _label(flow, raw, len(coef)), None, raw, SUMS)


def _one_against_rest(flow: Flow, raw: int, outputs: int, function: str) -> int:
    p = flow.node("link", [raw], function=function)
    return flow.node("link", [p], function="normalize") if outputs > 1 \
        else flow.node("complement", [p])


def _is_one_against_rest(est: Any) -> bool:
    """As LogisticRegression.predict_proba decides; newer versions leave no choice."""
    choice = getattr(est, "multi_class", "auto")
    if choice in ("auto", "deprecated"):
        return len(est.classes_) <= 2 or est.solver in ("liblinear", "newton-cholesky")
    return choice in ("ovr", "warn")


def _has_choice(est: Any) -> bool:
    return hasattr(est, "multi_class")


def _build_logistic(flow: Flow, est: Any) -> None:
    coef, bias = _weights(est)
    outputs = len(coef)
    raw = _dense(flow, coef, bias)
    softmax = not _is_one_against_rest(est) if _has_choice(est) else len(est.classes_) > 2
    if not softmax:
        proba = _one_against_rest(flow, raw, outputs, "logistic")
    elif outputs > 1:
        proba = flow.node("link", [raw], function="softmax")
    else:                        # two classes: softmax of (-decision, decision)
        both = flow.node("dense", weights={"weight": np.concatenate([-coef, coef]),
                                           "bias": np.concatenate([-bias, bias])})
        proba = flow.node("link", [both], function="softmax")
    flow.objective = "log_loss"
    flow.classifier(est.classes_, _label(flow, raw, outputs), proba, raw, SUMS)


def _build_sgd(flow: Flow, est: Any) -> None:
    functions = {"log_loss": "logistic", "log": "logistic", "modified_huber": "clip_unit"}
    coef, bias = _weights(est)
    outputs = len(coef)
    raw = _dense(flow, coef, bias)
    flow.objective = str(est.loss)
    proba = None
    if est.loss in functions:
        proba = _one_against_rest(flow, raw, outputs, functions[est.loss])
    flow.classifier(est.classes_, _label(flow, raw, outputs), proba, raw, SUMS)


def _build_one_class(flow: Flow, est: Any) -> None:
    """SGDOneClassSVM: decision = coef x - offset, at least 0 inside."""
    coef = np.asarray(est.coef_, np.float64).reshape(1, -1)
    raw = _dense(flow, coef, -np.asarray(est.offset_, np.float64).ravel())
    label = flow.node("above", [raw], inclusive=1)
    flow.output("label", _lib.OUTPUT_LABEL, label, "predict", EXACT, np.array([-1, 1]))
    flow.output("raw", _lib.OUTPUT_RAW, raw, "decision_function", SUMS)


MODELS = {name: (_no_parts, _build_regressor) for name in (
    "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "LassoLars", "LassoLarsCV",
    "LassoLarsIC", "Lars", "LarsCV", "ElasticNet", "ElasticNetCV", "MultiTaskLasso",
    "MultiTaskElasticNet", "MultiTaskLassoCV", "MultiTaskElasticNetCV",
    "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV", "BayesianRidge",
    "ARDRegression", "HuberRegressor", "TheilSenRegressor", "QuantileRegressor", "LinearSVR",
    "SGDRegressor", "PassiveAggressiveRegressor")}
MODELS.update({name: (_check_glm, _build_glm) for name in (
    "PoissonRegressor", "GammaRegressor", "TweedieRegressor")})
MODELS.update({name: (_check_classifier, _build_classifier) for name in (
    "LinearSVC", "RidgeClassifier", "RidgeClassifierCV", "Perceptron",
    "PassiveAggressiveClassifier")})
MODELS.update({name: (_check_classifier, _build_logistic) for name in (
    "LogisticRegression", "LogisticRegressionCV")})
MODELS["SGDClassifier"] = (_check_classifier, _build_sgd)
MODELS["SGDOneClassSVM"] = (_no_parts, _build_one_class)
