# SPDX-License-Identifier: MIT
"""Make tests/data/xgboost_<version>/: small models of the XGBoost installed here, and what
it answers.

    python tests/data/make_xgboost.py [NAME...]     into the folder of its own version

Each NAME.json and NAME.ubj comes with NAME.npz:

    X            float32 rows
    raw          margins, [rows, outputs]
    prediction   what Booster.predict gives
    leaf         leaf ids, [rows, trees] (none for gblinear)

Run by versions of each generation (1.0, 1.2, 1.7, 2.1, 3.2; UBJSON begins with 1.6), by 1.6,
whose categories had a rule of their own, and for a few kinds by the versions between; tests/python/test_xgboost.py compares.
The functions that train are used there for larger models, too.
"""
import json
import os
import sys
import tempfile
import warnings

import numpy as np
import sklearn.datasets as datasets
import xgboost as xgb

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
from hard_rows import hard_rows  # noqa: E402

VERSION = tuple(int(v) for v in xgb.__version__.split(".")[:2])


def table(load, columns=8):
    """Real data with holes, and two columns cut into categories (the last two)."""
    X, y = load(return_X_y=True)
    X = X[:, :columns].astype(np.float32)
    rng = np.random.default_rng(7)
    X[rng.random(X.shape) < 0.05] = np.nan
    cut = np.stack([np.digitize(X[:, k], np.nanquantile(X[:, k], np.linspace(0, 1, n + 1)[1:-1]))
                    for k, n in ((0, 3), (1, 12))], axis=1).astype(np.float32)
    cut[rng.random(cut.shape) < 0.05] = np.nan
    return np.concatenate([X, cut], axis=1), y


def train(params, X, y, rounds, categories=False, **options):
    types = ["q"] * (X.shape[1] - 2) + ["c", "c"]
    if categories:
        options = {"feature_types": types, "enable_categorical": True, **options}
    d = xgb.DMatrix(X, y, **options)
    p = {"max_depth": 3, "seed": 1, "nthread": 1, "verbosity": 0, "tree_method": "hist", **params}
    return xgb.train(p, d, rounds)


def cancer(objective, rounds=3, categories=False, **params):
    X, y = table(datasets.load_breast_cancer)
    return train({"objective": objective, **params}, X, y, rounds, categories), X


def diabetes(objective, rounds=3, categories=False, scale=1.0, **params):
    X, y = table(datasets.load_diabetes)
    return train({"objective": objective, **params}, X, y * scale, rounds, categories), X


def wine(objective, rounds=2, categories=False, **params):
    X, y = table(datasets.load_wine)
    return train({"objective": objective, "num_class": 3, **params}, X, y, rounds, categories), X


