# SPDX-License-Identifier: MIT
"""Importances of columns beside the frameworks' own numbers."""
import numpy as np
import pytest

import mdl

ROWS, COLS, ROUNDS = 400, 7, 15
RANDOM = np.random.default_rng(8)
X = RANDOM.normal(size=(ROWS, COLS))
SCORE = X[:, 0] + X[:, 1] * X[:, 2] + 0.2 * X[:, 4]
CLASSES = np.digitize(SCORE, [-0.7, 0.7])
KINDS = ("gain", "weight", "cover", "total_gain", "total_cover")


def same(ours, theirs):
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == np.asarray(theirs).dtype


# ---- XGBoost ---------------------------------------------------------------------------------


def are_scores_of(model, booster):
    """get_score leaves out columns without a split."""
    ours = model.importances()
    assert tuple(ours) == KINDS
    for kind in KINDS:
        theirs = np.zeros(model.n_features)
        names = booster.feature_names or [f"f{i}" for i in range(model.n_features)]
        for name, score in booster.get_score(importance_type=kind).items():
            theirs[names.index(name)] = score
        same(ours[kind], theirs)


@pytest.mark.parametrize("params", [
    {}, {"booster": "dart", "rate_drop": 0.4}, {"num_parallel_tree": 3, "subsample": 0.5},
    {"objective": "multi:softprob", "num_class": 3}, {"grow_policy": "lossguide", "max_leaves": 30},
    {"max_depth": 9, "min_child_weight": 0.1}, {"gamma": 1e9}], ids=str)
def test_xgboost_get_score_is_the_same_number_for_every_kind(params):
    xgboost = pytest.importorskip("xgboost")
    y = CLASSES if "num_class" in params else SCORE
    booster = xgboost.train({"max_depth": 4, "nthread": 1, **params}, xgboost.DMatrix(X, y), ROUNDS)
    are_scores_of(mdl.convert(booster), booster)
    for file in ("json", "ubj"):
        are_scores_of(mdl.convert(bytes(booster.save_raw(file))), booster)


def test_coefficients_are_the_weights_of_gblinear():
    xgboost = pytest.importorskip("xgboost")
    rows = np.column_stack([X, np.zeros(ROWS)])           # of which nothing is learnt
    est = xgboost.XGBRegressor(booster="gblinear", n_estimators=ROUNDS, n_jobs=1).fit(rows, SCORE)
    booster = est.get_booster()
    for model in (mdl.convert(est), mdl.convert(booster), mdl.convert(bytes(booster.save_raw("ubj")))):
        ours = model.importances()
        assert tuple(ours) == ("weight",)
        same(ours["weight"], np.array(list(booster.get_score(importance_type="weight").values())))
        same(model.feature_importances_, est.feature_importances_)
    est = xgboost.XGBClassifier(booster="gblinear", n_estimators=3, n_jobs=1).fit(rows, CLASSES)
    with pytest.raises(mdl.UnsupportedError, match="no importances"):       # it has one for each class
        mdl.convert(est).importances()


def test_xgboost_of_vector_leaves_and_categories():
    xgboost = pytest.importorskip("xgboost")
    pandas = pytest.importorskip("pandas")
    both = xgboost.train({"multi_strategy": "multi_output_tree", "max_depth": 3},
                         xgboost.DMatrix(X, np.stack([SCORE, X[:, 3]], axis=1)), 4)
    try:
        both.get_score(importance_type="gain")
        are_scores_of(mdl.convert(both), both)
    except xgboost.core.XGBoostError:
        pass                               # not of this version
    frame = pandas.DataFrame(X, columns=list("abcdefg"))
    frame["c"] = pandas.Categorical(CLASSES)
    booster = xgboost.train({"max_cat_to_onehot": 1}, xgboost.DMatrix(frame, SCORE,
                                                                      enable_categorical=True), 5)
    are_scores_of(mdl.convert(booster), booster)


