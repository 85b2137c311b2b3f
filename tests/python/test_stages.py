# SPDX-License-Identifier: MIT
"""Ranges, stages, single trees and early stops beside what the frameworks answer."""
import itertools

import numpy as np
import pytest

import mdl

ROWS, ROUNDS = 300, 20
RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(ROWS, 6))
X[RANDOM.random(X.shape) < 0.03] = np.nan
SCORE = np.nan_to_num(X[:, 0] + X[:, 1] * X[:, 2])
TARGETS = {"regression": SCORE, "binary": (SCORE > 0).astype(int),
           "classes": np.digitize(SCORE, [-0.7, 0.7])}
RANGES = [(0, ROUNDS), (0, 1), (0, 7), (3, 4), (5, ROUNDS), (7, 15)]


def same(ours, theirs):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    np.testing.assert_array_equal(ours.reshape(theirs.shape), theirs)


def same_stages(ours, theirs):
    for one, other in itertools.zip_longest(ours, theirs):
        assert one is not None and other is not None
        same(one, other)


def adds_up(model, raw, **how):
    """From what the sums start from, tree by tree, in their own dtype."""
    trees = model.predict_trees(X, **how)
    same(np.cumsum(trees, axis=1, dtype=trees.dtype)[:, -1], raw)


# ---- XGBoost ---------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["regression", "binary", "classes", "dart", "forest"])
def xgboost_model(request):
    xgboost = pytest.importorskip("xgboost")
    kind = request.param if request.param in TARGETS else "regression"
    params = {"max_depth": 3, "nthread": 1, "objective": {"regression": "reg:squarederror",
                                            "binary": "binary:logistic",
                                            "classes": "multi:softprob"}[kind]}
    if kind == "classes":
        params["num_class"] = 3
    if request.param == "dart":
        params.update(booster="dart", rate_drop=0.3, seed=1)
    if request.param == "forest":
        params.update(num_parallel_tree=3, subsample=0.5)
    rows = xgboost.DMatrix(X)
    booster = xgboost.train(params, xgboost.DMatrix(X, TARGETS[kind]), ROUNDS)

    def ask(begin, end, margin=True):
        return booster.predict(rows, output_margin=margin, iteration_range=(begin, end))

    return mdl.convert(booster), ask


@pytest.mark.parametrize("begin, end", RANGES)
def test_xgboost_iteration_range(xgboost_model, begin, end):
    model, ask = xgboost_model
    assert model.iterations == ROUNDS
    same(model.predict_raw(X, tree_range=(begin, end)), ask(begin, end))
    adds_up(model, ask(begin, end), tree_range=(begin, end))


@pytest.mark.parametrize("every", [1, 6, ROUNDS, 99])
def test_xgboost_stages(xgboost_model, every):
    model, ask = xgboost_model
    ends = [*range(every, ROUNDS, every), ROUNDS]
    same_stages(model.staged_predict_raw(X, every), (ask(0, end) for end in ends))
    for ours, end in zip(model.staged_predict(X, every), ends):
        np.testing.assert_allclose(ours, ask(0, end, margin=False), rtol=1e-6)


# ---- LightGBM --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[
    (objective, boosting) for objective in ("regression", "binary", "multiclass", "multiclassova",
                                            "lambdarank")
    for boosting in ("gbdt", "rf")] + [("binary", "dart"), ("regression", "linear")], ids="-".join)
