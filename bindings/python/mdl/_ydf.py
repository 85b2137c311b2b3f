# SPDX-License-Identifier: MIT
"""Live models of YDF: what they serialize goes through the importer, answers are compared."""
from __future__ import annotations

from typing import Any, Dict, List, Optional

import numpy as np

from ._convert import import_
from ._data import Array
from ._golden import Answers, Live, prove
from ._model import Model

UNSEEN = "\x01unseen"                    # no dictionary has it


def convert(obj: Any, sample: Optional[Any] = None) -> Model:
    """A GradientBoostedTreesModel, RandomForestModel or IsolationForestModel of YDF."""
    builder = import_(obj.serialize(), from_="ydf", file=type(obj).__name__)
    builder.metadata("source_version", _version())
    with builder.to_model() as model:
        names, categories = model.feature_names, model.categories
    assert names is not None
    features = {feature.name: feature for feature in obj.input_features()}
    booleans = [i for i, name in enumerate(names) if features[name].semantic.name == "BOOLEAN"]
    integers = {i: _count(obj, features[name]) for i, name in enumerate(names)
                if features[name].semantic.name == "CATEGORICAL" and i not in categories}

    def fill(rows: Array) -> None:
        """Its arrays of bools have no missing cells; beyond the integers that it knows it reads
        what is not its own."""
        for i in booleans:
            rows[:, i] = rows[:, i] > 0
        for i, n in integers.items():
            rows[:, i] = np.where(np.isnan(rows[:, i]), np.nan,
                                  np.clip(np.trunc(rows[:, i]), 0, n - 1))

    def columns(rows: Array) -> Dict[str, Array]:
        made: Dict[str, Array] = {}
        for i, name in enumerate(names):
            cells = rows[:, i]
            if i in categories:
                made[name] = np.array(_texts(cells, categories[i]), object)
            elif i in integers:
                made[name] = np.where(np.isnan(cells), -1, cells).astype(np.int32)
            else:
                made[name] = cells > 0.5 if i in booleans else cells.astype(np.float32)
        return made

    def answers(rows: Array) -> Answers:
        given = columns(rows)
        predicted = obj.predict(given)
        made = {"prediction": predicted}
        if obj.task().name == "CLASSIFICATION":
            made["label"] = obj.predict_class(given)
            made["probability"] = predicted if predicted.ndim == 2 \
                else np.stack([1 - predicted, predicted], axis=1)
        return made

    return prove(builder, Live("YDF", answers, obj.predict, fill=fill), sample)


def _texts(cells: Array, known: List[str]) -> List[str]:
    return ["" if cell != cell else known[int(cell)] if 0 < cell < len(known) else UNSEEN
            for cell in cells]


def _count(obj: Any, feature: Any) -> int:
    column = obj.data_spec().columns[feature.column_idx]
    return int(column.categorical.number_of_unique_values)


def _version() -> str:
    import ydf

    return str(ydf.__version__)
