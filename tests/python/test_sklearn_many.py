# SPDX-License-Identifier: MIT
"""Ensembles of any models: bagging, AdaBoost, voting, stacking, boosting from a given start.

Of members that are bit-equal the whole must be, before a link function at least; members that
add products in the order of a BLAS leave it within 1e-12.
"""
import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn import ensemble, linear_model, pipeline, preprocessing, tree  # noqa: E402

import mdl  # noqa: E402
from sklearn_rows import (VERSION, beside_float32, hard_rows, same_bits, same_labels,  # noqa: E402
                          split_cells, table, with_nan, worst_ulp)

NAMES = np.array(["setosa", "versicolor", "virginica"])
OLD = VERSION < (1, 6)          # AdaBoostClassifier has a choice of algorithms
PLAIN = {"algorithm": "SAMME"} if OLD else {}
pytestmark = pytest.mark.filterwarnings("ignore")


def logistic():
    return pipeline.make_pipeline(preprocessing.StandardScaler(),
                                  linear_model.LogisticRegression(max_iter=300))


def cells(est, columns=None):
    """(column, threshold) of every tree within."""
    if hasattr(est, "tree_"):
        columns = np.arange(est.n_features_in_) if columns is None else columns
        return [(int(columns[c]), t) for c, t in split_cells([est.tree_])]
    members = getattr(est, "estimators_", [])
    members = members.ravel() if isinstance(members, np.ndarray) else members
    chosen = getattr(est, "estimators_features_", [columns] * len(members))
    return sorted({cell for one, of in zip(members, chosen) for cell in cells(one, of)})


def converted(est, x, nan=False):
    rows = hard_rows(x, cells(est), beside_float32, most=500)
    return mdl.convert(est), with_nan(rows) if nan else rows


def near(ours, theirs, most=1e-12):
    assert ours.shape == np.shape(theirs) and ours.dtype == np.asarray(theirs).dtype
    assert (np.abs(ours - theirs) <= most * np.maximum(1, np.abs(theirs))).all()


# ---- several targets ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [tree.DecisionTreeClassifier, tree.ExtraTreeClassifier,
                                  ensemble.RandomForestClassifier, ensemble.ExtraTreesClassifier])
def test_classifiers_of_several_targets_answer_for_each(kind, proven):
    x, y = table("iris")
    rest = {"n_estimators": 9} if kind.__module__.startswith("sklearn.ensemble") else {}
    est = kind(max_depth=5, random_state=0, **rest).fit(x, np.stack([y, y == 1, 7 - y], axis=1))
    model, rows = converted(est, x)
    same_bits(model.predict(rows), est.predict(rows).astype(np.int64))
    for ours, theirs in zip(model.predict_proba(rows), est.predict_proba(rows)):
        same_bits(ours, theirs)
    assert (model.apply(rows).reshape(len(rows), -1) ==
            est.apply(rows).reshape(len(rows), -1)).all()
    for ours, theirs in zip(model.classes, est.classes_):
        assert ours.tolist() == theirs.tolist()
    proven("scikit-learn", kind.__name__, len(rows), "several targets: same bits")


def test_texts_are_labels_of_several_targets_too():
    x, y = table("iris")
    both = np.stack([NAMES[y], np.array(["no", "yes"])[(y > 1).astype(int)]], axis=1)
    for targets in (both, both.astype(object)):
        est = ensemble.RandomForestClassifier(5, random_state=0).fit(x, targets)
        model = mdl.convert(est)
        assert model.predict(x).tolist() == est.predict(x).tolist()
        assert model.predict(x).dtype == est.predict(x).dtype
        again = mdl.load(model.to_bytes())
        assert (again.predict(x) == est.predict(x)).all()
        assert set(again.check().values()) == {0.0}
        assert list(again.run({"x": x})) == ["probability_0", "label_0", "probability_1", "label_1",
                                             "leaf"]


# ---- bagging --------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [
    {}, {"max_features": 0.4}, {"max_features": 0.5, "bootstrap_features": True}], ids=str)
def test_bagged_trees_are_one_ensemble_with_the_same_bits(params, proven):
    x, y = table("wine")
    est = ensemble.BaggingClassifier(n_estimators=11, random_state=1, **params).fit(x, NAMES[y])
    model, rows = converted(est, x, nan=True)
    same_bits(model.predict_proba(rows), est.predict_proba(rows))
    same_labels(model, est, rows)
    assert list(model.outputs) == ["probability", "label"]
    proven("scikit-learn", "BaggingClassifier", len(rows), "of trees: same bits")


