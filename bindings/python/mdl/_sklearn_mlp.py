# SPDX-License-Identifier: MIT
"""Multi-layer perceptrons of scikit-learn, in the type they were trained in."""
from __future__ import annotations

from typing import Any, List

import numpy as np

from . import _lib
from ._sklearn_flow import SUMS, SUMS_F32, Flow, bad_labels

_HIDDEN = {"identity": "none", "relu": "relu", "tanh": "tanh", "logistic": "logistic"}


def _check(est: Any) -> List[str]:
    name = type(est).__name__
    parts = []
    if est.activation not in _HIDDEN:
        parts.append(f"{name} with activation={est.activation!r}")
    binarizer = getattr(est, "_label_binarizer", None)
    if binarizer is not None and binarizer.y_type_.startswith("multilabel"):
        return parts + [f"{name} with several labels a row"]
    return parts + (bad_labels(est) if binarizer is not None else [])


def wanted_type(est: Any) -> int:
    """float32 weights mean float32 training."""
    return _lib.F32 if est.coefs_[0].dtype == np.float32 else _lib.F64


def _layers(flow: Flow, est: Any) -> int:
    """The last layer, after its activation."""
    flow.cast(wanted_type(est))
    last = len(est.coefs_) - 1
    out = est.out_activation_
    for i, (coef, bias) in enumerate(zip(est.coefs_, est.intercepts_)):
        activation = _HIDDEN[est.activation] if i < last else _HIDDEN.get(out, "none")
        flow.then("dense", {"weight": np.asarray(coef).T, "bias": np.asarray(bias)},
                  cols=len(bias), activation=activation)
    return flow.node("link", function=out) if out in ("softmax", "exp") else flow.at


def _tolerance(est: Any) -> float:
    return SUMS_F32 if wanted_type(est) == _lib.F32 else SUMS


def _build_classifier(flow: Flow, est: Any) -> None:
    y = _layers(flow, est)
    if flow.cols > 1:
        flow.classifier(est.classes_, flow.node("argmax", [y]), y, None, _tolerance(est))
        return
    label = flow.node("above", [y], threshold=0.5)
    flow.classifier(est.classes_, label, flow.node("complement", [y]), None, _tolerance(est))


def _build_regressor(flow: Flow, est: Any) -> None:
    y = _layers(flow, est)
    flow.output("prediction", _lib.OUTPUT_VALUE, y, "predict", _tolerance(est))


MODELS = {"MLPClassifier": (_check, _build_classifier), "MLPRegressor": (_check, _build_regressor)}
