# SPDX-License-Identifier: MIT
"""Live CatBoost models: what they save goes through the importer, what they answer is compared."""
from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Dict, Optional, Sequence

import numpy as np

from ._builder import Builder
from ._convert import add_classes, import_
from ._data import Array, is_frame
from ._errors import UnsupportedError
from ._golden import Answers, Live, first_rows, prove
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
    _importances(builder, obj)
    model = builder.to_model()
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

    texts = _Texts(model, obj.get_cat_feature_indices(), sample)

    def ask(rows: Any, what: str) -> Any:
        return names["CatBoost"].predict(obj, rows, prediction_type=what)

    def answers(coded: Array) -> Answers:
        rows = texts.of(coded)
        made = {"raw": ask(rows, "RawFormulaVal"), "leaf": obj.calc_leaf_indexes(rows)}
        if is_classifier:
            made.update(probability=ask(rows, "Probability"), label=ask(rows, "Class"))
        elif is_regressor:
            made["prediction"] = obj.predict(rows)
        return made

    return prove(builder, Live("CatBoost", answers, obj.predict, FAST_EXP, texts.fill), sample)


def _importances(builder: Builder, obj: Any) -> None:
    from catboost import CatBoostError

    try:
        values = obj.get_feature_importance(type="PredictionValuesChange")
    except CatBoostError:                    # a model without the weights of its leaves
        return
    builder.importances({"PredictionValuesChange": values})


class _Texts:
    """What category columns hold in the sample, and one category more, by their codes."""

    def __init__(self, model: Model, columns: Sequence[int], sample: Optional[Any]) -> None:
        self.known: Dict[int, Dict[float, str]] = {}
        head = None if sample is None else first_rows(sample)
        for column in columns:
            cells: Sequence[Any] = []
            if head is not None and is_frame(head):
                names = model.feature_names
                cells = list(head[names[column]] if names else head[head.columns[column]])
            elif head is not None:
                cells = [row[column] for row in head]
            self.known[column] = {model._code(column, text): text
                                  for text in [*map(str, cells), "0"]}

    def fill(self, rows: Array) -> None:
        random = np.random.default_rng(1)
        for column, known in self.known.items():
            rows[:, column] = random.choice(list(known), size=len(rows))

    def of(self, coded: Array) -> Any:
        """The rows as CatBoost takes them."""
        if not self.known:
            return coded
        rows = coded.astype(object)
        for column, known in self.known.items():
            rows[:, column] = [known[code] for code in coded[:, column].tolist()]
        return rows


def _saved(obj: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.cbm"
        obj.save_model(str(path))            # or CatBoostError: not fitted
        return path.read_bytes()
