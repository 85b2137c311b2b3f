# SPDX-License-Identifier: MIT
"""Pipelines of scikit-learn: scaling, imputing, selecting, joining; labels, names, golden rows;
and what is refused."""
import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn import (compose, decomposition, ensemble, feature_selection, impute,  # noqa: E402
                     linear_model, neural_network, pipeline, preprocessing, svm, tree)
from sklearn.exceptions import NotFittedError  # noqa: E402

import mdl  # noqa: E402
from sklearn_rows import VERSION, same_bits, same_labels, table  # noqa: E402

SPECIAL = [-0.0, 5e-324, 1e-310, 1e150, -1e150, 1.0, 0.1]


def odd_rows(x, seed=0, nan=True):
    random = np.random.default_rng(seed)
    odd = random.choice(SPECIAL + ([np.nan] if nan else []), size=(80, x.shape[1]))
    return np.concatenate([x, odd])


# ---- single steps: the same bits ----------------------------------------------------------------

SCALERS = [
    preprocessing.StandardScaler(), preprocessing.StandardScaler(with_mean=False),
    preprocessing.StandardScaler(with_std=False), preprocessing.MinMaxScaler(),
    preprocessing.MinMaxScaler(feature_range=(-2.5, 7), clip=True), preprocessing.MaxAbsScaler(),
    preprocessing.RobustScaler(), preprocessing.RobustScaler(with_centering=False),
    preprocessing.RobustScaler(with_scaling=False, quantile_range=(10, 80)),
]


@pytest.mark.parametrize("step", SCALERS, ids=str)
def test_scaled_tables_are_the_same_bits(step, proven):
    x, _ = table("breast_cancer", holes=0.1)
    x[:, 4] = 3.0                        # a constant column
    step.fit(x)
    rows = odd_rows(x)
    ours, theirs = mdl.convert(step).predict(rows), step.transform(rows)
    same_bits(ours + 0.0, theirs + 0.0)  # a clip at 0 may leave either zero
    proven("scikit-learn", type(step).__name__, len(rows), "same bits")


@pytest.mark.skipif(VERSION < (1, 8), reason="this option came later")
def test_a_max_abs_scaler_may_clip():
    x, _ = table("wine")
    step = preprocessing.MaxAbsScaler(clip=True).fit(x[:50])
    same_bits(mdl.convert(step).predict(odd_rows(x)), step.transform(odd_rows(x)))


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
@pytest.mark.filterwarnings("ignore:Skipping features")
def test_imputed_tables_are_the_same_bits(strategy, keep, proven):
    x, _ = table("wine", holes=0.2)
    x[:, 3] = np.nan                     # nothing to learn from
    step = impute.SimpleImputer(strategy=strategy, keep_empty_features=keep).fit(x)
    rows = odd_rows(x)
    ours, theirs = mdl.convert(step).predict(rows), step.transform(rows)
    assert ours.shape == theirs.shape
    same_bits(ours, theirs)
    proven("scikit-learn", "SimpleImputer", len(rows), "same bits")


@pytest.mark.parametrize("step", [
    feature_selection.VarianceThreshold(0.5), feature_selection.SelectKBest(k=4),
    feature_selection.SelectPercentile(percentile=30),
    feature_selection.SelectFromModel(tree.DecisionTreeClassifier(random_state=0))], ids=str)
def test_selected_columns_are_the_same(step):
    x, y = table("wine")
    step.fit(x, y)
    same_bits(mdl.convert(step).predict(x), step.transform(x))


# ---- several steps ------------------------------------------------------------------------------


def test_a_forest_behind_scaling_sees_the_same_float32_rows(proven):
    x, y = table("breast_cancer", holes=0.1)
    est = pipeline.Pipeline([
        ("fill", impute.SimpleImputer(strategy="median")), ("nothing", "passthrough"),
        ("inner", pipeline.make_pipeline(preprocessing.RobustScaler(), "passthrough",
                                         preprocessing.MinMaxScaler(clip=True))),
        ("pick", feature_selection.SelectKBest(k=12)), ("none", None),
        ("forest", ensemble.RandomForestClassifier(15, random_state=0))]).fit(x, y)
    model = mdl.convert(est)
    rows = odd_rows(x)
    same_bits(model.predict_proba(rows), est.predict_proba(rows))
    same_labels(model, est, rows)
    proven("scikit-learn", "Pipeline", len(rows), "imputer, scalers, forest: same bits")