def lightgbm_model(request):
    lightgbm = pytest.importorskip("lightgbm")
    objective, boosting = request.param
    y = TARGETS["classes" if objective.startswith("multi") else
                "binary" if objective in ("binary", "lambdarank") else "regression"]
    params = {"objective": objective, "num_leaves": 7, "verbose": -1, "num_threads": 1,
              "min_data_in_leaf": 5, "boosting": boosting if boosting != "linear" else "gbdt",
              "linear_tree": boosting == "linear", "bagging_fraction": 0.6, "bagging_freq": 1}
    if objective.startswith("multi"):
        params["num_class"] = 3
    data = lightgbm.Dataset(X, y)
    if objective == "lambdarank":
        data.set_group([30] * (ROWS // 30))
    booster = lightgbm.train(params, data, ROUNDS)
    return mdl.convert(booster), objective, booster


@pytest.mark.parametrize("begin, end", RANGES)
def test_lightgbm_start_and_num_iteration(lightgbm_model, begin, end):
    """The average of a forest is that of the range; what boosting starts from is in tree 0."""
    model, _, booster = lightgbm_model
    how = dict(start_iteration=begin, num_iteration=end - begin)
    raw = booster.predict(X, raw_score=True, **how)
    same(model.predict_raw(X, tree_range=(begin, end)), raw)
    np.testing.assert_allclose(model.predict(X, tree_range=(begin, end)),
                               booster.predict(X, **how), rtol=1e-13)
    adds_up(model, raw, tree_range=(begin, end))


@pytest.mark.parametrize("every", [1, 6])
def test_lightgbm_stages(lightgbm_model, every):
    model, _, booster = lightgbm_model
    counts = [*range(every, ROUNDS - 2, every), ROUNDS - 2]
    for raw in (True, False):
        ours = (model.staged_predict_raw if raw else model.staged_predict)(
            X, every, tree_range=(2, ROUNDS))
        for one, n in itertools.zip_longest(ours, counts):
            theirs = booster.predict(X, raw_score=raw, start_iteration=2, num_iteration=n)
            np.testing.assert_allclose(one, theirs, rtol=0 if raw else 1e-13)


def test_lightgbm_pred_early_stop(lightgbm_model):
    model, objective, booster = lightgbm_model
    for freq, margin in itertools.product([1, 3, 10, 50], [0, 0.2, 1.0, 2.5, 100.0]):
        how = dict(pred_early_stop=True, pred_early_stop_freq=freq, pred_early_stop_margin=margin)
        stop = dict(early_stop=(freq, margin))
        if objective == "regression":
            with pytest.raises(mdl.UnsupportedError, match="every tree counts"):
                model.predict(X, **stop)
            same(booster.predict(X, **how), booster.predict(X))      # the source does not stop
            continue
        same(model.predict_raw(X, threads=1 + freq % 2, **stop),
             booster.predict(X, raw_score=True, **how))
        np.testing.assert_allclose(model.predict(X, **stop), booster.predict(X, **how), rtol=1e-13)
        same(model.predict_raw(X, tree_range=(4, 17), **stop),
             booster.predict(X, raw_score=True, start_iteration=4, num_iteration=13, **how))


def test_lightgbm_pred_early_stop_of_many_rows(lightgbm_model):
    """Those that go on do so together: half of them, then a few."""
    model, objective, booster = lightgbm_model
    many = X[np.random.default_rng(8).integers(0, ROWS, 2600)]
    for freq, margin in itertools.product([1, 3], [0.2, 1.0, 2.5]):
        if objective != "regression":
            same(model.predict_raw(many, early_stop=(freq, margin)),
                 booster.predict(many, raw_score=True, pred_early_stop=True,
                                 pred_early_stop_freq=freq, pred_early_stop_margin=margin))


def test_every_engine_stops_and_goes_on_alike(lightgbm_model):
    model, objective, _ = lightgbm_model
    for engine in ("plain", "row", "block", "planes", "deep"):
        other = mdl.load(model.to_bytes(), engine=engine)
        for n in (1, 5, 40, ROWS):
            same_stages(other.staged_predict_raw(X[:n], 9),
                        (stage[:n] for stage in model.staged_predict_raw(X, 9)))
        if objective != "regression":
            same(other.predict_raw(X, early_stop=(3, 0.5)), model.predict_raw(X, early_stop=(3, 0.5)))


# ---- CatBoost --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[(kind, policy) for kind in TARGETS
                                        for policy in ("SymmetricTree", "Lossguide")], ids="-".join)
