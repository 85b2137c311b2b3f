# SPDX-License-Identifier: MIT
"""Live CatBoost models: what they save goes through the importer, what they answer is compared."""
from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Optional

from ._convert import add_classes, import_
from ._data import Array
from ._errors import UnsupportedError
from ._golden import Answers, Live, prove
from ._model import Model

# The framework's exponential, relative to the exact one.
FAST_EXP = 1e-7


def convert(obj: Any, sample: Optional[Any] = None) -> Model:
    """A CatBoost, CatBoostClassifier, CatBoostRegressor or CatBoostRanker."""
    names: Any = {base.__name__: base for base in type(obj).__mro__}
    if "CatBoost" not in names:
        raise UnsupportedError(f"catboost.{type(obj).__name__} is no model; convert a CatBoost, "
                               "CatBoostClassifier or the like",
                               parts=[f"catboost.{type(obj).__name__}"])
    builder = import_(_saved(obj), from_="catboost", file=type(obj).__name__)
    builder.metadata("source_kind", type(obj).__name__)
    with builder.to_model() as model:
        outputs, loss = model.outputs, model.metadata.get("objective", "")
    is_regressor, is_classifier = "CatBoostRegressor" in names, "probability" in outputs
    if "CatBoostClassifier" in names and is_classifier:
        builder.metadata("predict", "label")
        if outputs["label"].role == "label":
            add_classes(builder, list(outputs), obj.classes_)
        if loss.startswith("Multi"):
            builder.metadata("predict_ndim", "2")        # [rows, 1], as its own
    elif not is_regressor:
        builder.metadata("predict", "raw")

    def ask(rows: Array, what: str) -> Any:
        return names["CatBoost"].predict(obj, rows, prediction_type=what)

    def answers(rows: Array) -> Answers:
        made = {"raw": ask(rows, "RawFormulaVal"), "leaf": obj.calc_leaf_indexes(rows)}
        if is_classifier:
            made.update(probability=ask(rows, "Probability"), label=ask(rows, "Class"))
        elif is_regressor:
            made["prediction"] = obj.predict(rows)
        return made

    return prove(builder, Live("CatBoost", answers, obj.predict, FAST_EXP), sample)


def _saved(obj: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        obj.save_model(str(path))            # or CatBoostError: not fitted
        return path.read_bytes()
