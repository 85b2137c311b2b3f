# SPDX-License-Identifier: MIT
"""Make tests/data/treelite_<version>/: small checkpoints of the treelite installed here, and
what GTIL, its own engine, answers.

    python tests/data/make_treelite.py [NAME...]      needs treelite and scikit-learn 1.5; models
                                                      of XGBoost and LightGBM come from tests/data
    python tests/data/make_treelite.py --answer FOLDER   of checkpoints that lie there: the first
                                                      GTIL of treelite 4 took float32 rows alone

Each NAME.tl (Model.serialize) comes with NAME.npz: X, of the model's type; prediction, raw
[rows, outputs] and leaf [rows, trees].  Those made by hand have every operator, sets of both
kinds, vector leaves of every shape, base scores that float32 does not hold, and every
postprocessor; tests/python/test_treelite.py compares.
"""
import json
import os
import sys

import numpy as np
import treelite
from sklearn import datasets, ensemble
from treelite import gtil
from treelite.model_builder import Metadata, ModelBuilder, PostProcessorFunc, TreeAnnotation

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))
from hard_rows import hard_rows  # noqa: E402


def by_hand(trees, annotation, *, post="identity", task="kRegressor", average=False, targets=1,
            classes=(1,), shape=(1, 1), base=None, type_="float32", columns=3, **config):
    """A model of trees given as nested tuples: (column, op, threshold, default left, left, right),
    (column, categories, their side is right, default left, left, right), or a leaf."""
    made = ModelBuilder(
        threshold_type=type_, leaf_output_type=type_,
        metadata=Metadata(num_feature=columns, task_type=task, average_tree_output=average,
                          num_target=targets, num_class=list(classes),
                          leaf_vector_shape=tuple(shape)),
        tree_annotation=TreeAnnotation(num_tree=len(trees), target_id=[a[0] for a in annotation],
                                       class_id=[a[1] for a in annotation]),
        postprocessor=PostProcessorFunc(name=post, **config),
        base_scores=[0.0] * (targets * max(classes)) if base is None else [float(b) for b in base])
    for tree in trees:
        made.start_tree()
        queue, at = [tree], 0
        while at < len(queue):
            node = queue[at]
            made.start_node(at)
            if not isinstance(node, tuple):
                made.leaf(node)
            else:
                column, test, value, default_left, left, right = node
                keys = {"feature_id": column, "default_left": default_left,
                        "left_child_key": len(queue), "right_child_key": len(queue) + 1}
                if isinstance(test, str):
                    made.numerical_test(threshold=value, opname=test, **keys)
                else:
                    made.categorical_test(category_list=test, category_list_right_child=value,
                                          **keys)
                queue += [left, right]
            made.end_node()
            at += 1
        made.end_tree()
    return made.commit()


def stump(op, value=0.5, left=1.25, right=-3.0, column=0, default_left=True):
    return (column, op, value, default_left, left, right)


def chain(depth, op="<", column=0):
    node = 0.125
    for i in range(depth):
        node = (i % 3 if column is None else column, op, float(i) - 1.5, i % 2 == 0, node,
                0.1 * (i + 1))
    return node


def post(name, **options):
    trees = [chain(4, column=None), stump("<", -0.25), stump("<", 2.0, 0.3, 0.6, column=2)]
    return by_hand(trees, [(0, 0)] * 3, post=name, **options)


SETS = [(1, [0, 2, 33], False, True, stump("<=", 1.0), 2.0),
        (1, [], True, False, 4.0, (2, [1, 16777216, 64], True, True, 8.0, -16.0)),
        (2, [5], False, False, 32.0, -64.0)]
WIDE = [[0.1, 0.2, 0.3], [0.4, 0.0, 0.6], [-0.7, 0.8, 0.9]]


def vector(leaf, second, op="<="):
    return (0, op, 0.5, True, leaf, (1, op, -0.5, False, second, leaf))


def imported(name, folder="xgboost_2.1"):
    path = os.path.join(HERE, folder, name)
    if folder.startswith("xgboost"):
        choice = {} if treelite.__version__ < "4.1" else {"format_choice": "json"}
        return treelite.frontend.load_xgboost_model(path, **choice)
    return treelite.frontend.load_lightgbm_model(path)


def forest(kind, load, targets=None, **params):
    x, y = load(return_X_y=True)
    y = y if targets is None else targets(y)
    made = getattr(ensemble, kind)(n_estimators=3, max_depth=3, random_state=0, **params).fit(x, y)
    return treelite.sklearn.import_model(made)


def boosted(kind, load, **params):
    x, y = load(return_X_y=True)
    return treelite.sklearn.import_model(getattr(ensemble, kind)(
        max_depth=3, random_state=0, **params).fit(x, y))


