# SPDX-License-Identifier: MIT
"""Trees of scikit-learn: single trees, forests, gradient boosting, isolation forests.

Rows are cast to float32 and compared with float64 thresholds, x <= threshold to the left
(sklearn/tree/_tree.pyx).  Leaves are added in float64, in the order of the estimators.
"""
from __future__ import annotations

from typing import Any, Dict, List, Optional

import numpy as np

from . import _lib
from ._sklearn_flow import EXACT, LINK, Flow, bad_labels

LEAF, NUMBER = _lib.NODE_LEAF, _lib.NODE_NUMBER


def _shape(tree: Any, nan_rule: bool) -> Dict[str, Any]:
    """The nodes of a Tree without the values of its leaves.  nan_rule: NaN goes where each
    node says; otherwise it fails every comparison, so goes right."""
    leaf = tree.children_left == -1
    flags = np.where(leaf, LEAF, NUMBER)
    if nan_rule:
        left = np.asarray(tree.missing_go_to_left) != 0
        flags = np.where(leaf, LEAF, NUMBER | _lib.NODE_NAN_DEFAULT
                         | np.where(left, _lib.NODE_DEFAULT_LEFT, 0))
    return dict(flags=flags, left=tree.children_left, right=tree.children_right,
                feature=np.where(leaf, 0, tree.feature),
                threshold=np.where(leaf, 0.0, tree.threshold),
                cover=tree.weighted_n_node_samples)


def _ensemble(flow: Flow, outputs: int, leaf_width: int, base: Optional[np.ndarray] = None,
              flags: int = 0) -> int:
    flow.cast(_lib.F32)
    return flow.builder.trees(flow.at, compare=_lib.TREES_LE, threshold_type=_lib.F64,
                              leaf_type=_lib.F64, outputs=outputs, leaf_width=leaf_width,
                              base=base, flags=flags)


def _add(flow: Flow, node: int, shape: Dict[str, Any], value: np.ndarray,
         iteration: int, output: int = 0) -> None:
    number = shape["flags"] != LEAF
    flow.hint(shape["feature"][number], shape["threshold"][number])
    flow.builder.tree(node, value=value, output=output, iteration=iteration, **shape)


def _leaf(flow: Flow, node: int) -> None:
    def apply(est: Any, X: Any) -> np.ndarray:
        leaves = np.asarray(est.apply(X))
        return leaves.reshape(len(leaves), -1)
    flow.output("leaf", _lib.OUTPUT_LEAF, flow.builder.result(node, 1), apply)


# ---- single trees and forests -----------------------------------------------------------


def _fractions(est: Any, tree: Any) -> np.ndarray:
    """[nodes, classes] as predict_proba gives them; before 1.4 leaves hold weights, and
    predict_proba divides them by their sum."""
    value: np.ndarray = tree.value[:, 0, :]
    if hasattr(est, "monotonic_cst"):          # came with 1.4
        return value
    total = value.sum(axis=1)[:, np.newaxis]
    total[total == 0.0] = 1.0
    return np.asarray(value / total)


def _is_classifier(est: Any) -> bool:
    return hasattr(est, "classes_")


def _check_trees(est: Any) -> List[str]:
    if not _is_classifier(est):
        return []
    parts = bad_labels(est)
    if not parts and hasattr(est, "tree_"):
        # Before 1.4 predict looked at the weights themselves.
        share = _fractions(est, est.tree_).argmax(axis=1)
        if (share != est.tree_.value[:, 0, :].argmax(axis=1)).any():
            parts.append(f"{type(est).__name__} with classes that only their weights tell apart")
    return parts


def _build_trees(flow: Flow, est: Any) -> None:
    forest = hasattr(est, "estimators_")
    trees = list(est.estimators_) if forest else [est]
    width = int(est.n_classes_) if _is_classifier(est) else int(est.n_outputs_)
    # A single tree's answer is its leaf: what -0 is added to keeps even its sign.
    node = _ensemble(flow, width, width, None if forest else np.full(width, -0.0),
                     _lib.TREES_AVERAGE if forest else 0)
    for i, one in enumerate(trees):
        tree = one.tree_
        value = _fractions(one, tree) if _is_classifier(est) else tree.value[:, :, 0]
        _add(flow, node, _shape(tree, True), value, i)
    sums = flow.builder.result(node, 0)
    if _is_classifier(est):
        flow.classifier(est.classes_, flow.node("argmax", [sums]), sums)
    else:
        flow.output("prediction", _lib.OUTPUT_VALUE, sums, "predict")
    _leaf(flow, node)


# ---- gradient boosting --------------------------------------------------------------------


def _is_constant(init: Any) -> bool:
    return isinstance(init, str) and init == "zero" or type(init).__name__ in (
        "DummyClassifier", "DummyRegressor") and init.strategy not in ("stratified", "uniform")


def _check_boosting(est: Any) -> List[str]:
    parts = _check_trees(est)
    if not _is_constant(est.init_):
        parts.append(f"{type(est).__name__} with init={type(est.init_).__name__}")
    return parts


def _build_boosting(flow: Flow, est: Any) -> None:
    columns = est.estimators_.shape[1]
    base = est._raw_predict_init(np.zeros((1, est.n_features_in_), np.float32))[0]
    node = _ensemble(flow, columns, 1, base)
    for i, stage in enumerate(est.estimators_):
        for k, one in enumerate(stage):
            # The source adds learning_rate * value: the same product, once for all.
            value = est.learning_rate * one.tree_.value[:, 0, 0]
            _add(flow, node, _shape(one.tree_, False), value, i, k)
    raw = flow.builder.result(node, 0)
    flow.objective = str(est.loss)
    if not _is_classifier(est):
        flow.output("prediction", _lib.OUTPUT_VALUE, raw, "predict")
        flow.output("raw", _lib.OUTPUT_RAW, raw, "predict")
    else:
        _boosted_classes(flow, est, raw, columns)
    _leaf(flow, node)


