# SPDX-License-Identifier: MIT
"""Histogram gradient boosting: float64 comparisons, missing values, categories.

Raw predictions must be the same bits, what comes behind a link function within 4 ULP.
"""
import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.ensemble import (HistGradientBoostingClassifier,  # noqa: E402
                              HistGradientBoostingRegressor)

import mdl  # noqa: E402
from sklearn_rows import (SPECIAL, VERSION, beside_float64, hard_rows, same_bits,  # noqa: E402
                          same_labels, shelves, table, with_nan, worst_ulp)

LINK_ULP = 4
ENCODES = VERSION >= (1, 4)      # an encoder numbers the categories first
needs_encoder = pytest.mark.skipif(not ENCODES, reason="before 1.4 categories are numbers")


def cells_of(est):
    cells = set()
    for iteration in est._predictors:
        for predictor in iteration:
            nodes = predictor.nodes
            inner = (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)
            cells |= set(zip(order_of(est)[nodes["feature_idx"][inner]].tolist(),
                             nodes["num_threshold"][inner].tolist()))
    return sorted(cells)


def order_of(est):
    """Column of x that each column of the trees is; the encoder puts categories first."""
    if getattr(est, "_preprocessor", None) is None:
        return np.arange(est.n_features_in_)
    return np.concatenate([np.flatnonzero(est.is_categorical_),
                           np.flatnonzero(~est.is_categorical_)])


def rows_for(est, x, special=SPECIAL):
    return with_nan(hard_rows(x, cells_of(est), beside_float64, special))


def raw(est, x):
    answer = np.asarray(est._raw_predict(x))
    return answer[:, 0] if answer.shape[1] == 1 else answer


def check_leaves(model, est, x):
    """The value of each leaf is what that tree alone predicts."""
    if getattr(est, "_preprocessor", None) is not None:
        inner = est._preprocess_X(x, reset=False)
    else:
        inner = np.asarray(x, np.float64)
    known, known_at = est._bin_mapper.make_known_categories_bitsets()
    trees = [p for iteration in est._predictors for p in iteration]
    leaves = model.apply(x)
    assert leaves.shape == (len(x), len(trees))
    for i, predictor in enumerate(trees):
        nodes = predictor.nodes[leaves[:, i]]
        assert nodes["is_leaf"].all()
        same_bits(nodes["value"].copy(), predictor.predict(inner, known, known_at, 1))


@pytest.mark.parametrize("params", [
    {"loss": "squared_error"}, {"loss": "absolute_error"}, {"loss": "poisson"},
    {"loss": "gamma"}, {"loss": "quantile", "quantile": 0.7}], ids=str)
def test_regressors_give_the_same_bits_before_the_link(params, proven):
    x, y = table("diabetes", holes=0.1)
    est = HistGradientBoostingRegressor(max_iter=30, max_leaf_nodes=19, **params).fit(x, y)
    model = mdl.convert(est)
    rows = rows_for(est, x, SPECIAL + [np.inf, -np.inf])
    same_bits(model.predict_raw(rows), raw(est, rows))
    worst = worst_ulp(model.predict(rows), est.predict(rows))
    assert worst <= (2 if params["loss"] in ("poisson", "gamma") else 0)
    check_leaves(model, est, rows)
    proven("scikit-learn", "HistGradientBoostingRegressor", len(rows),
           "raw predictions, leaves: same bits; behind exp within 2 ULP")


def test_a_baseline_of_negative_zero_is_zero_as_in_the_source():
    x, _ = table("iris")
    est = HistGradientBoostingRegressor(loss="quantile", quantile=0.2, max_iter=2)
    est.fit(x, np.where(x[:, 0] > 5, -0.0, 1))
    assert np.signbit(est._baseline_prediction).all()
    same_bits(mdl.convert(est).predict(x), est.predict(x))


@pytest.mark.parametrize("data,holes", [("breast_cancer", 0.1), ("breast_cancer", 0),
                                        ("iris", 0.1), ("digits", 0)])
def test_classifiers_give_the_same_margins(data, holes, proven):
    x, y = table(data, holes)
    est = HistGradientBoostingClassifier(max_iter=12, max_leaf_nodes=9, l2_regularization=0.3,
                                         random_state=0).fit(x, y)
    model = mdl.convert(est)
    rows = rows_for(est, x, SPECIAL + [np.inf, -np.inf])
    same_bits(model.predict_raw(rows), raw(est, rows))
    worst = worst_ulp(model.predict_proba(rows), est.predict_proba(rows))
    assert worst <= LINK_ULP
    same_labels(model, est, rows)
    check_leaves(model, est, rows)
    proven("scikit-learn", "HistGradientBoostingClassifier", len(rows),
           "margins, leaves: same bits; probabilities within 4 ULP")


def test_a_split_of_the_missing_from_all_others_holds_for_infinity():
    x = np.random.default_rng(0).normal(size=(400, 2))
    x[::2, 0] = np.nan
    y = np.isnan(x[:, 0]) * 10.0
    est = HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=1).fit(x, y)
    assert any(np.isinf(t) for _, t in cells_of(est))
    rows = np.array([[np.inf, 0], [-np.inf, 0], [np.nan, 0], [0, 0], [1e308, np.nan]])
    same_bits(mdl.convert(est).predict(rows), est.predict(rows))


# ---- categories ---------------------------------------------------------------------------------