MODELS = {
    "less": lambda: by_hand([stump("<"), stump(">=", -1.0), chain(5, ">=", None)], [(0, 0)] * 3),
    "up_to": lambda: by_hand([stump("<="), stump(">", -1.0), chain(5, ">", None)], [(0, 0)] * 3,
                             type_="float64"),
    "sets": lambda: by_hand(SETS, [(0, 0)] * 3),
    "sets_wide": lambda: by_hand(SETS, [(0, 0)] * 3, type_="float64"),
    "base": lambda: by_hand([stump("<"), stump("<", 1.5)], [(0, 0)] * 2, base=[0.1]),
    "base_wide": lambda: by_hand([stump("<"), stump("<", 1.5)], [(0, 0)] * 2, base=[0.1],
                                 type_="float64"),
    "shares": lambda: by_hand([vector(WIDE[0], WIDE[1]), vector(WIDE[1], WIDE[2])], [(0, -1)] * 2,
                              task="kMultiClf", classes=[3], shape=(1, 3), average=True,
                              post="identity_multiclass", base=[0.5, 0, -0.25]),
    "grove": lambda: by_hand([stump("<=", i) for i in range(7)], [(0, i % 3) for i in range(7)],
                             task="kMultiClf", classes=[3], average=True, post="softmax"),
    "targets": lambda: by_hand([vector(WIDE[0], WIDE[1]), vector(WIDE[2], WIDE[1])], [(-1, 0)] * 2,
                               targets=3, classes=[1, 1, 1], shape=(3, 1), type_="float64",
                               base=[1.0, 0.1, 0.0]),
    "both": lambda: by_hand([vector(WIDE[0] + WIDE[1], WIDE[2] + WIDE[0])], [(-1, -1)],
                            task="kMultiClf", targets=2, classes=[2, 3], shape=(2, 3),
                            post="softmax", base=[0.5, 0.25, 0, 1.0, 0.125, 3.0]),
    "ova": lambda: by_hand([stump("<", i) for i in range(4)], [(0, i % 2) for i in range(4)],
                           task="kMultiClf", classes=[2], post="multiclass_ova",
                           sigmoid_alpha=1.5),
    "sigmoid": lambda: post("sigmoid", sigmoid_alpha=0.7, task="kBinaryClf"),
    "hinge": lambda: post("hinge", task="kBinaryClf"),
    "exponential": lambda: post("exponential", type_="float64"),
    "square": lambda: post("signed_square"),
    "log1p": lambda: post("logarithm_one_plus_exp"),
    "isolation_hand": lambda: post("exponential_standard_ratio", ratio_c=3.3, average=True,
                                   task="kIsolationForest"),
    "xgb_logistic": lambda: imported("logistic_categories.json"),
    "xgb_softprob": lambda: imported("softprob_sets.json"),
    "xgb_targets": lambda: imported("targets.json"),
    "xgb_dart": lambda: imported("dart.json"),
    "lgb_binary": lambda: imported("binary.txt", "lightgbm_4.3"),
    "lgb_multiclass": lambda: imported("multiclass.txt", "lightgbm_4.3"),
    "forest_classes": lambda: forest("RandomForestClassifier", datasets.load_iris),
    "forest_binary": lambda: forest("ExtraTreesClassifier", datasets.load_breast_cancer),
    "forest_targets": lambda: forest("RandomForestClassifier", datasets.load_iris,
                                     lambda y: np.stack([y, y > 0], axis=1)),
    "forest_values": lambda: forest("RandomForestRegressor", datasets.load_diabetes,
                                    lambda y: np.stack([y, -y], axis=1)),
    "boosted": lambda: boosted("GradientBoostingClassifier", datasets.load_iris, n_estimators=2),
    "hist": lambda: boosted("HistGradientBoostingRegressor", datasets.load_diabetes, max_iter=3),
    "isolation": lambda: treelite.sklearn.import_model(ensemble.IsolationForest(
        n_estimators=3, max_samples=16, random_state=0).fit(datasets.load_iris().data)),
}


def thresholds(document):
    found = {}
    for tree in document["trees"]:
        for node in tree["nodes"]:
            if "threshold" in node:
                found.setdefault(node["split_feature_id"], []).append(node["threshold"])
            for category in node.get("category_list", ()):
                found.setdefault(node["split_feature_id"], []).extend([category, category + 0.5])
    return found


def rows_for(model):
    document = json.loads(model.dump_as_json())
    dtype = np.float32 if model.serialize_bytes()[12] == 2 else np.float64
    rng = np.random.default_rng(3)
    x = rng.normal(size=(24, document["num_feature"])).astype(dtype)
    return hard_rows(x, thresholds(document), rng, per_column=9)[:700]


def answer(model, path):
    rows = rows_for(model)
    flat = {"prediction": gtil.predict(model, rows),
            "raw": gtil.predict(model, rows, pred_margin=True)}
    np.savez_compressed(path, X=rows, leaf=gtil.predict_leaf(model, rows).astype(np.int32),
                        **{k: v.reshape(len(rows), -1) for k, v in flat.items()})


def main():
    if sys.argv[1:2] == ["--answer"]:
        for name in sorted(os.listdir(sys.argv[2])):
            path = os.path.join(sys.argv[2], name)
            if name.endswith(".tl"):
                answer(treelite.Model.deserialize(path), path[:-3] + ".npz")
        return
    version = treelite.__version__.split(".")[:2]
    folder = os.path.join(HERE, "treelite_" + ".".join(version))
    os.makedirs(folder, exist_ok=True)
    for name in sys.argv[1:] or MODELS:
        model = MODELS[name]()
        with open(os.path.join(folder, name + ".tl"), "wb") as out:
            out.write(model.serialize_bytes())
        if version != ["4", "0"]:
            answer(model, os.path.join(folder, name + ".npz"))


if __name__ == "__main__":
    main()
