# SPDX-License-Identifier: MIT
"""Make tests/data/ydf_<version>/: small models of the YDF installed here, trained on real data,
and what it answers.

    python tests/data/make_ydf.py [NAME...]     needs ydf and scikit-learn (for its data)

Each NAME.ydf (Model.serialize; of some, its nodes unpacked) comes with NAME.npz: X, float32 rows
as libmodel takes them (real ones, and cells on thresholds, one ULP beside them, missing, infinite,
of unseen categories); prediction and leaf, of predict and predict_leaves; for classifiers of
boosted trees raw, what the same training without its link function predicts.  `folder` and
`prefixed` are saved as folders, and so is everything by versions that have no serialize.
tests/python/test_ydf.py and tests/test_import_ydf.c read them.
"""
import gzip
import os
import shutil
import sys

import numpy as np
import ydf
from sklearn import datasets

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))
from hard_rows import hard_rows  # noqa: E402

T = ydf.Task
GBT, RF = ydf.GradientBoostedTreesLearner, ydf.RandomForestLearner
IF = getattr(ydf, "IsolationForestLearner", None)                 # not in 0.4
UNSEEN = "none of them"
MOST_ROWS = 700


def cut(values, letters):
    """A column of texts made of a column of numbers: by quantiles."""
    edges = np.quantile(values, np.linspace(0, 1, len(letters) + 1)[1:-1])
    return np.array(letters)[np.searchsorted(edges, values)]


def real(name):
    """Columns and the target of a data set, with holes, texts and bools."""
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    rng = np.random.default_rng(0)
    columns = {f"n{i}": X[:, i].astype(np.float32) for i in range(5)}
    columns["n1"][rng.random(len(X)) < 0.15] = np.nan
    columns["grade"] = cut(X[:, 5], list("abcdefg"))
    columns["grade"][rng.random(len(X)) < 0.1] = ""
    columns["code"] = cut(X[:, 6], [f"code {i}" for i in range(40)])
    columns["flag"] = X[:, 7] > np.median(X[:, 7])
    return columns, y


def with_integers(columns):
    made = dict(columns)
    made["k"] = np.searchsorted(np.unique(columns["code"]), columns["code"]).astype(np.int64)
    return made