def test_rows_beside_scaled_thresholds_take_the_same_side():
    x, y = table("iris")
    est = pipeline.make_pipeline(preprocessing.StandardScaler(),
                                 tree.DecisionTreeClassifier(random_state=0)).fit(x, y)
    scaler, one = est[0], est[-1].tree_
    rows = []
    for feature, threshold in zip(one.feature, one.threshold):
        if feature < 0:
            continue
        back = threshold * scaler.scale_[feature] + scaler.mean_[feature]
        near = [back]
        for side in (np.inf, -np.inf):
            step = back
            for _ in range(40):
                step = np.nextafter(step, side)
                near.append(step)
        for value in near:
            rows.append(x[len(rows) % len(x)].copy())
            rows[-1][feature] = value
    rows = np.array(rows)
    model = mdl.convert(est)
    same_bits(model.predict_proba(rows), est.predict_proba(rows))


def test_transformers_of_columns_are_joined_in_order(proven):
    pandas = pytest.importorskip("pandas")
    x, y = table("breast_cancer", holes=0.05)
    frame = pandas.DataFrame(x, columns=[f"c{i}" for i in range(30)])
    columns = compose.ColumnTransformer([
        ("scale", pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()),
         ["c5", "c1"]),
        ("keep", "passthrough", ["c9"]), ("drop", "drop", ["c10"]),
        ("fill", impute.SimpleImputer(strategy="median"), slice("c20", "c24"))],
        remainder=preprocessing.MinMaxScaler(), transformer_weights={"scale": 2.5})
    est = pipeline.make_pipeline(columns, impute.SimpleImputer(),
                                 ensemble.ExtraTreesClassifier(9, random_state=0)).fit(frame, y)
    for model in (mdl.convert(est), mdl.convert(est, sample=frame)):
        same_bits(model.predict_proba(frame), est.predict_proba(frame))
        assert model.feature_names == list(frame.columns)
    shuffled = frame[frame.columns[::-1]]
    same_bits(model.predict_proba(shuffled), est.predict_proba(frame))
    proven("scikit-learn", "ColumnTransformer", len(frame), "same bits")


def test_feature_unions_stand_side_by_side():
    x, y = table("wine")
    union = pipeline.FeatureUnion([("a", preprocessing.StandardScaler()), ("gone", "drop"),
                                   ("b", preprocessing.MinMaxScaler()), ("c", "passthrough")],
                                  transformer_weights={"b": 0.3})
    est = pipeline.make_pipeline(union, tree.DecisionTreeRegressor(random_state=0)).fit(x, y)
    same_bits(mdl.convert(est).predict(x), est.predict(x))
    same_bits(mdl.convert(union).predict(x), union.transform(x))


def test_a_float32_network_behind_a_scaler():
    x, y = table("wine")
    net = neural_network.MLPClassifier((9,), max_iter=20, random_state=0)
    est = pipeline.make_pipeline(preprocessing.StandardScaler(), net)
    with pytest.warns(Warning):
        est.fit(x.astype(np.float32), y)
    ours, theirs = mdl.convert(est).predict_proba(x), est.predict_proba(x.astype(np.float32))
    assert np.abs(ours - theirs).max() <= 1e-5


# ---- labels, names, metadata, golden rows -------------------------------------------------------


@pytest.mark.parametrize("classes", [
    ["no", "yes", "ünï"], [-7, 0, 1000], [1.0, 2.0, 5.0], [False, True, True],
    np.array([3, 1, 2], np.uint8), np.array(["a", "bb", "ccc"], object)], ids=repr)
def test_labels_keep_their_values_and_type(classes):
    x, y = table("iris")
    for est in (tree.DecisionTreeClassifier(max_depth=3), linear_model.RidgeClassifier()):
        est.fit(x, np.asarray(classes)[y])
        model = mdl.convert(est)
        ours, theirs = model.predict(x), est.predict(x)
        assert ours.dtype.kind == theirs.dtype.kind and ours.tolist() == theirs.tolist()
        assert model.classes.tolist() == est.classes_.tolist()
        assert mdl.Model.from_bytes(model.to_bytes()).predict(x).tolist() == theirs.tolist()


def test_a_model_says_where_it_comes_from():
    import sklearn

    x, y = table("diabetes")
    model = mdl.convert(ensemble.GradientBoostingRegressor(n_estimators=3, loss="huber").fit(x, y))
    assert model.metadata["source"] == "scikit-learn"
    assert model.metadata["source_version"] == sklearn.__version__
    assert model.metadata["source_kind"] == "GradientBoostingRegressor"
    assert model.metadata["objective"] == "huber"
    assert next(iter(model.outputs)) == "prediction"
    assert model.feature_names is None


def test_column_names_come_from_the_frame():
    pandas = pytest.importorskip("pandas")
    x, y = table("iris")
    frame = pandas.DataFrame(x, columns=["sepal length", "b", "ç", "d"])
    est = pipeline.make_pipeline("passthrough", preprocessing.StandardScaler(),
                                 linear_model.LogisticRegression()).fit(frame, y)
    model = mdl.convert(est)
    assert model.feature_names == list(frame.columns)
    assert np.abs(model.predict_proba(frame[frame.columns[::-1]])
                  - est.predict_proba(frame)).max() < 1e-14