def shop(numbers=True):
    """Breast cancer with columns 1 and 3 as 12 and 40 categories, holes everywhere."""
    x, y = table("breast_cancer", holes=0.08, seed=5)
    x[:, 1], x[:, 3] = shelves(x[:, 1], 12), shelves(x[:, 3], 40)
    return x, y


# Unknown, negative, fractional, beyond a byte.  Before 1.4 a code beyond 255 wraps around in
# a C cast that the language leaves undefined; ours count it as unknown.
STRANGERS = [-1.0, -0.5, -0.0, 0.5, 1.999, 11.0, 12.0, 31.0, 32.0, 39.0, 40.0, 254.0, 255.0,
             np.nan, 5e-324, -5e-324] + ([256.0, 257.0, 1e9, 2.0**32 + 1, 1e300] if ENCODES else [])


@pytest.mark.parametrize("kind", [HistGradientBoostingClassifier, HistGradientBoostingRegressor])
def test_known_unknown_and_odd_categories_take_the_same_side(kind, proven):
    x, y = shop()
    est = kind(categorical_features=[1, 3], max_iter=25, min_samples_leaf=3).fit(x, y)
    assert sum(p.nodes["is_categorical"].sum() for i in est._predictors for p in i) > 9
    model = mdl.convert(est)
    rows = rows_for(est, x)
    odd = np.repeat(rows[:40], len(STRANGERS), axis=0)
    odd[:, 1] = np.tile(STRANGERS, 40)
    other = odd.copy()
    other[:, 3] = np.tile(STRANGERS[::-1], 40)
    rows = np.concatenate([rows, odd, other])
    if not ENCODES:
        rows = rows[~(np.abs(rows[:, [1, 3]]) >= 256).any(axis=1)]
    same_bits(model.predict_raw(rows), raw(est, rows))
    check_leaves(model, est, rows)
    proven("scikit-learn", kind.__name__, len(rows), "with categories, leaves: same bits")


def test_categories_of_several_classes(proven):
    x, y = table("wine", holes=0.05)
    x[:, 4], x[:, 0] = shelves(x[:, 4], 9), shelves(x[:, 0], 5)
    est = HistGradientBoostingClassifier(categorical_features=[0, 4], max_iter=15,
                                         min_samples_leaf=2).fit(x, y)
    rows = rows_for(est, x)
    rows = rows[~(np.abs(rows[:, [0, 4]]) >= 256).any(axis=1)]
    model = mdl.convert(est)
    same_bits(model.predict_raw(rows), raw(est, rows))
    same_labels(model, est, rows)
    proven("scikit-learn", "HistGradientBoostingClassifier", len(rows),
           "with categories, leaves: same bits")


@needs_encoder
def test_categories_may_be_any_numbers():
    x, y = shop()
    x[:, 1] = x[:, 1] * 3.25 - 7.5            # negative and fractional categories
    x[:, 3] = 2.0**40 + x[:, 3]
    est = HistGradientBoostingClassifier(categorical_features=[1, 3], max_iter=15,
                                         min_samples_leaf=3).fit(x, y)
    rows = rows_for(est, x)
    between = np.repeat(rows[:30], 4, axis=0)
    between[:, 1] = np.tile([-7.5, -7.0, -4.25, np.nextafter(-4.25, 0)], 30)
    rows = np.concatenate([rows, between])
    same_bits(mdl.convert(est).predict_raw(rows), raw(est, rows))


@needs_encoder
def test_frames_of_text_and_number_categories_convert_and_predict():
    pandas = pytest.importorskip("pandas")
    x, y = shop()
    frame = pandas.DataFrame(x[:, :6], columns=["a", "shelf", "c", "code", "e", "f"])
    frame["shelf"] = pandas.Categorical([None if v != v else f"shelf {v:.0f}" for v in x[:, 1]])
    frame["code"] = pandas.Categorical([None if v != v else int(v) * 5 for v in x[:, 3]])
    est = HistGradientBoostingClassifier(categorical_features=["shelf", "code"], max_iter=20,
                                         min_samples_leaf=3).fit(frame, y)
    for model in (mdl.convert(est), mdl.convert(est, sample=frame)):
        codes = frame.copy()
        texts = est._preprocessor.named_transformers_["encoder"].categories_[0]
        position = {t: float(i) for i, t in enumerate(texts) if isinstance(t, str)}
        codes["shelf"] = [position.get(v, np.nan) for v in frame["shelf"]]
        codes["code"] = frame["code"].astype(float)
        same_bits(model.predict_raw(codes.to_numpy(np.float64)), raw(est, frame))
        same_bits(model.predict_raw(frame), raw(est, frame))
        same_labels(model, est, frame)


@needs_encoder
def test_an_unknown_text_is_missing():
    pandas = pytest.importorskip("pandas")
    x, y = table("iris")
    frame = pandas.DataFrame({"size": x[:, 2], "colour": np.array(["red", "green", "blue"])[y]})
    frame["colour"] = frame["colour"].astype("category")
    frame.loc[::5, "colour"] = np.nan
    est = HistGradientBoostingClassifier(categorical_features=["colour"], max_iter=10,
                                         min_samples_leaf=3).fit(frame, y)
    asked = pandas.DataFrame({"size": [1.5, 4.5, 6.0] * 3,
                              "colour": ["violet"] * 3 + [None] * 3 + ["red", "green", "blue"]})
    model = mdl.convert(est)
    same_bits(model.predict_raw(asked), raw(est, asked))
