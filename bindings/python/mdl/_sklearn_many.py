# SPDX-License-Identifier: MIT
"""Ensembles of any models of scikit-learn: bagging, AdaBoost, voting, stacking.

Where the members are single trees, the whole becomes one ensemble of trees whose leaves hold
what a member adds.  Else each member is a part of the graph, and `combine` adds them up in the
order of the source.
"""
from __future__ import annotations

from typing import Any, List, Optional, Sequence

import numpy as np

from . import _lib, _sklearn_parts
from ._sklearn_flow import EXACT, LINK, Flow, bad_labels
from ._sklearn_parts import ANSWERS, Part, check_all, tolerance
from ._sklearn_trees import add_tree, ensemble, fractions, shape_of


def _are_trees(members: Sequence[Any]) -> bool:
    return all(hasattr(one, "tree_") and type(one).__name__ in _sklearn_parts.MODELS
               for one in members)


def _is_classifier(est: Any) -> bool:
    return hasattr(est, "classes_")


def _with_size(flow: Flow, parts: List[Part]) -> None:
    flow.size = lambda est, x: _sklearn_parts.size(parts, x)


# ---- bagging --------------------------------------------------------------------------------


def _knows_all(est: Any, one: Any) -> bool:
    return not _is_classifier(est) or bool(len(one.classes_) == est.n_classes_)


def _check_bagging(est: Any) -> List[str]:
    parts = bad_labels(est) + check_all(est.estimators_)
    if not parts and _is_classifier(est) and not hasattr(est.estimators_[0], "predict_proba") \
            and not all(_knows_all(est, one) for one in est.estimators_):
        parts.append(f"BaggingClassifier of {type(est.estimators_[0]).__name__}, one of which "
                     "has not seen every class")
    return parts


def _bagged_trees(flow: Flow, est: Any) -> int:
    width = est.n_classes_ if _is_classifier(est) else est.estimators_[0].n_outputs_
    node = ensemble(flow.inner(), width, width, None, _lib.TREES_AVERAGE)
    for i, (one, columns) in enumerate(zip(est.estimators_, est.estimators_features_)):
        value = fractions(one, one.tree_) if _is_classifier(est) else one.tree_.value[:, :, 0]
        add_tree(flow, node, shape_of(one.tree_, True, columns), value, i)
    return flow.builder.result(node)


def _mean(flow: Flow, values: Sequence[int], width: int) -> int:
    return flow.node("combine", [flow.concat(values)], width=width, divisor=float(len(values)))


def _bagged_shares(flow: Flow, est: Any, parts: List[Part]) -> int:
    """Mean probabilities, or shares of the votes."""
    if "probability" not in parts[0]:
        votes = flow.concat([part.output("label").value for part in parts])
        return flow.node("combine", [votes], kind="votes", width=est.n_classes_,
                         divisor=float(len(parts)))
    shares = []
    for part, one in zip(parts, est.estimators_):
        share = part.answer("probability")
        if not _knows_all(est, one):
            places = np.eye(est.n_classes_)[:, one.classes_]      # the others get 0
            share = flow.node("dense", [share], {"weight": places})
        shares.append(share)
    return _mean(flow, shares, est.n_classes_)


def _targets(est: Any) -> int:
    row = np.zeros((1, len(est.estimators_features_[0])))
    return int(np.size(est.estimators_[0].predict(row)))


def _build_bagging(flow: Flow, est: Any) -> None:
    flow.cast(_lib.F64)
    parts: List[Part] = []
    if not _are_trees(est.estimators_) or not all(_knows_all(est, one) for one in est.estimators_):
        parts = [Part(flow, one, [int(c) for c in columns])
                 for one, columns in zip(est.estimators_, est.estimators_features_)]
        _with_size(flow, parts)
    if not _is_classifier(est):
        value = _mean(flow, [part.answer("prediction") for part in parts], _targets(est)) \
            if parts else _bagged_trees(flow, est)
        flow.output("prediction", _lib.OUTPUT_VALUE, value, "predict",
                    tolerance(parts, "prediction"))
        return
    asked = "probability" if parts and "probability" in parts[0] else "label"
    share = _bagged_shares(flow, est, parts) if parts else _bagged_trees(flow, est)
    label = flow.node("argmax", [share])
    flow.classifier(est.classes_, label, share, None, tolerance(parts, asked))
    if parts and hasattr(est, "decision_function") and "raw" in parts[0] \
            and all(_knows_all(est, one) for one in est.estimators_):
        wide = 1 if est.n_classes_ == 2 else est.n_classes_
        raw = _mean(flow, [part.answer("raw") for part in parts], wide)
        flow.output("raw", _lib.OUTPUT_RAW, raw, "decision_function", tolerance(parts, "raw"))