def ranking(objective):
    X, y = table(datasets.load_diabetes)
    d = xgb.DMatrix(X, (y > 150).astype(int))
    d.set_group([len(X) // 4] * 4 + [len(X) % 4] if len(X) % 4 else [len(X) // 4] * 4)
    return xgb.train({"objective": objective, "max_depth": 3, "nthread": 1}, d, 5), X


def survival_aft():
    X, y = table(datasets.load_diabetes)
    d = xgb.DMatrix(X)
    d.set_float_info("label_lower_bound", y)
    d.set_float_info("label_upper_bound", y + 20)
    return xgb.train({"objective": "survival:aft", "max_depth": 3, "nthread": 1}, d, 5), X


def survival_cox():
    X, y = table(datasets.load_diabetes)
    return train({"objective": "survival:cox"}, X, np.where(y > 200, -y, y), 5), X


def targets(**params):
    X, y = table(datasets.load_diabetes)
    Y = np.stack([y, y**0.5, -y], axis=1)
    return train({"objective": "reg:squarederror", "num_target": 3, **params}, X, Y, 3), X


def labels(**params):
    X, y = table(datasets.load_diabetes)
    return train({"objective": "binary:logistic", **params}, X,
                 np.stack([y > 100, y > 200], axis=1).astype(int), 4), X


def custom():
    X, y = table(datasets.load_diabetes)
    d = xgb.DMatrix(X, y)
    return xgb.train({"max_depth": 3, "nthread": 1, "base_score": 100.0}, d, 4,
                     obj=lambda p, d: ((p - d.get_label()), np.ones_like(p))), X


def pruned():
    """`exact` and then pruning leaves nodes that nothing reaches."""
    X, y = table(datasets.load_diabetes)
    return train({"objective": "reg:squarederror", "tree_method": "exact", "gamma": 40000.0,
                  "max_depth": 6}, X, y, 4), X


def stumps():
    """Trees of one leaf."""
    X, y = table(datasets.load_diabetes)
    return train({"objective": "reg:squarederror", "gamma": 1e12}, X, y, 3), X


def linear(objective, **params):
    X, y = table(datasets.load_wine)
    y = y if "num_class" in params else (y > 0).astype(int)
    d = xgb.DMatrix(X[:, :8], y)
    return xgb.train({"booster": "gblinear", "objective": objective, "updater": "coord_descent",
                      "nthread": 1, **params}, d, 5), X[:, :8]


MODELS = {
    "logistic": lambda: cancer("binary:logistic"),
    "logistic_categories": lambda: cancer("binary:logistic", categories=True),
    "one_hot": lambda: cancer("binary:logistic", categories=True, max_cat_to_onehot=100),
    "sets": lambda: diabetes("reg:squarederror", categories=True, max_cat_to_onehot=1),
    "logitraw": lambda: cancer("binary:logitraw"),
    "hinge": lambda: cancer("binary:hinge"),
    "reg_logistic": lambda: cancer("reg:logistic"),
    "squared": lambda: diabetes("reg:squarederror"),
    "squared_log": lambda: diabetes("reg:squaredlogerror", scale=0.01),
    "absolute": lambda: diabetes("reg:absoluteerror"),
    "huber": lambda: diabetes("reg:pseudohubererror", scale=0.01),
    "quantile": lambda: diabetes("reg:quantileerror", quantile_alpha=[0.1, 0.5, 0.9]),
    "poisson": lambda: diabetes("count:poisson", scale=0.1),
    "gamma": lambda: diabetes("reg:gamma"),
    "tweedie": lambda: diabetes("reg:tweedie", tweedie_variance_power=1.3),
    "cox": survival_cox,
    "aft": survival_aft,
    "pairwise": lambda: ranking("rank:pairwise"),
    "ndcg": lambda: ranking("rank:ndcg"),
    "map": lambda: ranking("rank:map"),
    "softmax": lambda: wine("multi:softmax"),
    "softprob": lambda: wine("multi:softprob"),
    "softprob_sets": lambda: wine("multi:softprob", categories=True, max_cat_to_onehot=1),
    "forest": lambda: wine("multi:softprob", rounds=2, num_parallel_tree=3, subsample=0.7),
    "dart": lambda: diabetes("reg:squarederror", booster="dart", rate_drop=0.4, rounds=8),
    "dart_classes": lambda: wine("multi:softprob", booster="dart", rate_drop=0.4, one_drop=1),
    "custom": custom,
    "pruned": pruned,
    "stumps": stumps,
    "targets": targets,
    "labels": labels,
    "vector_leaves": lambda: targets(multi_strategy="multi_output_tree"),
    "linear": lambda: linear("reg:squarederror"),
    "linear_logistic": lambda: linear("binary:logistic"),
    "linear_classes": lambda: linear("multi:softprob", num_class=3),
    "base_low": lambda: cancer("binary:logistic", rounds=2, base_score=1e-5),
    "base_high": lambda: cancer("binary:logistic", rounds=2, base_score=0.9999),
}

SINCE = {"logistic_categories": (1, 6), "one_hot": (1, 6), "sets": (1, 6),
         "softprob_sets": (1, 6), "aft": (1, 2), "huber": (1, 4), "absolute": (1, 7), "quantile": (2, 0), "vector_leaves": (2, 0), "targets": (1, 6),
         "labels": (1, 6)}


def names():
    return [n for n in MODELS if VERSION >= SINCE.get(n, (1, 0))]


def document(booster):
    """What the model's JSON file holds."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.json")
        booster.save_model(path)
        with open(path) as f:
            return json.load(f)


def trees(booster):
    """The trees of a model, whatever the layout of the file."""
    model = document(booster)["learner"]["gradient_booster"]
    return model.get("gbtree", model)["model"].get("trees", [])


def thresholds(booster):
    found = {}
    for t in trees(booster):
        for left, column, value in zip(t["left_children"], t["split_indices"],
                                       t["split_conditions"]):
            if left != -1 and np.isfinite(value):
                found.setdefault(column, []).append(value)
    return found


def matrix(booster, X):
    types = booster.feature_types
    if types and "c" in types:
        return xgb.DMatrix(X, feature_types=types, enable_categorical=True, nthread=1)
    return xgb.DMatrix(X, nthread=1)


def answers(booster, X):
    """Margins, predictions and leaves, by way of a DMatrix, which takes no infinity."""
    d = matrix(booster, X)
    found = {"raw": booster.predict(d, output_margin=True),
             "prediction": booster.predict(d)}
    if trees(booster):
        found["leaf"] = booster.predict(d, pred_leaf=True)
    return {k: v.reshape(len(X), -1) for k, v in found.items()}


def main():
    warnings.simplefilter("ignore")
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "xgboost_%d.%d" % VERSION)
    os.makedirs(folder, exist_ok=True)
    for name in sys.argv[1:] or names():
        booster, X = MODELS[name]()
        rows = hard_rows(X, thresholds(booster), np.random.default_rng(3), per_column=6,
                         infinite=False)
        rows = rows[np.random.default_rng(5).permutation(len(rows))[:80]]
        path = os.path.join(folder, name)
        booster.save_model(path + ".json")
        if VERSION >= (1, 6):
            booster.save_model(path + ".ubj")
        np.savez_compressed(path + ".npz", X=rows, **answers(booster, rows))
        print(name, os.path.getsize(path + ".json"), os.path.getsize(path + ".npz"))


if __name__ == "__main__":
    main()