def far(columns):
    """Numbers so far from 0, and so near each other, that float32 runs out of middles."""
    return {"n2": (columns["n2"] * 1e5 + 1e9).astype(np.float32),
            "n3": (1 + np.spacing(np.float32(1)) * (np.argsort(np.argsort(columns["n3"])) // 12))
            .astype(np.float32)}


def huge(columns):
    """Numbers so large that half of two of them is infinite where their sum is."""
    return {name: (columns[name] / np.abs(columns[name]).max() * 3.4e38).astype(np.float32)
            for name in ("n0", "n2", "n3")}


def numbers(columns):
    return {name: columns[name] for name in ("n0", "n1", "n2", "n3", "n4")}


DEEP = {"max_depth": 12, "min_examples": 1, "num_trees": 3}       # more than 64 leaves a tree

# Name: learner, data, target, task, how to change the columns, what to say to the learner.
MODELS = {
    "binary": (GBT, "breast_cancer", "two", T.CLASSIFICATION, dict, {}),
    "binary_deep": (GBT, "diabetes", "two", T.CLASSIFICATION, dict, DEEP),
    "focal": (GBT, "breast_cancer", "two", T.CLASSIFICATION, dict, {"loss": "BINARY_FOCAL_LOSS"}),
    "classes": (GBT, "wine", "three", T.CLASSIFICATION, dict, {}),
    "value": (GBT, "diabetes", "value", T.REGRESSION, dict, {}),
    "value_deep": (GBT, "diabetes", "value", T.REGRESSION, dict,
                   {"growing_strategy": "BEST_FIRST_GLOBAL", "max_num_nodes": 70, **DEEP}),
    "absolute": (GBT, "diabetes", "value", T.REGRESSION, dict, {"loss": "MEAN_AVERAGE_ERROR"}),
    "poisson": (GBT, "diabetes", "count", T.REGRESSION, dict, {"loss": "POISSON"}),
    "poisson_deep": (GBT, "diabetes", "count", T.REGRESSION, dict,
                     {"loss": "POISSON", **DEEP}),
    "rank": (GBT, "diabetes", "rank", T.RANKING, dict, {"ranking_group": "group"}),
    "discretized": (GBT, "diabetes", "value", T.REGRESSION, dict,
                    {"discretize_numerical_columns": True}),
    "discretized_far": (GBT, "diabetes", "value", T.REGRESSION, far,
                        {"discretize_numerical_columns": True}),
    "discretized_huge": (GBT, "diabetes", "value", T.REGRESSION, huge,
                         {"discretize_numerical_columns": True}),
    "discretized_local": (GBT, "diabetes", "holes", T.REGRESSION, numbers,
                          {"discretize_numerical_columns": True,
                           "missing_value_policy": "LOCAL_IMPUTATION"}),
    "discretized_local_deep": (GBT, "diabetes", "holes", T.REGRESSION, numbers,
                               {"discretize_numerical_columns": True,
                                "missing_value_policy": "LOCAL_IMPUTATION", **DEEP}),
    "local": (GBT, "diabetes", "holes", T.REGRESSION, numbers,
              {"missing_value_policy": "LOCAL_IMPUTATION"}),
    "missing": (GBT, "diabetes", "holes", T.REGRESSION, dict, {"allow_na_conditions": True}),
    "integers": (GBT, "diabetes", "value", T.REGRESSION, with_integers,
                 {}),
    "pure": (GBT, "diabetes", "value", T.REGRESSION, dict, {"pure_serving_model": True}),
    "folder": (GBT, "diabetes", "value", T.REGRESSION, dict, {}),
    "prefixed": (RF, "wine", "three", T.CLASSIFICATION, dict, {"max_depth": 4}),
    "forest_binary": (RF, "breast_cancer", "two", T.CLASSIFICATION, dict, {}),
    "forest_shares": (RF, "breast_cancer", "two", T.CLASSIFICATION, dict,
                      {"winner_take_all": False}),
    "forest_classes": (RF, "wine", "three", T.CLASSIFICATION, dict, {}),
    "forest_class_shares": (RF, "wine", "three", T.CLASSIFICATION, dict,
                            {"winner_take_all": False}),
    "forest_value": (RF, "diabetes", "value", T.REGRESSION, dict, {"max_depth": 6}),
    "forest_missing": (RF, "diabetes", "holes", T.REGRESSION, dict,
                       {"allow_na_conditions": True, "max_depth": 6}),
    "cart": (ydf.CartLearner, "breast_cancer", "two", T.CLASSIFICATION, dict, {}),
    "uplift": (RF, "diabetes", "two", T.CATEGORICAL_UPLIFT, numbers,
               {"uplift_treatment": "treated", "max_depth": 5}),
    "uplift_value": (RF, "diabetes", "value", T.NUMERICAL_UPLIFT, numbers,
                     {"uplift_treatment": "treated", "max_depth": 5}),
    "isolation": (IF, "breast_cancer", None, None, dict, {}),
    "isolation_all": (IF, "diabetes", None, None, dict,
                      {"subsample_ratio": 1.0, "max_depth": 4}),
    "oblique": (GBT, "diabetes", "value", T.REGRESSION, dict, {"split_axis": "SPARSE_OBLIQUE"}),
    "slow": (GBT, "diabetes", "holes", T.REGRESSION, dict,
             {"missing_value_policy": "LOCAL_IMPUTATION"}),
}
REFUSED = ("oblique", "slow")
UNPACKED = ("absolute", "missing", "integers", "forest_classes", "isolation_all", "oblique")


def target(kind, y, columns):
    holes = np.isnan(columns["n1"]) if "n1" in columns else 0
    return {"two": lambda: np.where(y > np.median(y) if len(set(y)) > 3 else y == 1, "yes", "no"),
            "three": lambda: np.array(["first", "second", "third"])[y],
            "value": lambda: y.astype(np.float32),
            "holes": lambda: (y + 200 * holes).astype(np.float32),
            "count": lambda: (y // 50).astype(np.float32),
            "rank": lambda: np.minimum(y // 70, 4).astype(np.int64)}[kind]()


def train(name, **more):
    learner, data, kind, task, change, config = MODELS[name]
    columns, y = real(data)
    columns = change(columns)
    rng = np.random.default_rng(1)
    table = dict(columns)
    if kind:
        table["y"] = target(kind, y, columns)
        more["label"] = "y"
    if "ranking_group" in config:
        table["group"] = np.array([f"g{i}" for i in rng.integers(20, size=len(y))], "S")
    if "uplift_treatment" in config:
        table["treated"] = np.where(rng.random(len(y)) < 0.5, "with", "without")
    if learner is not ydf.CartLearner:
        more["num_trees"] = config.get("num_trees", 8)
    if name == "integers":
        k = ydf.Feature("k", ydf.Semantic.CATEGORICAL, is_already_integerized=True)
        more["features"] = ["n0", "n1", k]
    model = learner(task=task or T.ANOMALY_DETECTION, random_seed=3,
                    **{**config, **more}).train(table)
    model.set_metadata(ydf.ModelMetadata(owner="", created_date=0, uid=0, framework="ydf"))
    return model, columns, {k: v for k, v in table.items() if k not in columns}


# ---- rows, as libmodel takes them and as YDF does ------------------------------------------------


def spec_of(model):
    by_name = {column.name: column for column in model.data_spec().columns}
    return [by_name[name] for name in model.input_feature_names()]


def dictionary(column):
    """Texts by code, or None."""
    if not column.HasField("categorical") or column.categorical.is_already_integerized:
        return None
    texts = [""] * column.categorical.number_of_unique_values
    for text, item in column.categorical.items.items():
        texts[item.index] = text
    return texts


def coded(column, cells):
    texts = dictionary(column)
    if texts is None:
        return np.asarray(cells, np.float32)
    return np.array([np.nan if c == "" else texts.index(c) if c in texts else 0 for c in cells],
                    np.float32)


def thresholds(model):
    """By position of the input, what it is compared with."""
    spec, columns = model.data_spec(), {}
    names = model.input_feature_names()

    def walk(node):
        if node.is_leaf:
            return
        c = node.condition
        if hasattr(c, "threshold"):
            columns.setdefault(names.index(spec.columns[c.attribute].name), []).append(c.threshold)
        walk(node.neg_child)
        walk(node.pos_child)

    for tree in model.iter_trees():
        walk(tree.root)
    for i, column in enumerate(spec_of(model)):
        if column.HasField("discretized_numerical"):
            columns[i] = list(column.discretized_numerical.boundaries)
    return columns


def rows(model, columns):
    spec = spec_of(model)
    X = np.stack([coded(c, columns[c.name]) for c in spec], axis=1)
    rng = np.random.default_rng(2)
    X = hard_rows(X[rng.permutation(len(X))[:100]], thresholds(model), rng, per_column=30)
    for i, c in enumerate(spec):
        texts = dictionary(c)
        known = len(texts) if texts else c.categorical.number_of_unique_values
        if columns[c.name].dtype == bool:
            X[:, i] = X[:, i] > 0.5
        elif known:
            odd = ~((X[:, i] >= 0) & (X[:, i] < known) & (X[:, i] == np.trunc(X[:, i])))
            X[odd & ~np.isnan(X[:, i]), i] = rng.integers(known)
    return X[rng.permutation(len(X))[:MOST_ROWS]]


def as_ydf(model, columns, X):
    made = {}
    for i, c in enumerate(spec_of(model)):
        texts, cells = dictionary(c), X[:, i]
        if texts is not None:
            made[c.name] = np.array(["" if v != v else texts[int(v)] if v else UNSEEN
                                     for v in cells])
        elif columns[c.name].dtype == bool:
            made[c.name] = cells > 0.5
        elif c.HasField("categorical"):
            made[c.name] = np.where(np.isnan(cells), -1, cells).astype(np.int64)
        else:
            made[c.name] = cells
    return made


def answers(name, model, columns, others, X):
    given = as_ydf(model, columns, X)
    made = {"X": X, "prediction": model.predict(given)}
    filled = {k: np.repeat(v[:1], len(X)) for k, v in others.items()}
    made["leaf"] = model.predict_leaves({**given, **filled})
    learner, _, _, task, _, _ = MODELS[name]
    if learner is GBT and task == T.CLASSIFICATION:
        logits, _, _ = train(name, apply_link_function=False)
        assert (logits.predict_leaves({**given, **filled}) == made["leaf"]).all()
        made["raw"] = logits.predict(given)
    return made


def unpacked(stream):
    """The stream with its nodes as YDF writes them into folders: no gzip.  Fuzzers start there."""
    assert stream[:2] == b"BS" and stream[4] == 0
    at, blobs = 8, []
    while at < len(stream):
        size = int.from_bytes(stream[at:at + 4], "little")
        blobs.append(stream[at + 4:at + 4 + size])
        at += 4 + size
    nodes = blobs[3]
    blobs[3] = nodes[:4] + b"\0" + nodes[5:8] + gzip.decompress(nodes[8:])
    return stream[:8] + b"".join(len(b).to_bytes(4, "little") + b for b in blobs)


def main(names):
    folder = os.path.join(HERE, "ydf_" + ".".join(ydf.__version__.split(".")[:2]))
    os.makedirs(folder, exist_ok=True)
    for name in names or MODELS:
        model, columns, others = train(name)
        path = os.path.join(folder, name)
        if name in ("folder", "prefixed") or not hasattr(model, "serialize"):
            shutil.rmtree(path, ignore_errors=True)
            model.save(path, advanced_options=ydf.ModelIOOptions(
                file_prefix="one_" if name == "prefixed" else None))
        else:
            with open(path + ".ydf", "wb") as file:
                stream = model.serialize()
                file.write(unpacked(stream) if name in UNPACKED else stream)
        if name not in REFUSED:
            made = answers(name, model, columns, others, rows(model, columns))
            np.savez_compressed(path + ".npz", **made)
        print(name, model.list_compatible_engines()[:1], os.listdir(path) if os.path.isdir(path)
              else os.path.getsize(path + ".ydf"))


if __name__ == "__main__":
    ydf.verbose(0)
    main(sys.argv[1:])
