# SPDX-License-Identifier: MIT
"""Live XGBoost models: what they save goes through the importer, what they answer is compared."""
from __future__ import annotations

import warnings
from typing import Any, List, Optional

import numpy as np

from ._builder import Builder
from ._convert import ALL_ROUNDS, add_classes, import_
from ._data import Array
from ._errors import UnsupportedError, unsupported
from ._golden import Answers, Live, prove
from ._model import Model


def convert(obj: Any, sample: Optional[Any] = None) -> Model:
    """A Booster, or one of the scikit-learn style models of XGBoost."""
    names = {base.__name__ for base in type(obj).__mro__}
    if "XGBModel" in names:
        return _wrapper(obj, names, sample)
    if "Booster" in names:
        builder = import_(bytes(obj.save_raw("ubj")), from_="xgboost", best_iteration=ALL_ROUNDS,
                          file="the booster")
        builder.metadata("source_kind", "Booster")
        _outputs(builder)
        booster = _Booster(obj, 0)
        return prove(builder, Live("XGBoost", booster.answers, booster.predict), sample)
    raise UnsupportedError(f"xgboost.{type(obj).__name__} is no model; convert a Booster or a "
                           "scikit-learn style model", parts=[f"xgboost.{type(obj).__name__}"])


def _outputs(builder: Builder) -> List[str]:
    """Their names.  A booster answers the first, even if it once was part of a classifier."""
    with builder.to_model() as model:
        names = list(model.outputs)
        if "predict" in model.metadata:
            builder.metadata("predict", names[0])
    return names


class _Booster:
    """What a booster answers with its rounds [0, rounds), 0 meaning all of them."""

    def __init__(self, booster: Any, rounds: int) -> None:
        self.booster, self.rounds = booster, rounds
        self.is_linear = '"gblinear"' in booster.save_config()

    def matrix(self, rows: Any) -> Any:
        import xgboost

        if hasattr(rows, "columns"):
            return xgboost.DMatrix(rows, enable_categorical=True)
        return xgboost.DMatrix(rows, missing=np.nan, feature_names=self.booster.feature_names,
                               feature_types=self.booster.feature_types, enable_categorical=True)

    def predict(self, rows: Any, **what: bool) -> Any:
        return self.booster.predict(self.matrix(rows), iteration_range=(0, self.rounds), **what)

    def answers(self, rows: Array) -> Answers:
        made = {"prediction": self.predict(rows), "raw": self.predict(rows, output_margin=True)}
        if not self.is_linear:
            made["leaf"] = self.predict(rows, pred_leaf=True)
        return made


# ---- scikit-learn style --------------------------------------------------------------------------


def _wrapper(obj: Any, names: Any, sample: Optional[Any]) -> Model:
    booster = obj.get_booster()              # or scikit-learn's NotFittedError
    is_classifier = "XGBClassifierBase" in names or "XGBClassifier" in names
    parts = _unsupported_parts(obj, is_classifier)
    if parts:
        raise unsupported(parts)
    rounds = int(obj._get_iteration_range(None)[1])
    builder = import_(bytes(booster.save_raw("ubj")), from_="xgboost", file=type(obj).__name__,
                      best_iteration=rounds - 1 if rounds else ALL_ROUNDS)
    builder.metadata("source_kind", type(obj).__name__)
    outputs = _outputs(builder)
    is_classifier = is_classifier and "label" in outputs
    if is_classifier:
        add_classes(builder, outputs, obj.classes_)
    native = _Booster(booster, rounds)

    def answers(rows: Array) -> Answers:
        made = native.answers(rows)
        if is_classifier:
            named = _named(obj, rows, booster.feature_names)
            made["label"] = obj.predict(named)
            made["probability"] = obj.predict_proba(named)
        return made

    return prove(builder, Live("XGBoost", answers, obj.predict), sample)


def _unsupported_parts(obj: Any, is_classifier: bool) -> List[str]:
    kind = type(obj).__name__
    parts = []
    if any(base.__module__.startswith(("xgboost.dask", "xgboost.spark"))
           for base in type(obj).__mro__):
        parts.append(f"{kind} (convert its get_booster() instead)")
    if is_classifier and callable(obj.objective):
        parts.append(f"{kind} with an objective of its own (convert its get_booster() instead)")
    missing = obj.missing
    if missing is not None and missing == missing:
        parts.append(f"{kind} with missing={missing!r} (put NaN for it into the rows and set "
                     "missing=numpy.nan)")
    return parts


def _named(obj: Any, rows: Array, names: Optional[List[str]]) -> Any:
    """Linear boosters check names; those with trees take arrays, and frames would have to come
    with their categories."""
    if names is None or obj.booster != "gblinear":
        return rows
    import pandas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pandas.DataFrame(rows, columns=names)