@pytest.mark.parametrize("targets", [1, 2])
def test_bagged_regression_trees_have_the_same_bits(targets, proven):
    x, y = table("diabetes")
    y = y if targets == 1 else np.stack([y, -np.sqrt(y)], axis=1)
    est = ensemble.BaggingRegressor(n_estimators=7, max_features=0.6, random_state=0).fit(x, y)
    model, rows = converted(est, x, nan=True)
    same_bits(model.predict(rows), est.predict(rows))
    proven("scikit-learn", "BaggingRegressor", len(rows), "of trees: same bits")


def test_any_model_can_be_bagged(proven):
    x, y = table("wine")
    hist = ensemble.HistGradientBoostingClassifier(max_iter=4, min_samples_leaf=3)
    for base, params in ((logistic(), {}), (logistic(), {"max_samples": 6}), (hist, {}),
                         (ensemble.RandomForestClassifier(3, max_depth=3), {})):
        est = ensemble.BaggingClassifier(base, n_estimators=5, max_features=0.5, random_state=0,
                                         **params).fit(x, y)
        assert not params or any(len(one.classes_) < 3 for one in est.estimators_)
        model = mdl.convert(est)
        near(model.predict_proba(x), est.predict_proba(x))
        same_labels(model, est, x)
        if hasattr(est, "decision_function") and not params:
            near(model.predict_raw(x), est.decision_function(x))
        proven("scikit-learn", "BaggingClassifier", len(x), "of other models within 1e-12")
    perceptrons = ensemble.BaggingClassifier(linear_model.Perceptron(), n_estimators=7,
                                             random_state=0).fit(x, y)
    same_bits(mdl.convert(perceptrons).predict_proba(x), perceptrons.predict_proba(x))  # votes
    x, y = table("diabetes")
    est = ensemble.BaggingRegressor(linear_model.Ridge(), n_estimators=70, max_features=0.5,
                                    random_state=0).fit(x, np.stack([y, y * y], axis=1))
    near(mdl.convert(est).predict(x), est.predict(x))


# ---- AdaBoost -------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["SAMME", "SAMME.R"] if OLD else [None])
@pytest.mark.parametrize("data", ["iris", "breast_cancer", "digits"])
def test_adaboost_of_trees_sums_the_same_votes(data, algorithm, proven):
    x, y = table(data)
    params = {} if algorithm is None else {"algorithm": algorithm}
    base = tree.DecisionTreeClassifier(max_depth=1 if data != "digits" else 4)
    est = ensemble.AdaBoostClassifier(base, n_estimators=17, random_state=0, **params).fit(x, y)
    model, rows = converted(est, x)
    same_bits(model.predict_raw(rows), est.decision_function(rows))
    assert worst_ulp(model.predict_proba(rows), est.predict_proba(rows)) <= (8 if OLD else 4)
    same_labels(model, est, rows)
    proven("scikit-learn", "AdaBoostClassifier", len(rows),
           "of trees: decisions, labels: same bits; probabilities within 4 ULP")


def test_adaboost_of_other_models_counts_their_labels(proven):
    for data in ("iris", "breast_cancer"):
        x, y = table(data)
        est = ensemble.AdaBoostClassifier(linear_model.LogisticRegression(max_iter=200),
                                          n_estimators=5, **PLAIN).fit(x, y)
        model = mdl.convert(est)
        same_bits(model.predict_raw(x), est.decision_function(x))
        same_labels(model, est, x)
        proven("scikit-learn", "AdaBoostClassifier", len(x), "of other models: same bits")


@pytest.mark.parametrize("loss", ["linear", "exponential"])
def test_adaboost_regressors_answer_the_weighted_median(loss, proven):
    x, y = table("diabetes")
    est = ensemble.AdaBoostRegressor(n_estimators=41, loss=loss, random_state=0).fit(x, y)
    model, rows = converted(est, x)
    same_bits(model.predict(rows), est.predict(rows))
    lines = ensemble.AdaBoostRegressor(linear_model.Ridge(), n_estimators=9, loss=loss,
                                       random_state=0).fit(x, y)
    near(mdl.convert(lines).predict(x), lines.predict(x))
    proven("scikit-learn", "AdaBoostRegressor", len(rows), "of trees: same bits")


