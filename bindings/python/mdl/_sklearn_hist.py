# SPDX-License-Identifier: MIT
"""Histogram gradient boosting of scikit-learn, with missing values and categories.

float64 rows, x <= threshold to the left, NaN to the side each node names; category codes are
looked up in a set, and what is no known category counts as missing
(sklearn/ensemble/_hist_gradient_boosting/_predictor.pyx).
"""
from __future__ import annotations

from typing import Any, Dict, List, Optional

import numpy as np

from . import _lib
from ._sklearn_flow import EXACT, LINK, Flow, bad_labels

_NUMBERS = "biuf"


def _is_missing(category: Any) -> bool:
    return isinstance(category, float) and category != category


def categories_of(est: Any) -> Dict[int, np.ndarray]:
    """Column -> its known categories, code by code; since 1.4 an encoder numbers them."""
    encoder = _encoder(est)
    if encoder is None:
        return {}
    columns = np.flatnonzero(est.is_categorical_)
    return {int(c): np.asarray(k[:-1] if len(k) and _is_missing(k[-1]) else k)
            for c, k in zip(columns, encoder.categories_)}


def _encoder(est: Any) -> Optional[Any]:
    preprocessor = getattr(est, "_preprocessor", None)
    return None if preprocessor is None else preprocessor.named_transformers_["encoder"]


def _check(est: Any) -> List[str]:
    parts = bad_labels(est)
    for column, known in categories_of(est).items():
        texts = all(isinstance(k, str) for k in known.tolist())
        if known.dtype.kind not in _NUMBERS and not texts:
            parts.append(f"{type(est).__name__} with categories other than numbers and strings "
                         f"in column {column}")
    return parts


def _link(est: Any) -> str:
    return str(type(est._loss.link).__name__)


def _check_regressor(est: Any) -> List[str]:
    parts = _check(est)
    if _link(est) not in ("IdentityLink", "LogLink"):
        parts.append(f"{type(est).__name__} with loss={est.loss!r}")
    return parts


def _encode(flow: Flow, est: Any) -> np.ndarray:
    """Numbers for categories; the columns of x in the order in which the trees see them."""
    known = categories_of(est)
    if _encoder(est) is None:
        return np.arange(est.n_features_in_)
    values, start = [], [0]
    for column in range(est.n_features_in_):
        listed = known.get(column)
        if listed is not None and listed.dtype.kind in _NUMBERS:
            values.append(listed.astype(np.float64))
            flow.hint([column] * len(listed), listed)
        elif listed is not None:
            flow.categories(column, listed.tolist())
        start.append(sum(len(v) for v in values))
    if values:
        origin = flow.origin
        flow.then("encode", {"start": np.array(start, np.uint32),
                             "values": np.concatenate(values)})
        flow.origin = origin       # only numbers are hinted at from here on
    categorical = np.asarray(est.is_categorical_)
    return np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])


def _tree(predictor: Any, order: np.ndarray, known: np.ndarray,
          known_at: np.ndarray) -> Dict[str, Any]:
    nodes = predictor.nodes
    leaf = nodes["is_leaf"] != 0
    category = (nodes["is_categorical"] != 0) & ~leaf
    left = nodes["missing_go_to_left"] != 0
    flags = np.where(leaf, _lib.NODE_LEAF,
                     np.where(category, _lib.NODE_CATEGORY, _lib.NODE_NUMBER)
                     | _lib.NODE_NAN_DEFAULT | np.where(left, _lib.NODE_DEFAULT_LEFT, 0))
    # All that is no member goes the way of the missing: the set is that of the other side.
    flags = np.where(category & ~left, flags | _lib.NODE_SET_LEFT, flags)
    words = np.zeros((int(category.sum()), 8), np.uint32)
    for i, node in enumerate(np.flatnonzero(category)):
        go_left = np.asarray(predictor.raw_left_cat_bitsets)[nodes["bitset_idx"][node]]
        all_known = known[known_at[nodes["feature_idx"][node]]]
        words[i] = all_known & ~go_left if left[node] else go_left
    starts = np.concatenate([[0], np.cumsum(category) * 8])
    return dict(flags=flags, left=nodes["left"], right=nodes["right"],
                feature=np.where(leaf, 0, order[np.where(leaf, 0, nodes["feature_idx"])]),
                threshold=np.where(leaf | category, 0.0, nodes["num_threshold"]),
                value=nodes["value"], cover=nodes["count"].astype(np.float64),
                **(dict(set_start=starts, set_words=words.ravel()) if category.any() else {}))


def _sums(flow: Flow, est: Any) -> int:
    """The node of the trees; result 0 is the raw prediction."""
    order = _encode(flow, est)
    flow.cast(_lib.F64)
    known, known_at = est._bin_mapper.make_known_categories_bitsets()
    base = np.asarray(est._baseline_prediction, np.float64).ravel() + 0.0      # added to 0 there
    node = flow.builder.trees(flow.at, compare=_lib.TREES_LE, threshold_type=_lib.F64,
                              leaf_type=_lib.F64, outputs=len(base), leaf_width=1, base=base,
                              flags=0)
    for i, iteration in enumerate(est._predictors):
        for k, predictor in enumerate(iteration):
            tree = _tree(predictor, order, np.asarray(known), np.asarray(known_at))
            finite = (tree["flags"] & _lib.NODE_NUMBER != 0) & np.isfinite(tree["threshold"])
            flow.hint(tree["feature"][finite], tree["threshold"][finite])
            flow.builder.tree(node, output=k, iteration=i, **tree)
    flow.objective = str(est.loss)
    return node


def _raw(est: Any, X: Any) -> np.ndarray:
    return np.asarray(est._raw_predict(X))


def _build_regressor(flow: Flow, est: Any) -> None:
    node = _sums(flow, est)
    raw = flow.builder.result(node, 0)
    exp = _link(est) == "LogLink"
    value = flow.node("link", [raw], function="exp") if exp else raw
    flow.output("prediction", _lib.OUTPUT_VALUE, value, "predict", LINK if exp else EXACT)
    flow.output("raw", _lib.OUTPUT_RAW, raw, _raw)
    _leaf(flow, node)


def _build_classifier(flow: Flow, est: Any) -> None:
    node = _sums(flow, est)
    raw = flow.builder.result(node, 0)
    columns = est.n_trees_per_iteration_
    if columns > 1:
        proba = flow.node("link", [raw], function="softmax")
    else:
        proba = flow.node("complement", [flow.node("link", [raw], function="logistic")])
    if _labels_from_probabilities():
        label = flow.node("argmax", [proba])
    else:
        label = flow.node("argmax" if columns > 1 else "above", [raw])
    flow.classifier(est.classes_, label, proba, raw, tolerance=LINK, raw_tolerance=EXACT)
    _leaf(flow, node)


def _labels_from_probabilities() -> bool:
    """Until 1.3 predict took the largest probability, then the largest margin."""
    import sklearn

    return tuple(int(part) for part in sklearn.__version__.split(".")[:2]) < (1, 4)


def _leaf(flow: Flow, node: int) -> None:
    flow.output("leaf", _lib.OUTPUT_LEAF, flow.builder.result(node, 1), None)


MODELS = {
    "HistGradientBoostingClassifier": (_check, _build_classifier),
    "HistGradientBoostingRegressor": (_check_regressor, _build_regressor),
}