# ---- AdaBoost -------------------------------------------------------------------------------


def _by_probability(est: Any) -> bool:
    """SAMME.R, which went with 1.6."""
    return getattr(est, "algorithm", None) == "SAMME.R"


def _check_boosted(est: Any) -> List[str]:
    parts = bad_labels(est) + check_all(est.estimators_)
    name = type(est).__name__
    if not parts and _is_classifier(est):
        if est.n_classes_ == 1:
            parts.append(f"{name} of a single class")
        elif any(not np.array_equal(one.classes_, est.classes_) for one in est.estimators_):
            parts.append(f"{name} with members that know different classes")
        elif _by_probability(est) and not _are_trees(est.estimators_):
            parts.append(f"{name} with algorithm='SAMME.R' and members other than trees")
    return parts


def _against(est: Any) -> np.ndarray:
    """What each member adds to the classes that it does not vote for."""
    weights = est.estimator_weights_[:len(est.estimators_)]
    return np.array([-1 / (est.n_classes_ - 1) * w for w in weights])


def _votes_of_leaves(est: Any) -> List[np.ndarray]:
    """[nodes, classes] of each member: what a row that ends there adds."""
    made = []
    for one, on, off in zip(est.estimators_, est.estimator_weights_, _against(est)):
        value = one.tree_.value[:, 0, :]
        if _by_probability(est):
            share = np.log(np.clip(fractions(one, one.tree_), np.finfo(np.float64).eps, None))
            n = est.n_classes_
            made.append((n - 1) * (share - (1.0 / n) * share.sum(axis=1)[:, np.newaxis]))
        else:
            chosen = np.arange(est.n_classes_) == value.argmax(axis=1)[:, np.newaxis]
            made.append(np.where(chosen, on, off))
    return made


def _boosted_votes(flow: Flow, est: Any) -> int:
    """Summed votes by class.  They make sense together only: one round."""
    if not _are_trees(est.estimators_):
        parts = [Part(flow, one) for one in est.estimators_]
        votes = flow.concat([part.output("label").value for part in parts])
        weights = est.estimator_weights_[:len(parts)]
        return flow.node("combine", [votes], {"weight": weights, "other": _against(est)},
                         kind="votes", width=est.n_classes_)
    node = ensemble(flow.inner(), est.n_classes_, est.n_classes_)
    for one, value in zip(est.estimators_, _votes_of_leaves(est)):
        add_tree(flow, node, shape_of(one.tree_, True), value, 0)
    return flow.builder.result(node)


def _build_boosted_classifier(flow: Flow, est: Any) -> None:
    flow.cast(_lib.F64)
    n = est.n_classes_
    raw = flow.divide(_boosted_votes(flow, est), n, est.estimator_weights_.sum())
    if n == 2:
        raw = flow.node("combine", [raw], {"weight": np.array([-1.0, 1.0])}, start=-0.0)
        margins = flow.node("dense", [raw], {"weight": np.array([[-0.5], [0.5]])})
    else:
        margins = flow.divide(raw, n, n - 1)
    flow.classifier(est.classes_, flow.node("above" if n == 2 else "argmax", [raw]),
                    flow.node("link", [margins], function="softmax"), raw, LINK, EXACT)


def _build_boosted_regressor(flow: Flow, est: Any) -> None:
    flow.cast(_lib.F64)
    members = est.estimators_
    parts: List[Part] = []
    if _are_trees(members):
        node = ensemble(flow.inner(), len(members), 1, np.full(len(members), -0.0))
        for i, one in enumerate(members):
            add_tree(flow, node, shape_of(one.tree_, True), one.tree_.value[:, 0, 0], 0, i)
        each = flow.builder.result(node)
    else:
        parts = [Part(flow, one) for one in members]
        each = flow.concat([part.answer("prediction") for part in parts])
        _with_size(flow, parts)
    weights = np.asarray(est.estimator_weights_[:len(members)], np.float64)
    value = flow.node("combine", [each], {"weight": weights}, kind="median")
    flow.output("prediction", _lib.OUTPUT_VALUE, value, "predict", tolerance(parts, "prediction"))


# ---- voting ---------------------------------------------------------------------------------


def _check_members(est: Any) -> List[str]:
    return bad_labels(est) + check_all(est.estimators_)