def test_xgboost_scores_are_of_all_trees_also_those_behind_the_best():
    xgboost = pytest.importorskip("xgboost")
    est = xgboost.XGBClassifier(n_estimators=50, early_stopping_rounds=4, learning_rate=0.8, n_jobs=1)
    est.fit(X[:200], CLASSES[:200], eval_set=[(X[200:], CLASSES[200:])], verbose=False)
    model = mdl.convert(est)
    assert model.iterations == est.best_iteration + 1 < est.get_booster().num_boosted_rounds()
    are_scores_of(model, est.get_booster())
    same(model.feature_importances_, est.feature_importances_)


# ---- LightGBM --------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", ["regression", "multiclass"])
@pytest.mark.parametrize("boosting", ["gbdt", "rf", "dart"])
def test_lightgbm_feature_importance_is_the_same_number(objective, boosting):
    lightgbm = pytest.importorskip("lightgbm")
    params = {"objective": objective, "boosting": boosting, "verbose": -1, "num_leaves": 12,
              "num_threads": 1, "bagging_fraction": 0.5, "bagging_freq": 1}
    if objective == "multiclass":
        params["num_class"] = 3
    y = CLASSES if objective == "multiclass" else SCORE
    booster = lightgbm.train(params, lightgbm.Dataset(X, y), ROUNDS)
    ours = mdl.convert(booster).importances()
    assert tuple(ours) == ("split", "gain")
    for kind in ours:
        same(ours[kind], booster.feature_importance(kind).astype(np.float64))
    text = booster.model_to_string()                     # six digits of each gain
    read = lightgbm.Booster(model_str=text)
    for best in (None, 4):
        ours = mdl.convert(text.encode(), best_iteration=best).importances()
        for kind in ours:
            same(ours[kind], read.feature_importance(
                kind, iteration=None if best is None else best + 1).astype(np.float64))


def test_lightgbm_without_gains_has_no_importances():
    lightgbm = pytest.importorskip("lightgbm")
    text = lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, SCORE), 3).model_to_string()
    lines = [line for line in text.split("\n")
             if not line.startswith(("split_gain=", "tree_sizes="))]
    with pytest.raises(mdl.UnsupportedError, match="no importances"):
        mdl.convert("\n".join(lines).encode()).importances()


def test_the_default_of_a_lightgbm_wrapper_is_its_own():
    lightgbm = pytest.importorskip("lightgbm")
    est = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1, n_jobs=1).fit(X, SCORE)
    same(mdl.convert(est).feature_importances_, est.feature_importances_)


# ---- CatBoost --------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["SymmetricTree", "Lossguide"])
@pytest.mark.parametrize("loss", ["RMSE", "MultiClass"])
def test_catboost_prediction_values_change(loss, policy):
    catboost = pytest.importorskip("catboost")
    est = catboost.CatBoost({"loss_function": loss, "iterations": ROUNDS, "depth": 3, "verbose": 0,
                             "grow_policy": policy, "thread_count": 1, "allow_writing_files": False})
    est.fit(X, SCORE if loss == "RMSE" else CLASSES)
    model = mdl.convert(est)
    assert tuple(model.importances()) == ("PredictionValuesChange",)
    same(model.feature_importances_, est.get_feature_importance())


@pytest.mark.parametrize("params", [
    {}, {"grow_policy": "Depthwise"}, {"grow_policy": "Lossguide"}, {"one_hot_max_size": 50},
    {"max_ctr_complexity": 3, "depth": 5}, {"loss_function": "MultiClass"}], ids=str)
def test_files_of_catboost_have_them_within_rounding(params, tmp_path):
    catboost = pytest.importorskip("catboost")
    rows = np.empty((ROWS, COLS + 2), object)
    rows[:, :COLS] = X
    rows[:, COLS] = RANDOM.integers(0, 5, ROWS).astype(str)
    rows[:, COLS + 1] = RANDOM.integers(0, 3, ROWS).astype(str)
    y = CLASSES if "loss_function" in params else (SCORE + (rows[:, COLS] == "2") > 0).astype(int)
    pool = catboost.Pool(rows, y, cat_features=[COLS, COLS + 1])
    est = catboost.CatBoost({"loss_function": "Logloss", "iterations": ROUNDS, "depth": 4, "verbose": 0,
                             "thread_count": 1, "allow_writing_files": False, **params}).fit(pool)
    want = est.get_feature_importance(type="PredictionValuesChange")
    for file, how in (("model.cbm", {}), ("model.json", {"format": "json", "pool": pool})):
        est.save_model(str(tmp_path / file), **how)
        ours = mdl.convert(tmp_path / file).importances()
        assert tuple(ours) == ("PredictionValuesChange",)
        np.testing.assert_allclose(ours["PredictionValuesChange"], want, rtol=1e-12, atol=1e-12)
    assert (want > 0).sum() > 4