# ---- voting and stacking ------------------------------------------------------------------------


def members(kind="Classifier"):
    return [("forest", getattr(ensemble, f"RandomForest{kind}")(5, random_state=0)),
            ("tree", getattr(tree, f"DecisionTree{kind}")(max_depth=4, random_state=0)),
            ("hist", getattr(ensemble, f"HistGradientBoosting{kind}")(max_iter=4))]


@pytest.mark.parametrize("weights", [None, [1, 2.5, 0.3]])
@pytest.mark.parametrize("voting", ["hard", "soft"])
def test_votes_and_their_weights_are_those_of_the_source(voting, weights, proven):
    x, y = table("wine")
    est = ensemble.VotingClassifier(members(), voting=voting, weights=weights).fit(x, NAMES[y])
    model, rows = converted(est, x)
    same_labels(model, est, rows)
    if voting == "soft":
        assert worst_ulp(model.predict_proba(rows), est.predict_proba(rows)) <= 4   # hist's link
    else:
        assert list(model.outputs) == ["label", "votes"]
    exact = ensemble.VotingClassifier(members()[:2], voting="soft",
                                      weights=weights and weights[:2]).fit(x, y)
    same_bits(mdl.convert(exact).predict_proba(rows), exact.predict_proba(rows))
    proven("scikit-learn", "VotingClassifier", 2 * len(rows), "of trees: same bits")


@pytest.mark.parametrize("weights", [None, [1, 2.5, 0.3]])
def test_voting_regressors_average_in_the_same_order(weights, proven):
    x, y = table("diabetes")
    est = ensemble.VotingRegressor(members("Regressor"), weights=weights).fit(x, y)
    model, rows = converted(est, x)
    same_bits(model.predict(rows), est.predict(rows))
    proven("scikit-learn", "VotingRegressor", len(rows), "of trees: same bits")


@pytest.mark.parametrize("weights", [None, [2.0, 0.5]])
def test_averages_of_negative_zeros_are_zeros_as_in_the_source(weights):
    x, _ = table("iris")
    members = [(name, tree.DecisionTreeRegressor(criterion="absolute_error")) for name in "ab"]
    est = ensemble.VotingRegressor(members, weights=weights).fit(x, np.where(x[:, 0] > 5, -0.0, 1))
    assert np.signbit(est.estimators_[0].predict(x)).any()
    same_bits(mdl.convert(est).predict(x), est.predict(x))


def test_a_member_that_was_dropped_has_no_vote():
    x, y = table("iris")
    est = ensemble.VotingClassifier(members(), voting="soft", weights=[1, 2, 3])
    est.set_params(tree="drop").fit(x, y)
    near(mdl.convert(est).predict_proba(x), est.predict_proba(x))


@pytest.mark.parametrize("data,boosted,passthrough", [
    ("breast_cancer", False, False), ("breast_cancer", True, True), ("iris", False, True),
    ("iris", True, False)])
def test_stacked_classifiers_give_the_same_columns_to_the_last(data, boosted, passthrough, proven):
    x, y = table(data)
    classes = np.array(["no", "yes", "perhaps"])
    final = ensemble.GradientBoostingClassifier(n_estimators=5) if boosted else None
    est = ensemble.StackingClassifier(members()[:2] + [("line", logistic())], cv=3,
                                      final_estimator=final,
                                      passthrough=passthrough).fit(x, classes[y])
    model, rows = converted(est, x)
    near(model.predict_proba(rows), est.predict_proba(rows), 1e-11)
    near(model.predict_raw(rows), est.decision_function(rows), 1e-11)
    same_labels(model, est, rows)
    proven("scikit-learn", "StackingClassifier", len(rows), "within 1e-11")


def test_stacks_of_labels_and_of_margins():
    x, y = table("wine")
    for method in ("predict", "auto"):
        est = ensemble.StackingClassifier([("p", linear_model.Perceptron()), ("t", members()[1][1])],
                                          cv=3, stack_method=method).fit(x, NAMES[y])
        model = mdl.convert(est)
        near(model.predict_proba(x), est.predict_proba(x), 1e-10)
        same_labels(model, est, x)


