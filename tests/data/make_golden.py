"""tests/data/make_golden.py FOLDER - wrote the golden_v1_* files that frameworks trained, once.

Small models of every operator, converted from live objects, so that each file carries rows that
its framework answered.  Golden files are never written again: a new format gets new ones beside
them (see tests/test_golden.c; golden_v1_small.mdl is from make_golden.c).

SPDX-License-Identifier: MIT
"""

import os
import sys

import catboost
import lightgbm
import numpy as np
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (AdaBoostRegressor, GradientBoostingClassifier,
                              HistGradientBoostingClassifier, IsolationForest,
                              RandomForestClassifier, VotingClassifier)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import mdl


def holes(x):
    """Every seventh cell is missing."""
    x = np.array(x, np.float64)
    x.ravel()[::7] = np.nan
    return x


def models():
    iris, kind = load_iris(return_X_y=True)
    cancer, ill = load_breast_cancer(return_X_y=True)
    sugar, worse = load_diabetes(return_X_y=True)
    coded = np.column_stack([np.digitize(sugar[:, :2], np.linspace(-.1, .1, 9)), sugar[:, 2:5]])

    yield "xgboost", xgboost.XGBClassifier(n_estimators=2, max_depth=3).fit(holes(iris), kind)
    yield "dart", xgboost.train({"booster": "dart", "max_depth": 2, "rate_drop": 0.5, "seed": 1},
                                xgboost.DMatrix(holes(sugar), worse), 4)
    yield "gblinear", xgboost.train({"booster": "gblinear", "objective": "reg:squarederror"},
                                    xgboost.DMatrix(sugar, worse), 3)
    yield "lightgbm", lightgbm.train(
        {"objective": "binary", "num_leaves": 6, "verbose": -1, "max_cat_to_onehot": 1,
         "min_data_per_group": 5, "cat_smooth": 1}, lightgbm.Dataset(coded, worse > 140,
                                                                    categorical_feature=[0, 1]), 3)
    yield "linear_leaves", lightgbm.train(
        {"objective": "regression", "num_leaves": 4, "verbose": -1, "linear_tree": True},
        lightgbm.Dataset(sugar, worse), 3)
    yield "average", lightgbm.train(
        {"objective": "regression", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6,
         "num_leaves": 5, "verbose": -1}, lightgbm.Dataset(sugar, worse), 3)
    yield "forest", RandomForestClassifier(3, max_depth=4, random_state=0).fit(iris, kind)
    yield "hist", HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=5,
                                                 categorical_features=[0, 1]).fit(coded, worse > 140)
    yield "isolation", IsolationForest(n_estimators=3, max_samples=16, random_state=0).fit(iris)
    yield "pipeline", make_pipeline(SimpleImputer(), StandardScaler(), MinMaxScaler(clip=True),
                                    LogisticRegression()).fit(holes(cancer[:, :6]), ill)
    yield "mlp", make_pipeline(StandardScaler(), MLPClassifier(
        (5,), "tanh", max_iter=300, random_state=0)).fit(iris, np.array(["a", "b", "c"])[kind])
    # combine, and the link log, came later.
    yield "votes", VotingClassifier([(str(depth), DecisionTreeClassifier(max_depth=depth))
                                     for depth in (1, 2, 3)], weights=[1, 2, 1.5]).fit(iris, kind)
    yield "median", AdaBoostRegressor(n_estimators=4, random_state=0).fit(sugar, worse)
    yield "start", GradientBoostingClassifier(
        n_estimators=2, max_depth=2, random_state=0,
        init=DecisionTreeClassifier(max_depth=2)).fit(iris, kind)
    # and ctr.
    rows = np.column_stack([iris.astype(object), np.array(["a", "b", "c", "d"])[coded[:150, 0]
                                                  .astype(int) % 4], np.arange(150) % 11])
    yield "catboost", catboost.CatBoostClassifier(
        iterations=6, depth=3, one_hot_max_size=4, verbose=0, allow_writing_files=False,
        cat_features=[4, 5], random_seed=0).fit(
            rows, (np.arange(150) % 11 > 5) + 2 * (rows[:, 4] == "b")), rows
    # Levels, leaves that are not given, and training weights of one to three bytes.
    yield "oblivious", catboost.CatBoostRegressor(
        iterations=12, depth=7, verbose=0, allow_writing_files=False, random_seed=0).fit(
            sugar, worse, sample_weight=np.arange(len(sugar)) ** 2), sugar[:30]
    # Of three values of each leaf the last is told by the others.
    yield "classes", catboost.CatBoostClassifier(
        iterations=20, depth=3, verbose=0, allow_writing_files=False, random_seed=0).fit(iris, kind), iris[::5]


for name, source, *sample in models():
    path = os.path.join(sys.argv[1], f"golden_v1_{name}.mdl")
    if os.path.exists(path):
        continue
    mdl.convert(source, sample=sample[0] if sample else None).save(path)
    print(path, os.path.getsize(path))


# Leaves of float16: its golden rows are sums of what numpy rounds, in LightGBM's order.
path = os.path.join(sys.argv[1], "golden_v1_float16.mdl")
if not os.path.exists(path):
    rows, kind = load_iris(return_X_y=True)
    booster = lightgbm.train({"objective": "multiclass", "num_class": 3, "num_leaves": 4, "verbose": -1},
                             lightgbm.Dataset(rows, kind), 3)
    leaves = [np.array([booster.get_leaf_output(t, i) for i in range(tree["num_leaves"])])
              for t, tree in enumerate(booster.dump_model()["tree_info"])]
    scale = 2.0 ** (np.frexp(max(np.abs(leaf).max() for leaf in leaves))[1] - 16)
    rows = rows[::10]
    ends = booster.predict(rows, pred_leaf=True).astype(np.int32)
    sums = np.zeros((len(rows), 3))
    for t, leaf in enumerate(leaves):
        sums[:, t % 3] += ((leaf / scale).astype(np.float16).astype(np.float64) * scale)[ends[:, t]]
    model = mdl.convert(booster.model_to_string().encode(), leaves="float16")
    names = list(model.outputs)
    small = mdl.Builder.from_model(model)
    small.golden_input(0, rows)
    small.golden_output(names.index("raw"), sums)
    small.golden_output(names.index("leaf"), ends)
    small.to_model().save(path)
    print(path, os.path.getsize(path))
