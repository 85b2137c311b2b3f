# SPDX-License-Identifier: MIT
"""What scikit-learn does to a table before the model: scaling, imputing, selecting, joining."""
from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from ._sklearn_flow import Flow

Check = Callable[[Any], List[str]]
Build = Callable[[Flow, Any], None]


def _no_parts(est: Any) -> List[str]:
    return []


def is_passthrough(step: Any) -> bool:
    return step is None or (isinstance(step, str) and step == "passthrough") or (
        type(step).__name__ == "FunctionTransformer" and step.func is None)


# ---- scaling --------------------------------------------------------------------------------


def _sub_div(flow: Flow, sub: Optional[np.ndarray], div: Optional[np.ndarray],
             low: float = -np.inf, high: float = np.inf) -> None:
    sub = np.zeros(flow.cols) if sub is None else np.asarray(sub, np.float64)
    div = np.ones(flow.cols) if div is None else np.asarray(div, np.float64)
    for shift in (-1.3, 0.2, 0.9):
        flow.hint(np.arange(flow.cols), sub + shift * div)
    flow.then("scale", {"sub": sub, "div": div}, **_held(low, high))


def _held(low: float, high: float) -> Dict[str, Any]:
    return {} if low == -np.inf and high == np.inf else {"low": float(low), "high": float(high)}


def _standard(flow: Flow, est: Any) -> None:
    _sub_div(flow, est.mean_ if est.with_mean else None, est.scale_ if est.with_std else None)


def _robust(flow: Flow, est: Any) -> None:
    _sub_div(flow, est.center_ if est.with_centering else None,
             est.scale_ if est.with_scaling else None)


def _max_abs(flow: Flow, est: Any) -> None:
    held = (-1.0, 1.0) if getattr(est, "clip", False) else (-np.inf, np.inf)
    _sub_div(flow, None, est.scale_, *held)


def _min_max(flow: Flow, est: Any) -> None:
    for share in (-0.3, 0.1, 0.7, 1.4):
        flow.hint(np.arange(flow.cols), est.data_min_ + share * est.data_range_)
    held = est.feature_range if est.clip else (-np.inf, np.inf)
    flow.then("scale", {"mul": est.scale_, "add": est.min_}, **_held(*held))


# ---- missing values ---------------------------------------------------------------------------


def _is_nan(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) and value != value


def _check_imputer(est: Any) -> List[str]:
    parts = []
    if not _is_nan(est.missing_values):
        parts.append(f"SimpleImputer with missing_values={est.missing_values!r}")
    if est.add_indicator:
        parts.append("SimpleImputer with add_indicator=True")
    if not all(isinstance(v, (int, float, np.number)) for v in est.statistics_.tolist()):
        parts.append("SimpleImputer of other things than numbers")
    return parts


def _imputer(flow: Flow, est: Any) -> None:
    fill = np.asarray(est.statistics_, np.float64)
    origin = flow.origin
    if not est.keep_empty_features and np.isnan(fill).any():
        kept = np.flatnonzero(~np.isnan(fill))
        flow.select(kept.tolist())
        fill, origin = fill[kept], flow.origin
    flow.then("impute", {"fill": fill})
    flow.origin = origin


# ---- columns ------------------------------------------------------------------------------------


def _selector(flow: Flow, est: Any) -> None:
    flow.select(est.get_support(indices=True))


def _branches(est: Any) -> Iterator[Tuple[Any, Optional[List[int]], Optional[float]]]:
    """Each transformer that is used, its columns (None: all), and what it is multiplied by."""
    weights = est.transformer_weights or {}
    if type(est).__name__ == "FeatureUnion":
        for name, step in est.transformer_list:
            if not (isinstance(step, str) and step == "drop"):
                yield step, None, weights.get(name)
        return
    for name, step, _ in est.transformers_:
        columns = list(est._transformer_to_input_indices[name])
        if columns and not (isinstance(step, str) and step == "drop"):
            yield step, columns, weights.get(name)


def _check_branches(est: Any) -> List[str]:
    branches = list(_branches(est))
    parts = [] if branches else [f"{type(est).__name__} without any column"]
    for step, _, _ in branches:
        parts += check_steps(step)
    return parts


def _join(flow: Flow, est: Any) -> None:
    start = flow.at, flow.cols, flow.origin, flow.made_of
    made: List[int] = []
    origin: List[int] = []
    made_of: List[int] = []
    for step, columns, weight in _branches(est):
        flow.at, flow.cols, flow.origin, flow.made_of = start
        if columns is not None:
            flow.select(columns)
        build_steps(flow, step)
        if weight is not None:
            flow.then("scale", {"mul": np.full(flow.cols, float(weight)),
                                "add": np.zeros(flow.cols)})
        made.append(flow.at)
        origin += flow.origin
        made_of += flow.made_of
    flow.at = flow.node("concat", made) if len(made) > 1 else made[0]
    flow.cols, flow.origin, flow.made_of = len(origin), origin, made_of


# ---- the list, and pipelines of it --------------------------------------------------------------


TRANSFORMS: Dict[str, Tuple[Check, Build]] = {
    "StandardScaler": (_no_parts, _standard),
    "MinMaxScaler": (_no_parts, _min_max),
    "MaxAbsScaler": (_no_parts, _max_abs),
    "RobustScaler": (_no_parts, _robust),
    "SimpleImputer": (_check_imputer, _imputer),
    "ColumnTransformer": (_check_branches, _join),
    "FeatureUnion": (_check_branches, _join),
}
TRANSFORMS.update({name: (_no_parts, _selector) for name in (
    "VarianceThreshold", "SelectKBest", "SelectPercentile", "SelectFpr", "SelectFdr", "SelectFwe",
    "GenericUnivariateSelect", "SelectFromModel", "SequentialFeatureSelector")})


def flatten(obj: Any) -> List[Any]:
    """The steps of a Pipeline and of those within it, in order; what passes through left out."""
    if is_passthrough(obj):
        return []
    if type(obj).__name__ != "Pipeline":
        return [obj]
    return [inner for _, step in obj.steps for inner in flatten(step)]


def of_sklearn(obj: Any, known: Dict[str, Any]) -> bool:
    """Is this one of these classes itself?  A subclass may predict as it likes."""
    return type(obj).__name__ in known and type(obj).__module__.split(".")[0] == "sklearn"


def check_steps(obj: Any) -> List[str]:
    parts = []
    for step in flatten(obj):
        if of_sklearn(step, TRANSFORMS):
            parts += TRANSFORMS[type(step).__name__][0](step)
        else:
            parts.append(said(step))
    return parts


def said(step: Any) -> str:
    """An unsupported object by name, with what it is based on if that says more."""
    kind = type(step)
    if kind.__module__.split(".")[0] == "sklearn":
        return kind.__name__
    for base in kind.__mro__[1:]:
        if base.__module__.split(".")[0] == "sklearn" and base.__name__ != "BaseEstimator" \
                and not base.__name__.endswith("Mixin"):
            return f"{kind.__module__}.{kind.__name__} (a subclass of {base.__name__})"
    return f"{kind.__module__}.{kind.__name__}"


def build_steps(flow: Flow, obj: Any) -> None:
    for step in flatten(obj):
        TRANSFORMS[type(step).__name__][1](flow, step)