def _average(flow: Flow, est: Any, values: Sequence[int], width: int) -> int:
    """As numpy.average, which starts from 0: the average of -0 is 0."""
    weights = est._weights_not_none
    if weights is None:
        return flow.node("combine", [flow.concat(values)], width=width, divisor=float(len(values)))
    weights = np.asarray(weights, np.float64)
    return flow.node("combine", [flow.concat(values)], {"weight": weights}, width=width,
                     divisor=float(weights.sum()))


def _counted(est: Any, x: Any) -> np.ndarray:
    return np.stack([np.bincount(row, est._weights_not_none, len(est.classes_)).astype(float)
                     for row in est._predict(x)])


def _build_voting(flow: Flow, est: Any) -> None:
    flow.cast(_lib.F64)
    parts = [Part(flow, one) for one in est.estimators_]
    _with_size(flow, parts)
    if not _is_classifier(est):
        value = _average(flow, est, [part.answer("prediction") for part in parts], 1)
        flow.output("prediction", _lib.OUTPUT_VALUE, value, "predict",
                    tolerance(parts, "prediction"))
        return
    n = len(est.classes_)
    if est.voting == "soft":
        share = _average(flow, est, [part.answer("probability") for part in parts], n)
        flow.classifier(est.classes_, flow.node("argmax", [share]), share, None,
                        tolerance(parts, "probability"))
        return
    weights = est._weights_not_none
    given = {} if weights is None else {"weight": np.asarray(weights, np.float64)}
    votes = flow.node("combine", [flow.concat([part.output("label").value for part in parts])],
                      given, kind="votes", width=n)
    flow.classifier(est.classes_, flow.node("argmax", [votes]))
    flow.output("votes", _lib.OUTPUT_OTHER, votes, _counted)


# ---- stacking -------------------------------------------------------------------------------


def _check_stacking(est: Any) -> List[str]:
    parts = bad_labels(est)
    if parts:
        return parts
    parts = check_all(list(est.estimators_) + [est.final_estimator_])
    for one, method in zip(est.estimators_, est.stack_method_):
        if not parts and method == "predict" and _is_classifier(one) \
                and not np.array_equal(one.classes_, np.arange(len(one.classes_))):
            parts.append(f"{type(est).__name__} on labels that are not 0, 1, ... of "
                         f"{type(one).__name__}")
    return parts


def _stacked(flow: Flow, est: Any, part: Part, method: str) -> int:
    """The columns that a member gives to the final estimator."""
    if method == "predict" and "label" in part:
        return flow.builder.result(flow.builder.node(
            "cast", [part.output("label").value], {"to": "float64"}))
    value = part.answer(ANSWERS[method])
    if method == "predict_proba" and len(est.classes_) == 2:
        return flow.node("select", [value], {"columns": np.array([1], np.uint32)})
    return value


def _build_stacking(flow: Flow, est: Any) -> None:
    flow.cast(_lib.F64)
    parts = [Part(flow, one) for one in est.estimators_]
    values = [_stacked(flow, est, part, method)
              for part, method in zip(parts, est.stack_method_)]
    columns = sum(est._n_feature_outs)
    origin = [-1] * columns
    if est.passthrough:
        values, origin = values + [flow.at], origin + flow.origin
    inner = flow.inner()
    inner.at, inner.cols, inner.origin = flow.concat(values), len(origin), origin
    inner.made_of = [-1] * len(origin)
    final = Part(inner, est.final_estimator_)

    def sizes(last: Any, x: Any) -> Any:
        return final.size(last.transform(x)) + _sklearn_parts.size(parts, x)

    flow.size = sizes
    least = max(part.output(_name(part, method)).tolerance
                for part, method in zip(parts, est.stack_method_))
    for name in final.names():
        o = final.output(name)
        if isinstance(o.source, str):
            classes: Optional[np.ndarray] = None if o.classes is None else est.classes_
            flow.output(name, o.role, o.value, o.source, max(least, o.tolerance), classes)


def _name(part: Part, method: str) -> str:
    return "label" if method == "predict" and "label" in part else ANSWERS[method]


MODELS = {
    "BaggingClassifier": (_check_bagging, _build_bagging),
    "BaggingRegressor": (_check_bagging, _build_bagging),
    "AdaBoostClassifier": (_check_boosted, _build_boosted_classifier),
    "AdaBoostRegressor": (_check_boosted, _build_boosted_regressor),
    "VotingClassifier": (_check_members, _build_voting),
    "VotingRegressor": (_check_members, _build_voting),
    "StackingClassifier": (_check_stacking, _build_stacking),
    "StackingRegressor": (_check_stacking, _build_stacking),
}