# ---- scikit-learn ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [
    "RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "AdaBoostClassifier",
    "GradientBoostingClassifier", "GradientBoostingRegressor"])
def test_sklearn_impurities(name):
    ensemble = pytest.importorskip("sklearn.ensemble")
    est = getattr(ensemble, name)(n_estimators=6, random_state=0)
    model = mdl.convert(est.fit(X, SCORE if name.endswith("Regressor") else CLASSES))
    same(model.importances()["impurity"], est.feature_importances_)
    same(model.feature_importances_, est.feature_importances_)


def test_a_pipeline_has_them_by_the_columns_of_x():
    pytest.importorskip("sklearn")
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_selection import SelectKBest
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    forest = RandomForestClassifier(5, random_state=0)
    est = make_pipeline(SimpleImputer(), StandardScaler(), SelectKBest(k=3), forest).fit(X, CLASSES)
    want = np.zeros(COLS)
    want[est[-2].get_support()] = est[-1].feature_importances_
    same(mdl.convert(est).importances()["impurity"], want)

    turned = ColumnTransformer([("a", "passthrough", [5, 2]), ("b", StandardScaler(), [0, 1])])
    est = make_pipeline(turned, forest).fit(X, CLASSES)
    want = np.zeros(COLS)
    want[[5, 2, 0, 1]] = est[-1].feature_importances_
    same(mdl.convert(est).importances()["impurity"], want)

    twice = ColumnTransformer([("a", "passthrough", [1, 2]), ("b", StandardScaler(), [0, 1])])
    with pytest.raises(mdl.UnsupportedError, match="no importances"):
        mdl.convert(make_pipeline(twice, forest).fit(X, CLASSES)).importances()


@pytest.mark.parametrize("name", ["HistGradientBoostingRegressor", "IsolationForest"])
def test_what_has_none_says_so(name):
    ensemble = pytest.importorskip("sklearn.ensemble")
    few = {"max_iter": 2} if name.startswith("Hist") else {"n_estimators": 2}
    model = mdl.convert(getattr(ensemble, name)(random_state=0, **few).fit(X[:60], SCORE[:60]))
    for ask in (model.importances, lambda: model.feature_importances_):
        with pytest.raises(mdl.UnsupportedError, match="no importances"):
            ask()


# ---- ours ------------------------------------------------------------------------------------


def test_importances_stay_with_the_file():
    builder = mdl.Builder()
    x = builder.input("x", 2, 3)
    builder.output("y", 1, x)
    builder.importances({"one": [0, 0.5, 0], "two": np.array([1, 0, 0])})
    model = builder.to_model()
    again = mdl.Builder.from_model(mdl.load(model.to_bytes())).to_model()
    for ours in (model, again):
        assert list(ours.importances()) == ["one", "two"]
        np.testing.assert_array_equal(ours.importances()["one"], [0, 0.5, 0])
        np.testing.assert_array_equal(ours.importances()["two"], [1, 0, 0])
    assert again.to_bytes() == model.to_bytes()
    builder.importances({"three": [7]}, columns=[2])
    np.testing.assert_array_equal(builder.to_model().feature_importances_, [0, 0, 7])


@pytest.mark.parametrize("values, columns", [
    ([1, 2, 3, 4], None), ([1, 2], [0]), ([1, 2], [1, 0]), ([1, 2], [0, 3]), ([1, 2], [0, -1]),
    ([1, 2], [0.0, 0.5])])
def test_importances_of_columns_that_are_not_there_are_refused(values, columns):
    builder = mdl.Builder()
    builder.output("y", 1, builder.input("x", 2, 3))
    with pytest.raises(mdl.Error):
        builder.importances({"one": values}, columns)
