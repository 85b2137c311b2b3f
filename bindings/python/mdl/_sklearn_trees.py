# SPDX-License-Identifier: MIT
"""Trees of scikit-learn: single trees, forests, gradient boosting, isolation forests.

Rows are cast to float32 and compared with float64 thresholds, x <= threshold to the left
(sklearn/tree/_tree.pyx).  Leaves are added in float64, in the order of the estimators.
"""
from __future__ import annotations

from typing import Any, Dict, List, Optional

import numpy as np

from . import _lib, _sklearn_parts
from ._sklearn_flow import EXACT, LINK, SUMS_F32, Flow, Source, bad_classes
from ._sklearn_parts import Part

LEAF, NUMBER = _lib.NODE_LEAF, _lib.NODE_NUMBER


def shape_of(tree: Any, nan_rule: bool, columns: Optional[np.ndarray] = None) -> Dict[str, Any]:
    """The nodes of a Tree without the values of its leaves.  nan_rule: NaN goes where each
    node says; otherwise it fails every comparison, so goes right.  columns: which of the table
    the tree was trained on."""
    leaf = tree.children_left == -1
    feature = np.where(leaf, 0, tree.feature)
    flags = np.where(leaf, LEAF, NUMBER)
    if nan_rule:
        left = np.asarray(tree.missing_go_to_left) != 0
        flags = np.where(leaf, LEAF, NUMBER | _lib.NODE_NAN_DEFAULT
                         | np.where(left, _lib.NODE_DEFAULT_LEFT, 0))
    return dict(flags=flags, left=tree.children_left, right=tree.children_right,
                feature=feature if columns is None else np.asarray(columns)[feature],
                threshold=np.where(leaf, 0.0, tree.threshold),
                cover=tree.weighted_n_node_samples)


def ensemble(flow: Flow, outputs: int, leaf_width: int, base: Optional[np.ndarray] = None,
              flags: int = 0) -> int:
    flow.cast(_lib.F32)
    return flow.builder.trees(flow.at, compare=_lib.TREES_LE, threshold_type=_lib.F64,
                              leaf_type=_lib.F64, outputs=outputs, leaf_width=leaf_width,
                              base=base, flags=flags)


