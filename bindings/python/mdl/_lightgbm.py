# SPDX-License-Identifier: MIT
"""Live LightGBM models: their text goes through the importer, what they answer is compared."""
from __future__ import annotations

import warnings
from typing import Any, Optional

from ._convert import ALL_ROUNDS, add_classes, import_
from ._data import Array
from ._errors import UnsupportedError, unsupported
from ._golden import Answers, Live, prove
from ._model import Model


def convert(obj: Any, sample: Optional[Any] = None) -> Model:
    """A Booster, or one of the scikit-learn style models of LightGBM."""
    names = {base.__name__ for base in type(obj).__mro__}
    if not names & {"Booster", "LGBMModel"}:
        raise UnsupportedError(f"lightgbm.{type(obj).__name__} is no model; convert a Booster or a "
                               "scikit-learn style model", parts=[f"lightgbm.{type(obj).__name__}"])
    if any(base.__module__.startswith("lightgbm.dask") for base in type(obj).__mro__):
        raise unsupported([f"{type(obj).__name__} (convert its booster_ or to_local() instead)"])
    is_wrapper = "LGBMModel" in names
    booster = obj.booster_ if is_wrapper else obj          # or scikit-learn's NotFittedError
    best = int(booster.best_iteration or 0)
    text = booster.model_to_string(num_iteration=-1)
    builder = import_(text.encode(), from_="lightgbm", file=type(obj).__name__,
                      best_iteration=best - 1 if best > 0 else ALL_ROUNDS)
    builder.metadata("source_kind", type(obj).__name__)
    builder.metadata("source_version", _version())
    with builder.to_model() as model:
        outputs = list(model.outputs)
    # Of all digits: the text has six of each gain.
    builder.importances({kind: booster.feature_importance(kind) for kind in ("split", "gain")})
    is_classifier = is_wrapper and "LGBMClassifier" in names and "label" in outputs
    if is_classifier:
        add_classes(builder, outputs, obj.classes_)

    def answers(rows: Array) -> Answers:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")      # about arrays without names
            made = {"prediction": booster.predict(rows),
                    "raw": booster.predict(rows, raw_score=True),
                    "leaf": booster.predict(rows, pred_leaf=True)}
            if is_classifier:
                made["label"] = obj.predict(rows)
                made["probability"] = obj.predict_proba(rows)
        return made

    return prove(builder, Live("LightGBM", answers, obj.predict), sample)


def _version() -> str:
    import lightgbm

    return str(lightgbm.__version__)