@pytest.mark.parametrize("passthrough", [False, True])
def test_stacked_trees_below_trees_have_the_same_bits(passthrough, proven):
    x, y = table("diabetes")
    est = ensemble.StackingRegressor(
        members("Regressor"), cv=3, passthrough=passthrough,
        final_estimator=ensemble.RandomForestRegressor(5, random_state=0)).fit(x, y)
    model, rows = converted(est, x)
    same_bits(model.predict(rows), est.predict(rows))
    proven("scikit-learn", "StackingRegressor", len(rows), "of trees: same bits")


def test_an_ensemble_may_end_a_pipeline_and_be_part_of_another():
    x, y = table("wine")
    inner = ensemble.VotingClassifier(members()[:2], voting="soft")
    est = pipeline.make_pipeline(preprocessing.MinMaxScaler(), ensemble.BaggingClassifier(
        ensemble.StackingClassifier([("v", inner), ("t", members()[1][1])], cv=3,
                                    final_estimator=ensemble.AdaBoostClassifier(
                                        n_estimators=3, **PLAIN)),
        n_estimators=2, random_state=0)).fit(x, y)
    model = mdl.convert(est)
    near(model.predict_proba(x), est.predict_proba(x), 1e-11)
    same_labels(model, est, x)


# ---- boosting from a given start --------------------------------------------------------------


@pytest.mark.parametrize("data,loss", [("iris", "log_loss"), ("breast_cancer", "log_loss"),
                                       ("breast_cancer", "exponential")])
def test_boosting_may_start_from_another_classifier(data, loss, proven):
    x, y = table(data)
    est = ensemble.GradientBoostingClassifier(
        n_estimators=9, loss=loss, random_state=0,
        init=ensemble.RandomForestClassifier(7, max_depth=3, random_state=0)).fit(x, y)
    model, rows = converted(est, x)
    near(model.predict_raw(rows), est.decision_function(rows))
    near(model.predict_proba(rows), est.predict_proba(rows))
    same_labels(model, est, rows)
    assert (model.apply(rows) == est.apply(rows)).all()
    proven("scikit-learn", "GradientBoostingClassifier", len(rows),
           "from another classifier within 1e-12")


def test_boosting_from_another_regressor_adds_stage_by_stage_to_it(proven):
    x, y = table("diabetes")
    est = ensemble.GradientBoostingRegressor(
        n_estimators=70, random_state=0,
        init=ensemble.ExtraTreesRegressor(5, random_state=0)).fit(x, y)
    model, rows = converted(est, x)
    same_bits(model.predict(rows), est.predict(rows))
    line = ensemble.GradientBoostingRegressor(n_estimators=5, random_state=0,
                                              init=linear_model.LinearRegression()).fit(x, y)
    near(mdl.convert(line).predict(x), line.predict(x), 1e-5)       # it adds in float32
    proven("scikit-learn", "GradientBoostingRegressor", len(rows),
           "from another regressor: same bits")


# ---- what is refused --------------------------------------------------------------------------


def test_members_that_are_not_covered_are_named_once():
    from sklearn import neighbors, svm

    x, y = table("iris")
    near_by = neighbors.KNeighborsClassifier()
    est = ensemble.VotingClassifier([("a", near_by), ("b", svm.SVC()), ("c", near_by),
                                     ("d", tree.DecisionTreeClassifier())]).fit(x, y)
    with pytest.raises(mdl.UnsupportedError) as caught:
        mdl.convert(est)
    assert caught.value.parts == ["KNeighborsClassifier", "SVC"]
    est = ensemble.BaggingClassifier(near_by, n_estimators=3).fit(x, y)
    with pytest.raises(mdl.UnsupportedError, match="KNeighborsClassifier"):
        mdl.convert(est)
    est = ensemble.StackingClassifier([("t", tree.DecisionTreeClassifier())], cv=3,
                                      final_estimator=near_by).fit(x, y)
    with pytest.raises(mdl.UnsupportedError, match="KNeighborsClassifier"):
        mdl.convert(est)
    est = ensemble.GradientBoostingClassifier(n_estimators=2, init=near_by).fit(x, y)
    with pytest.raises(mdl.UnsupportedError, match="KNeighborsClassifier"):
        mdl.convert(est)


def test_votes_of_members_that_have_not_seen_every_class_are_refused():
    x, y = table("iris")
    base = pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.Perceptron())
    est = ensemble.BaggingClassifier(base, n_estimators=9, max_samples=3, random_state=0).fit(x, y)
    with pytest.raises(mdl.UnsupportedError, match="has not seen every class"):
        mdl.convert(est)