def _boosted_classes(flow: Flow, est: Any, raw: int, columns: int) -> None:
    exponential = est.loss == "exponential"
    if columns > 1:
        proba = flow.node("link", [raw], function="softmax")
    else:
        p = flow.node("link", [raw], function="logistic", scale=2.0 if exponential else 1.0)
        proba = flow.node("complement", [p])
    # Before 1.4 the label was that of the largest probability, where small margins tie.
    if hasattr(est._loss, "_raw_prediction_to_decision") and not exponential:
        label = flow.node("argmax", [proba])
    elif columns > 1:
        label = flow.node("argmax", [raw])
    else:
        label = flow.node("above", [raw], inclusive=1)
    flow.classifier(est.classes_, label, proba, raw, tolerance=LINK, raw_tolerance=EXACT)


# ---- isolation forests ------------------------------------------------------------------------


def _build_isolation(flow: Flow, est: Any) -> None:
    from sklearn.ensemble._iforest import _average_path_length

    whole = est._max_features == est.n_features_in_
    node = _ensemble(flow, 1, 1)
    for i, (one, columns) in enumerate(zip(est.estimators_, est.estimators_features_)):
        shape = _shape(one.tree_, True)
        if not whole:
            shape["feature"] = np.asarray(columns)[shape["feature"]]
        depth = (est._decision_path_lengths[i] + est._average_path_length_per_tree[i] - 1.0)
        _add(flow, node, shape, depth, i)
    depths = flow.builder.result(node, 0)
    total = float((len(est.estimators_) * _average_path_length([est._max_samples]))[0])

    flow.type = _lib.F64         # of what follows the trees
    if total != 0:
        ratio = flow.node("scale", [depths], {"sub": np.zeros(1), "div": np.array([total])})
    else:                        # trained on a single row: every ratio is 1
        ratio = flow.node("scale", [depths], {"mul": np.zeros(1), "add": np.ones(1)})
    power = flow.node("link", [ratio], function="exp2_neg")
    score = flow.node("scale", [power], {"mul": -np.ones(1), "add": np.zeros(1)})
    decision = flow.node("scale", [power], {"mul": -np.ones(1), "add": np.array([-est.offset_])})
    label = flow.node("above", [depths], threshold=_inside_from(est, total), inclusive=1)
    flow.output("label", _lib.OUTPUT_LABEL, label, "predict", EXACT, np.array([-1, 1]))
    flow.output("raw", _lib.OUTPUT_RAW, decision, "decision_function", LINK)
    flow.output("score", _lib.OUTPUT_OTHER, score, "score_samples", LINK)
    flow.output("depth", _lib.OUTPUT_OTHER, depths, _depths)
    _leaf_of_isolation(flow, node)


def _decision(est: Any, depths: np.ndarray, total: float) -> np.ndarray:
    """From summed path lengths, as IsolationForest computes it."""
    ratio = np.divide(depths, total, out=np.ones_like(depths), where=total != 0)
    return np.asarray(-(2 ** -ratio) - est.offset_)


def _inside_from(est: Any, total: float) -> float:
    """The smallest sum of path lengths with a decision of at least 0: where rows begin to be
    inliers.  The decision only grows with it, so the label does not hang on the last bit of a
    power, although an offset is often the score of a training row."""
    low, high = 0, int(np.float64(np.inf).view(np.int64))
    while low < high:
        middle = (low + high) // 2
        depth = np.array([middle], np.int64).view(np.float64)
        if _decision(est, depth, total)[0] >= 0:
            high = middle
        else:
            low = middle + 1
    return float(np.array([low], np.int64).view(np.float64)[0])


def _leaves(est: Any, X: Any) -> np.ndarray:
    X = np.asarray(X, np.float32)
    whole = est._max_features == X.shape[1]
    return np.stack([one.tree_.apply(X if whole else np.ascontiguousarray(X[:, columns]))
                     for one, columns in zip(est.estimators_, est.estimators_features_)], axis=1)


def _depths(est: Any, X: Any) -> np.ndarray:
    """The sum of path lengths, as IsolationForest._compute_score_samples adds it up."""
    leaves = _leaves(est, X)
    sums = np.zeros(len(leaves))
    for i in range(leaves.shape[1]):
        sums += (est._decision_path_lengths[i][leaves[:, i]]
                 + est._average_path_length_per_tree[i][leaves[:, i]] - 1.0)
    return sums


def _leaf_of_isolation(flow: Flow, node: int) -> None:
    flow.output("leaf", _lib.OUTPUT_LEAF, flow.builder.result(node, 1), _leaves)


def _no_parts(est: Any) -> List[str]:
    return []


MODELS = {name: (_check_trees, _build_trees) for name in (
    "DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier",
    "ExtraTreeRegressor", "RandomForestClassifier", "RandomForestRegressor",
    "ExtraTreesClassifier", "ExtraTreesRegressor")}
MODELS["GradientBoostingClassifier"] = (_check_boosting, _build_boosting)
MODELS["GradientBoostingRegressor"] = (_check_boosting, _build_boosting)
MODELS["IsolationForest"] = (_no_parts, _build_isolation)