def catboost_model(request):
    catboost = pytest.importorskip("catboost")
    kind, policy = request.param
    make = catboost.CatBoostRegressor if kind == "regression" else catboost.CatBoostClassifier
    est = make(iterations=ROUNDS, depth=3, grow_policy=policy, verbose=0, thread_count=1,
               allow_writing_files=False).fit(X, TARGETS[kind] + (5.0 if kind == "regression" else 0))
    return mdl.convert(est), est


def margin(est, **how):
    return est.predict(X, prediction_type="RawFormulaVal", **how)


@pytest.mark.parametrize("begin, end", RANGES)
def test_catboost_ntree_start_and_end(catboost_model, begin, end):
    """The bias belongs to the first tree."""
    model, est = catboost_model
    raw = margin(est, ntree_start=begin, ntree_end=end)
    same(model.predict_raw(X, tree_range=(begin, end)), raw)
    trees = model.predict_trees(X, tree_range=(begin, end)).sum(axis=1)
    scale, bias = est.get_scale_and_bias()
    np.testing.assert_allclose(trees * scale + (np.asarray(bias) if begin == 0 else 0), raw,
                               rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("begin, every", [(0, 1), (0, 6), (3, 7)])
def test_catboost_stages(catboost_model, begin, every):
    """Ours are predict with ntree_end; staged_predict adds blocks of trees up, and differs from
    that in the last bits."""
    model, est = catboost_model
    ours = list(model.staged_predict_raw(X, every, tree_range=(begin, ROUNDS)))
    ends = [*range(begin + every, ROUNDS, every), ROUNDS]
    same_stages(ours, (margin(est, ntree_start=begin, ntree_end=end) for end in ends))
    theirs = list(est.staged_predict(X, prediction_type="RawFormulaVal", ntree_start=begin,
                                     ntree_end=ROUNDS, eval_period=every))
    assert len(theirs) == len(ours)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_explanations_of_a_range_have_the_bias_of_the_first_tree_alone(catboost_model):
    model, _ = catboost_model
    for begin in (0, 4):
        values = np.asarray(model.explain(X[:20], tree_range=(begin, 9)))
        np.testing.assert_allclose(values.sum(axis=1), model.predict_raw(X[:20], tree_range=(begin, 9)),
                                   rtol=1e-9, atol=1e-9)


# ---- scikit-learn ----------------------------------------------------------------------------


def fitted(name, kind):
    ensemble = pytest.importorskip("sklearn.ensemble")
    hist = name.startswith("Hist")
    few = {"max_iter": 6, "max_leaf_nodes": 5} if hist else {"n_estimators": ROUNDS}
    est = getattr(ensemble, name)(random_state=0, **few)
    return est.fit(X if hist else np.nan_to_num(X), TARGETS[kind])


@pytest.mark.parametrize("name, kind", [
    ("GradientBoostingRegressor", "regression"), ("GradientBoostingClassifier", "binary"),
    ("GradientBoostingClassifier", "classes"), ("HistGradientBoostingRegressor", "regression"),
    ("HistGradientBoostingClassifier", "binary"), ("HistGradientBoostingClassifier", "classes")])
def test_sklearn_stages(name, kind):
    est = fitted(name, kind)
    model, x = mdl.convert(est), X if name.startswith("Hist") else np.nan_to_num(X)
    same_stages(model.staged_predict(x), est.staged_predict(x))
    if kind == "regression":
        return
    same_stages(model.staged_predict_raw(x), est.staged_decision_function(x))
    for ours, theirs in itertools.zip_longest(model.staged_predict_proba(x),
                                              est.staged_predict_proba(x)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    trees = model.predict_trees(x)
    same(np.cumsum(trees, axis=1)[:, -1], est.decision_function(x))


def test_sklearn_stages_from_an_estimator_of_their_own():
    ensemble = pytest.importorskip("sklearn.ensemble")
    from sklearn.linear_model import LinearRegression

    x = np.nan_to_num(X)
    est = ensemble.GradientBoostingRegressor(n_estimators=9, init=LinearRegression()).fit(x, SCORE)
    model = mdl.convert(est)
    assert model.iterations == 9
    for ours, theirs in itertools.zip_longest(model.staged_predict(x), est.staged_predict(x)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["AdaBoostClassifier", "AdaBoostRegressor"])
def test_weights_that_are_part_of_the_whole_have_no_stages(name):
    model = mdl.convert(fitted(name, "binary"))
    whole = "median" if name.endswith("Regressor") else "mean"
    with pytest.raises(mdl.UnsupportedError, match=f"{name} has no stages here: each would be a {whole}"):
        model.staged_predict(np.nan_to_num(X))


def test_an_isolation_forest_has_one_round():
    ensemble = pytest.importorskip("sklearn.ensemble")
    model = mdl.convert(ensemble.IsolationForest(n_estimators=7, random_state=0).fit(np.nan_to_num(X)))
    assert model.iterations == 1
    with pytest.raises(mdl.Error, match="the model has 1"):
        model.predict(np.nan_to_num(X), tree_range=(0, 3))


# ---- ours ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    lightgbm = pytest.importorskip("lightgbm")
    return mdl.convert(lightgbm.train({"objective": "binary", "verbose": -1},
                                      lightgbm.Dataset(X, TARGETS["binary"]), ROUNDS))


def test_stages_are_made_as_they_are_asked_for(small, monkeypatch):
    """With room for few at a time the same come out."""
    whole = list(small.staged_predict_raw(X, 3))
    monkeypatch.setattr(mdl._stages, "ROOM", 2 * 8 * ROWS)
    same_stages(small.staged_predict_raw(X, 3), whole)
    assert len(whole) == 7 and whole[0].shape == (ROWS,)
    first = next(small.staged_predict_raw(X, 3))
    same(first, whole[0])


def test_sparse_rows_and_frames_have_stages(small):
    sparse = pytest.importorskip("scipy.sparse")
    pandas = pytest.importorskip("pandas")
    rows = np.where(RANDOM.random(X.shape) < 0.5, 0, np.nan_to_num(X))
    want = list(small.staged_predict(rows, 5))
    same_stages(small.staged_predict(sparse.csr_matrix(rows), 5), want)
    same_stages(small.staged_predict(pandas.DataFrame(rows, columns=[f"Column_{i}" for i in range(6)]),
                                     5), want)
    same(small.predict_trees(sparse.csr_matrix(rows)), small.predict_trees(rows))
    assert [len(stage) for stage in small.staged_predict(rows[:0], 10)] == [0, 0]


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, 2**64])
def test_no_number_of_rounds_is_refused_at_once(small, bad):
    with pytest.raises(mdl.DataError, match="every"):
        small.staged_predict(X, bad)


@pytest.mark.parametrize("bad", [5, (1,), (0, 1.0), (5, "x"), (2.5, 1), (1, 2, 3), "ab"])
def test_what_is_no_early_stop_is_refused(small, bad):
    with pytest.raises(mdl.DataError, match="early_stop"):
        small.predict(X, early_stop=bad)


@pytest.mark.parametrize("margin", [-1.0, float("nan")])
def test_a_margin_below_0_is_refused(small, margin):
    with pytest.raises(mdl.Error, match="stop_margin"):
        small.predict(X, early_stop=(5, margin))


def test_what_has_no_stages_says_so(small):
    with pytest.raises(mdl.UnsupportedError, match="leaf"):
        small.staged_predict(X, output="leaf")
    with pytest.raises(mdl.DataError, match="the model has 20"):
        small.staged_predict(X, tree_range=(0, 21))
    linear = mdl.convert(pytest.importorskip("sklearn.linear_model").LinearRegression().fit(
        np.nan_to_num(X), SCORE))
    assert linear.iterations == 0
    for call in (linear.staged_predict, linear.predict_trees):
        with pytest.raises(mdl.UnsupportedError, match="exactly one tree ensemble"):
            call(np.nan_to_num(X))