def test_files_carry_what_the_source_answered():
    x, y = table("wine")
    est = ensemble.RandomForestClassifier(5, random_state=0).fit(x, y)
    for model in (mdl.convert(est), mdl.convert(est, sample=x[::9])):
        rows, answers = model.golden.inputs["x"], model.golden.outputs
        assert 8 <= len(rows) <= 32
        same_bits(answers["probability"], est.predict_proba(rows))
        assert (answers["leaf"] == est.apply(rows)).all()
        assert (est.classes_[answers["label"].ravel()] == est.predict(rows)).all()
        assert set(model.check().values()) == {0.0}
    assert (rows == x[::9]).all()


def test_made_up_golden_rows_reach_both_sides_and_holes():
    x, y = table("wine")
    rows = mdl.convert(tree.DecisionTreeRegressor(max_depth=4).fit(x, y)).golden.inputs["x"]
    assert len(np.unique(rows.round(3), axis=0)) == len(rows)
    assert np.isnan(rows).any()
    est = linear_model.Ridge().fit(x, y)
    assert not np.isnan(mdl.convert(est).golden.inputs["x"]).any()       # it takes none


def test_two_conversions_give_the_same_file():
    x, y = table("breast_cancer", holes=0.1)
    est = ensemble.HistGradientBoostingClassifier(max_iter=5).fit(x, y)
    assert mdl.convert(est).to_bytes() == mdl.convert(est).to_bytes()


def test_an_answer_that_differs_is_an_error_not_a_file(monkeypatch):
    x, y = table("iris")
    est = tree.DecisionTreeRegressor(max_depth=3).fit(x, y)
    monkeypatch.setattr(type(est), "predict", lambda self, X: np.zeros(len(X)) - 5)
    with pytest.raises(mdl.Error, match="output 'prediction', row 0, column 0"):
        mdl.convert(est)


def test_forests_with_threads_are_proven_in_order():
    x, y = table("digits")
    est = ensemble.RandomForestRegressor(40, n_jobs=2, random_state=0, max_depth=6).fit(x, y)
    model = mdl.convert(est, sample=x)
    est.n_jobs = 1
    same_bits(model.predict(x), est.predict(x))


def test_a_regressor_of_one_column_of_targets_keeps_its_shape():
    x, y = table("diabetes")
    est = linear_model.LinearRegression().fit(x, y.reshape(-1, 1))
    assert mdl.convert(est).predict(x).shape == est.predict(x).shape == (len(x), 1)


# ---- what is refused ----------------------------------------------------------------------------


class Mine(ensemble.RandomForestClassifier):
    def predict_proba(self, X):
        return super().predict_proba(X) ** 2


def test_every_unsupported_part_is_named_at_once():
    x, y = table("breast_cancer")
    est = pipeline.make_pipeline(
        decomposition.PCA(4), impute.SimpleImputer(missing_values=-1, add_indicator=True),
        preprocessing.StandardScaler(), preprocessing.PolynomialFeatures(), svm.SVC()).fit(x, y)
    with pytest.raises(mdl.UnsupportedError) as caught:
        mdl.convert(est)
    assert caught.value.parts == [
        "PCA", "SimpleImputer with missing_values=-1", "SimpleImputer with add_indicator=True",
        "PolynomialFeatures", "SVC"]
    assert all(part in str(caught.value) for part in caught.value.parts)


@pytest.mark.parametrize("make,said", [
    (lambda x, y: Mine(3).fit(x, y), r"Mine \(a subclass of RandomForestClassifier\)"),
    (lambda x, y: neural_network.MLPClassifier((3,), max_iter=2).fit(x, np.stack([y, 1 - y], 1)),
     "MLPClassifier with several labels a row"),
    (lambda x, y: linear_model.RidgeClassifier().fit(x, np.stack([y, 1 - y], axis=1)),
     "RidgeClassifier with several labels a row"),
    (lambda x, y: compose.ColumnTransformer([("p", decomposition.PCA(2), [0, 1, 2]),
                                             ("f", preprocessing.FunctionTransformer(abs), [3])]
                                            ).fit(x), "PCA; FunctionTransformer"),
    (lambda x, y: pipeline.make_pipeline("passthrough").fit(x), "without a step"),
], ids=["subclass", "multilabel", "ridge", "columns", "nothing"])
@pytest.mark.filterwarnings("ignore")
def test_what_is_not_covered_is_refused_by_name(make, said):
    x, y = table("breast_cancer")
    with pytest.raises(mdl.UnsupportedError, match=said):
        mdl.convert(make(x, y))


def test_an_estimator_that_was_not_fitted_says_so():
    for est in (ensemble.RandomForestClassifier(), linear_model.Ridge(),
                pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge())):
        with pytest.raises(NotFittedError):
            mdl.convert(est)