def add_tree(flow: Flow, node: int, shape: Dict[str, Any], value: np.ndarray,
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


def fractions(est: Any, tree: Any, target: int = 0, classes: Optional[int] = None) -> np.ndarray:
    """[nodes, classes] of a target as predict_proba gives them; before 1.4 leaves hold weights,
    and predict_proba divides them by their sum."""
    value: np.ndarray = tree.value[:, target, :classes]
    if hasattr(est, "monotonic_cst"):          # came with 1.4
        return value
    total = value.sum(axis=1)[:, np.newaxis]
    total[total == 0.0] = 1.0
    return np.asarray(value / total)


def _is_classifier(est: Any) -> bool:
    return hasattr(est, "classes_")


def _classes(est: Any) -> List[np.ndarray]:
    """Of each target."""
    return list(est.classes_) if isinstance(est.classes_, list) else [est.classes_]


def _check_trees(est: Any) -> List[str]:
    if not _is_classifier(est):
        return []
    parts = [part for classes in _classes(est) for part in bad_classes(est, classes)]
    if not parts and hasattr(est, "tree_"):
        # Before 1.4 predict looked at the weights themselves.
        for target, classes in enumerate(_classes(est)):
            share = fractions(est, est.tree_, target, len(classes)).argmax(axis=1)
            if (share != est.tree_.value[:, target, :].argmax(axis=1)).any():
                parts.append(f"{type(est).__name__} with classes that only their weights tell "
                             "apart")
                break
    return list(dict.fromkeys(parts))


def _leaf_values(est: Any, one: Any) -> np.ndarray:
    """[nodes, values of a leaf]: the shares of the classes of each target, or the targets."""
    if not _is_classifier(est):
        return np.asarray(one.tree_.value[:, :, 0])
    return np.concatenate([fractions(one, one.tree_, target, len(classes))
                           for target, classes in enumerate(_classes(est))], axis=1)


def _build_trees(flow: Flow, est: Any) -> None:
    forest = hasattr(est, "estimators_")
    trees = list(est.estimators_) if forest else [est]
    width = sum(len(c) for c in _classes(est)) if _is_classifier(est) else int(est.n_outputs_)
    # A single tree's answer is its leaf: what -0 is added to keeps even its sign.
    node = ensemble(flow, width, width, None if forest else np.full(width, -0.0),
                    _lib.TREES_AVERAGE if forest else 0)
    for i, one in enumerate(trees):
        add_tree(flow, node, shape_of(one.tree_, True), _leaf_values(est, one), i)
    sums = flow.builder.result(node, 0)
    if not _is_classifier(est):
        flow.output("prediction", _lib.OUTPUT_VALUE, sums, "predict")
    elif isinstance(est.classes_, list):
        _targets(flow, est, sums)
    else:
        flow.classifier(est.classes_, flow.node("argmax", [sums]), sums)
    _leaf(flow, node)


def _probabilities_of(target: int) -> Source:
    return lambda est, X: est.predict_proba(X)[target]


def _labels_of(target: int) -> Source:
    return lambda est, X: np.asarray(est.predict(X))[:, target]


def _targets(flow: Flow, est: Any, sums: int) -> None:
    """Probabilities and labels of each target, numbered."""
    start = 0
    for target, classes in enumerate(est.classes_):
        columns = np.arange(start, start + len(classes), dtype=np.uint32)
        share = flow.node("select", [sums], {"columns": columns})
        flow.output(f"probability_{target}", _lib.OUTPUT_PROBA, share,
                    _probabilities_of(target), EXACT, classes)
        flow.output(f"label_{target}", _lib.OUTPUT_LABEL, flow.node("argmax", [share]),
                    _labels_of(target), EXACT, classes)
        start += len(classes)


# ---- gradient boosting --------------------------------------------------------------------


def _is_constant(init: Any) -> bool:
    return isinstance(init, str) and init == "zero" or type(init).__name__ in (
        "DummyClassifier", "DummyRegressor") and init.strategy not in ("stratified", "uniform")


def _check_boosting(est: Any) -> List[str]:
    parts = _check_trees(est)
    if not _is_constant(est.init_):
        parts += _sklearn_parts.check(est.init_)
    return parts


def _build_boosting(flow: Flow, est: Any) -> None:
    columns = est.estimators_.shape[1]
    exact = _is_constant(est.init_)
    part = None if exact else _first(flow, est)
    if part is None:
        base = est._raw_predict_init(np.zeros((1, est.n_features_in_), np.float32))[0]
        node = ensemble(flow, columns, 1, base)
    else:                        # each tree for itself: they are added to what is there already
        node = ensemble(flow, est.estimators_.size, 1, np.full(est.estimators_.size, -0.0))
    for i, stage in enumerate(est.estimators_):
        for k, one in enumerate(stage):
            # The source adds learning_rate * value: the same product, once for all.
            value = est.learning_rate * one.tree_.value[:, 0, 0]
            shape = shape_of(one.tree_, False)
            if part is None:
                add_tree(flow, node, shape, value, i, k)
            else:
                add_tree(flow, node, shape, value, i, i * columns + k)
    raw = flow.builder.result(node, 0)
    flow.objective = str(est.loss)
    tolerance = EXACT
    if part is not None:
        flow.type = _lib.F64     # of what follows the trees
        raw = flow.node("combine", [flow.concat([_start_of(flow, est, part), raw])],
                        width=columns, start=-0.0)
        flow.size = lambda last, x: part.size(np.asarray(x, np.float32).astype(np.float64))
        name = "probability" if _is_classifier(est) else "prediction"
        # On float32 rows a linear model may add in float32, in an order of its own.
        tolerance = max(part.output(name).tolerance, LINK if _is_classifier(est) else EXACT,
                        SUMS_F32 if part.adds else EXACT)
    if not _is_classifier(est):
        flow.output("prediction", _lib.OUTPUT_VALUE, raw, "predict", tolerance)
        flow.output("raw", _lib.OUTPUT_RAW, raw, "predict", tolerance)
    else:
        _boosted_classes(flow, est, raw, columns, tolerance)
    _leaf(flow, node)


def _first(flow: Flow, est: Any) -> Part:
    """The model that boosting starts from; it sees float32 rows, too."""
    flow.cast(_lib.F32)
    inner = flow.inner()
    inner.cast(_lib.F64)
    return Part(inner, est.init_)


def _is_old_loss(est: Any) -> bool:
    """Until 1.3 gradient boosting had loss classes of its own."""
    return hasattr(est._loss, "_raw_prediction_to_decision")


class _Sure:
    """A classifier that is sure of the first class."""

    def __init__(self, classes: int) -> None:
        self.classes = classes

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.eye(self.classes)[:1].repeat(len(X), axis=0)


def _least_share(est: Any) -> float:
    """What probabilities are held above before their link; it changed between versions."""
    sure, x = _Sure(len(est.classes_)), np.zeros((1, est.n_features_in_), np.float32)
    if _is_old_loss(est):
        raw = est._loss.get_init_raw_predictions(x, sure)[0]
    else:
        from sklearn.ensemble._gb import _init_raw_predictions

        raw = _init_raw_predictions(x, sure, est._loss, True)[0]
    odds = abs(float(raw[0] - raw[1])) if len(raw) > 1 else abs(float(raw[0]))
    odds *= 2 if est.loss == "exponential" else 1
    known = [float(np.finfo(type_).eps) for type_ in (np.float32, np.float64)]
    return min(known, key=lambda eps: abs(np.log1p(-eps) - np.log(eps) - odds))


def _start_of(flow: Flow, est: Any, part: Part) -> int:
    """Its answer as a margin: link(probability) of classifiers."""
    if not _is_classifier(est):
        return part.answer("prediction")
    n, least = len(est.classes_), _least_share(est)
    share = part.answer("probability")
    if n == 2:
        share = flow.node("select", [share], {"columns": np.array([1], np.uint32)})
    cols = 1 if n == 2 else n
    share = flow.node("scale", [share], {"mul": np.ones(cols), "add": np.zeros(cols)},
                      low=least, high=1 - least)
    if n == 2:                   # log p - log (1 - p)
        both = flow.node("link", [flow.node("complement", [share])], function="log")
        half = 0.5 if est.loss == "exponential" else 1.0
        return flow.node("dense", [both], {"weight": np.array([[-half, half]])})
    logs = flow.node("link", [share], function="log")
    if _is_old_loss(est):
        return logs
    return flow.node("dense", [logs], {"weight": np.eye(n) - 1.0 / n})


def _boosted_classes(flow: Flow, est: Any, raw: int, columns: int, raw_tolerance: float) -> None:
    exponential = est.loss == "exponential"
    if columns > 1:
        proba = flow.node("link", [raw], function="softmax")
    else:
        p = flow.node("link", [raw], function="logistic", scale=2.0 if exponential else 1.0)
        proba = flow.node("complement", [p])
    # Before 1.4 the label was that of the largest probability, where small margins tie.
    if _is_old_loss(est) and not exponential:
        label = flow.node("argmax", [proba])
    elif columns > 1:
        label = flow.node("argmax", [raw])
    else:
        label = flow.node("above", [raw], inclusive=1)
    flow.classifier(est.classes_, label, proba, raw, max(LINK, raw_tolerance), raw_tolerance)


# ---- isolation forests ------------------------------------------------------------------------


def _build_isolation(flow: Flow, est: Any) -> None:
    from sklearn.ensemble._iforest import _average_path_length

    whole = est._max_features == est.n_features_in_
    node = ensemble(flow, 1, 1)
    for i, (one, columns) in enumerate(zip(est.estimators_, est.estimators_features_)):
        shape = shape_of(one.tree_, True, None if whole else columns)
        depth = (est._decision_path_lengths[i] + est._average_path_length_per_tree[i] - 1.0)
        add_tree(flow, node, shape, depth, 0)      # they make sense together only: one round
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
