# SPDX-License-Identifier: MIT
"""What LightGBM saved, converted and run here, against LightGBM itself.

Raw scores and leaf indices must be the same bits, what comes behind a link function within
2 ULP: on real rows, and on rows that stand exactly on a threshold, one ULP beside it, or on
any value that LightGBM treats in a way of its own.  The models of older versions lie in
tests/data/lightgbm_*; tests/data/make_lightgbm.py made them.
"""
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

lgb = pytest.importorskip("lightgbm")
from sklearn import datasets  # noqa: E402

import mdl  # noqa: E402
from hard_rows import hard_rows as shared_rows  # noqa: E402
from lightgbm_rows import TINY, hard_rows, splits  # noqa: E402

DATA = Path(__file__).resolve().parents[1] / "data"

# ---- how equal is equal ------------------------------------------------------------------------


def assert_same_bits(got, want):
    got, want = np.asarray(got), np.asarray(want)
    assert got.dtype == want.dtype and got.shape == want.shape
    same = got == want
    if got.dtype.kind == "f":
        same = (got.view(np.int64) == want.view(np.int64)) | (np.isnan(got) & np.isnan(want))
    assert same.all(), (f"{(~same).sum()} of {same.size} differ, the first at "
                        f"{np.argwhere(~same)[0]}: {got[~same][0]!r} for {want[~same][0]!r}")


def ulps(a, b):
    """How many doubles lie between two; 0 for NaN and NaN."""
    def place(v):
        bits = np.ascontiguousarray(v, np.float64).view(np.int64).astype(object)
        return np.where(bits < 0, -(bits & (2**63 - 1)), bits)
    distance = np.abs(place(a) - place(b))
    return np.where(np.isnan(a) & np.isnan(b), 0, distance).max() if a.size else 0


def converted(text, **options):
    return mdl.convert(text.encode() if isinstance(text, str) else text, **options)


def rows_for(text, x):
    thresholds = {}
    for column, threshold, category in splits(text):
        if not category:
            thresholds.setdefault(column, []).append(threshold)
    random = np.random.default_rng(11)
    return np.concatenate([hard_rows(text, x), shared_rows(x[:60].astype(float), thresholds,
                                                           random, per_column=9)])


@pytest.fixture
def agrees(proven):
    """agrees(kind, booster, x): all outputs of the converted text are what the booster gives; the
    rows count as proven for `kind` of model."""
    def check(kind, booster, x, text=None):
        text = text or booster.model_to_string()
        loaded = lgb.Booster(model_str=text)
        model = converted(text)
        rows = rows_for(text, x)

        def theirs(x, **what):
            return loaded.predict(x, num_threads=1, **what)

        raw = theirs(rows, raw_score=True)
        assert_same_bits(model.predict_raw(rows), raw)
        assert_same_bits(raw, booster.predict(rows, raw_score=True))
        leaf = theirs(rows, pred_leaf=True).reshape(len(rows), -1)
        assert_same_bits(model.apply(rows), leaf.astype(np.int32))
        got = model.predict(rows)
        assert ulps(got, theirs(rows)) <= 2
        one = np.concatenate([model.predict_raw(rows[i:i + 1]) for i in range(0, len(rows), 37)])
        assert_same_bits(one, raw[::37])
        with np.errstate(over="ignore"):
            narrow = rows.astype(np.float32)
        assert_same_bits(model.predict_raw(narrow), theirs(narrow, raw_score=True))
        if "probability" in model.outputs:
            both = np.column_stack([1 - got, got]) if got.ndim == 1 else got
            assert_same_bits(model.predict_proba(rows), both)
            top = np.nan_to_num(both, nan=-1).argmax(1)
            assert (model.predict(rows, output="label") == top).all()
        proven("LightGBM", kind, len(rows), "raw scores, leaves: same bits; predictions: 2 ULP")
        return model
    return check


# ---- data and models ---------------------------------------------------------------------------


def holes(x, seed=1, part=0.08):
    rng = np.random.default_rng(seed)
    x = x.astype(float).copy()
    x[rng.random(x.shape) < part] = np.nan
    x[rng.random(x.shape) < part] = 0
    return x


def train(params, x, y, rounds=12, **more):
    params = {"verbose": -1, "num_threads": 1, "num_leaves": 15, "min_data_in_leaf": 5, "seed": 3,
              "deterministic": True, **params}
    data = {k: more.pop(k) for k in ("group", "weight", "categorical_feature", "feature_name")
            if k in more}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lgb.train(params, lgb.Dataset(x, y, params={"verbose": -1}, **data), rounds,
                         **more)


@pytest.fixture(scope="module")
def cancer():
    d = datasets.load_breast_cancer()
    return holes(d.data), d.target


@pytest.fixture(scope="module")
def diabetes():
    d = datasets.load_diabetes()
    return holes(d.data * 100), d.target


@pytest.fixture(scope="module")
def digits():
    d = datasets.load_digits()
    return holes(d.data), d.target


@pytest.fixture(scope="module")
def mixed():
    """Two number columns and three of categories: few, 60, and one with large codes."""
    rng = np.random.default_rng(5)
    n = 1500
    few, many = rng.integers(0, 4, n), rng.integers(0, 60, n)
    large = rng.choice([3, 31, 32, 500, 1000], n)
    x = np.column_stack([rng.normal(size=n), few, many, large, rng.normal(size=n)]).astype(float)
    effect = rng.normal(size=60)
    y = x[:, 0] + effect[many] + (few == 2) * 2 + (large == 500) + rng.normal(size=n) * 0.1
    x[rng.random(x.shape) < 0.05] = np.nan
    return x, y


# ---- every objective ---------------------------------------------------------------------------

REGRESSIONS = ["regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape",
               "gamma", "tweedie", "cross_entropy_lambda"]


@pytest.mark.parametrize("objective", REGRESSIONS)
def test_regression_objectives(objective, diabetes, agrees):
    x, y = diabetes
    booster = train({"objective": objective}, x, y / y.max() if "entropy" in objective else y)
    model = agrees(objective, booster, x)
    assert model.metadata["objective"].split()[0] == objective
    assert model.metadata["source"] == "lightgbm"
    assert f"version={model.metadata['source_version']}\n" in booster.model_to_string()


@pytest.mark.parametrize("objective", ["regression", "regression_l1", "fair", "quantile", "mape",
                                       "huber", "poisson"])
def test_square_roots_are_squared_where_lightgbm_does(objective, diabetes, agrees):
    x, y = diabetes
    if objective == "regression":
        y = y - 150                   # of both signs
    agrees(f"{objective} with reg_sqrt", train({"objective": objective, "reg_sqrt": True}, x, y), x)


@pytest.mark.parametrize("sigmoid", [1, 0.7, 1.23457, 2e-05, 123.5])
def test_binary(sigmoid, cancer, agrees):
    x, y = cancer
    agrees("binary", train({"objective": "binary", "sigmoid": sigmoid}, x, y), x)


def test_cross_entropy(cancer, agrees):
    x, y = cancer
    agrees("cross_entropy", train({"objective": "cross_entropy"}, x, y * 0.8 + 0.1), x)


@pytest.mark.parametrize("params", [{"objective": "multiclass"},
                                    {"objective": "multiclassova", "sigmoid": 1.3}])
def test_many_classes(params, digits, agrees):
    x, y = digits
    agrees(params["objective"], train({"num_class": 10, **params}, x, y, 5), x)


@pytest.mark.skipif(not hasattr(lgb.Booster, "set_leaf_output"), reason="since LightGBM 4")
def test_cross_entropy_lambda_of_large_scores_is_infinite_as_in_lightgbm(diabetes, agrees):
    x, y = diabetes
    booster = train({"objective": "cross_entropy_lambda"}, x, y / y.max())
    booster.set_leaf_output(0, 0, 800.0)
    model = agrees("cross_entropy_lambda", booster, x)
    assert np.isinf(model.predict(x)).any()


@pytest.mark.parametrize("objective", ["lambdarank", "rank_xendcg"])
def test_ranking(objective, diabetes, agrees):
    x, y = diabetes
    agrees(objective, train({"objective": objective}, x[:440], (y[:440] / 80).astype(int),
                        group=[20] * 22), x)


@pytest.mark.parametrize("classes", [1, 3])
def test_a_function_of_the_users_own(classes, diabetes, agrees):
    x, y = diabetes

    def squared(raw, data):
        goal = data.get_label()[:, None] / 100
        g = raw.reshape(len(goal), -1) - goal
        return (g, np.ones_like(g)) if classes > 1 else (g[:, 0], np.ones(len(g)))

    params = {"objective": squared, "num_class": classes}
    if int(lgb.__version__.split(".")[0]) < 4:
        pytest.skip("custom objectives were passed otherwise")
    model = agrees("custom objective", train(params, x, y, 4), x)
    assert "probability" not in model.outputs


# ---- every kind of tree ------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{"boosting": "dart", "drop_rate": 0.5},
                                    {"boosting": "goss"},
                                    {"monotone_constraints": [1] + [0] * 9},
                                    {"extra_trees": True, "max_bin": 15}])
def test_ways_of_boosting(params, diabetes, agrees):
    x, y = diabetes
    booster = train({"objective": "regression", **params}, x, y, 20)
    agrees(f"regression, {next(iter(params))}", booster, x)


FOREST = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}


@pytest.mark.parametrize("params", [{"objective": "regression"}, {"objective": "poisson"},
                                    {"objective": "regression", "reg_sqrt": True}])
def test_random_forests_average_the_prediction_not_the_raw_score(params, diabetes, agrees):
    x, y = diabetes
    booster = train({**params, **FOREST}, x, y, 7)
    model = agrees(f"random forest, {params['objective']}", booster, x)
    if params == {"objective": "regression"}:
        assert_same_bits(model.predict(x), model.predict_raw(x) / 7)


def test_a_range_of_a_random_forest_is_averaged_over_its_own_length(diabetes):
    x, y = diabetes
    booster = train({"objective": "regression", **FOREST}, x, y, 7)
    model = mdl.convert(booster)
    for begin, end in ((0, 1), (0, 3), (2, 5), (6, 7)):
        assert_same_bits(model.predict(x, tree_range=(begin, end)),
                         booster.predict(x, start_iteration=begin, num_iteration=end - begin))


@pytest.mark.parametrize("objective", ["binary", "multiclass", "multiclassova"])
def test_random_forests_of_classes(objective, digits, cancer, agrees):
    x, y = cancer if objective == "binary" else digits
    classes = 1 if objective == "binary" else 10
    booster = train({"objective": objective, "num_class": classes, **FOREST}, x, y, 6)
    agrees(f"random forest, {objective}", booster, x)


@pytest.mark.parametrize("params", [{"use_missing": False}, {"zero_as_missing": True},
                                    {"use_missing": True}])
def test_kinds_of_missing(params, cancer, agrees):
    x, y = cancer
    booster = train({"objective": "binary", **params}, x, y)
    kinds = {int(d) >> 2 for line in booster.model_to_string().split("\n")
             if line.startswith("decision_type=") for d in line[14:].split()}
    assert kinds & {0 if not params.get("use_missing", True) else
                    1 if params.get("zero_as_missing") else 2}
    agrees(f"binary, {next(iter(params))}={next(iter(params.values()))}", booster, x)


def test_values_about_zero_under_zero_as_missing(agrees):
    rng = np.random.default_rng(2)
    x = rng.choice([0, 1e-36, -1e-36, TINY, -TINY, 2 * TINY, -2 * TINY, 1, -1, np.nan], (600, 4))
    y = np.nan_to_num(x).sum(1) + (x[:, 0] == 0) + np.isnan(x[:, 1]) + rng.normal(size=600) * .01
    for missing in (False, True):
        booster = train({"objective": "regression", "zero_as_missing": missing}, x, y)
        agrees("values about 1e-35", booster, x)


@pytest.mark.parametrize("params", [{}, {"max_cat_to_onehot": 60}, {"cat_smooth": 1, "cat_l2": 0},
                                    {"zero_as_missing": True}, {"use_missing": False}])
def test_categories(params, mixed, agrees):
    x, y = mixed
    booster = train({"objective": "regression", "min_data_per_group": 5, **params}, x, y,
                    categorical_feature=[1, 2, 3])
    assert any(category for _, _, category in splits(booster.model_to_string()))
    agrees("categories", booster, x)


@pytest.mark.parametrize("objective", ["regression", "binary"])
def test_linear_leaves(objective, diabetes, agrees):
    x, y = diabetes
    booster = train({"objective": objective, "linear_tree": True, "linear_lambda": 0.1,
                     "boosting": "gbdt"}, x, y if objective == "regression" else y > 150)
    assert "is_linear=1" in booster.model_to_string()
    agrees(f"linear leaves, {objective}", booster, x)


def test_linear_leaves_beside_categories(mixed, agrees):
    x, y = mixed
    booster = train({"objective": "regression", "linear_tree": True}, x, y,
                    categorical_feature=[1, 2])
    agrees("linear leaves and categories", booster, x)


def test_trees_of_one_leaf(diabetes, agrees):
    x, y = diabetes
    for params in ({}, {"linear_tree": True}, {"objective": "poisson"}):
        booster = train({"objective": "regression", "min_data_in_leaf": 400, **params}, x, y, 3)
        assert "num_leaves=1\n" in booster.model_to_string()
        agrees("trees of one leaf", booster, x)


def test_one_leaf_for_a_class_that_is_not_there(digits, agrees):
    x, y = digits
    keep = y != 3
    booster = train({"objective": "multiclass", "num_class": 10}, x[keep], y[keep], 3)
    agrees("multiclass with an empty class", booster, x)


def test_a_model_trained_further_refitted_and_saved_again(diabetes, agrees):
    x, y = diabetes
    first = train({"objective": "regression"}, x, y, 4)
    more = train({"objective": "regression"}, x, y, 4, init_model=first)
    agrees("trained further, refitted", more, x)
    agrees("trained further, refitted", more.refit(x, y * 2), x)
    again = lgb.Booster(model_str=more.model_to_string()).model_to_string()
    agrees("trained further, refitted", more, x, again)


def test_trees_of_many_leaves(digits, agrees):
    x, y = digits
    booster = train({"objective": "regression", "num_leaves": 600, "min_data_in_leaf": 1}, x, y, 3)
    agrees("trees of 600 leaves", booster, x)


# ---- the text and what it says -----------------------------------------------------------------


@pytest.fixture(scope="module")
def small(cancer):
    return train({"objective": "binary"}, *cancer, 3).model_to_string()


def test_windows_line_ends_blank_lines_and_a_final_zero_change_nothing(small, cancer):
    x = cancer[0]
    want = converted(small).predict_raw(x)
    assert_same_bits(converted(small.replace("\n", "\r\n")).predict_raw(x), want)
    assert_same_bits(converted(small + "\0").predict_raw(x), want)
    sizes = [line for line in small.split("\n") if line.startswith("tree_sizes=")][0]
    without = small.replace(sizes + "\n", "")
    assert_same_bits(converted(without).predict_raw(x), want)
    assert_same_bits(converted(without.replace("\n\n", "\n\n\n")).predict_raw(x), want)


def test_keys_that_older_files_lack_may_be_missing(small, cancer, agrees):
    x = cancer[0]
    want = converted(small).predict_raw(x)
    lines = [line for line in small.split("\n")
             if line.split("=")[0] not in ("tree_sizes", "is_linear", "leaf_weight", "split_gain",
                                           "internal_weight", "internal_value", "leaf_count",
                                           "internal_count", "shrinkage", "end of trees",
                                           "num_tree_per_iteration")]
    text = re.sub("version=v[34]", "version=v2", "\n".join(lines))
    text = text.replace("feature_importances:", "feature importances:")
    text = text[:text.index("\nparameters:")]
    model = agrees("text of version v2", lgb.Booster(model_str=text), x, text)
    assert_same_bits(model.predict_raw(x), want)
    assert model.metadata["source_version"] == "v2"


def test_best_iteration_cuts_and_ranges_select(digits):
    x, y = digits
    booster = train({"objective": "multiclass", "num_class": 10}, x, y, 6)
    text = booster.model_to_string()
    cut = converted(text, best_iteration=2)
    want = booster.predict(x, raw_score=True, num_iteration=3)
    assert_same_bits(cut.predict_raw(x), want)
    assert cut.metadata["best_iteration"] == "2"
    assert cut.outputs["leaf"].cols == 30
    assert_same_bits(converted(text).predict_raw(x, tree_range=(1, 4)),
                     booster.predict(x, raw_score=True, start_iteration=1, num_iteration=3))
    with pytest.raises(mdl.Error, match="best_iteration 6, the model has 6 iterations"):
        converted(text, best_iteration=6)


def test_names_with_blanks_and_letters_of_the_world(cancer, agrees):
    x, y = cancer
    names = ["größe", "two words", "年齢", "a=b"] + [f"c{i}" for i in range(x.shape[1] - 4)]
    booster = train({"objective": "binary"}, x, y, 3, feature_name=names)
    model = agrees("binary", booster, x)
    assert model.feature_names == booster.feature_name()
    assert model.feature_names[1] == "two_words"      # so saves LightGBM


# ---- columns of pandas -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frame():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(4)
    n = 500
    return pd.DataFrame({
        "size": rng.normal(size=n) * 10,
        "colour": pd.Categorical(rng.choice(["red", "größer", 'a "b"\\', ""], n)),
        "year": pd.Categorical(rng.choice([1999, 2004, -5], n)),
        "flag": pd.Categorical(rng.random(n) < 0.5),
        "rate": pd.Categorical(rng.choice([0.25, 1.5, 1e-7], n)),
        "count": rng.integers(5, 90, n),
    })


def codes(frame):
    def code(column):
        if str(column.dtype) != "category":
            return column.astype(float)
        return column.cat.codes.replace({-1: np.nan}).astype(float)
    return np.column_stack([code(frame[c]) for c in frame])


def test_categories_of_pandas_are_tied_to_their_columns(frame, agrees):
    y = frame["size"] + (frame["colour"] == "red") * 5 + (frame["year"] == 2004) * 3
    booster = train({"objective": "regression", "min_data_per_group": 5}, frame, y)
    model = agrees("categories of pandas", booster, codes(frame))
    assert model.feature_names == list(frame)
    assert model.categories == {i: list(frame[name].cat.categories) for i, name in
                                enumerate(frame) if str(frame[name].dtype) == "category"}
    assert [type(model.categories[i][0]) for i in (1, 2, 3, 4)] == [str, int, bool, float]
    assert "pandas_categorical" not in model.metadata
    assert_same_bits(model.predict_raw(frame), booster.predict(frame, raw_score=True))
    other = frame.assign(colour=frame["colour"].cat.set_categories(["red", "blue", ""]))
    assert_same_bits(model.predict_raw(other), booster.predict(other, raw_score=True))


def test_an_ordered_column_is_tied_when_only_one_fits(frame, agrees):
    pd = pytest.importorskip("pandas")
    some = frame[["size", "colour"]].copy()
    some["grade"] = pd.Categorical(np.random.default_rng(0).choice(list("abc"), len(some)),
                                   ordered=True)
    some["constant"] = pd.Categorical(["only"] * len(some))
    y = some["size"] + (some["grade"] == "b") * 9
    model = agrees("categories of pandas", train({"objective": "regression"}, some, y), codes(some))
    assert model.categories[2] == ["a", "b", "c"]
    assert model.categories[3] == ["only"]


def test_lists_that_could_belong_to_several_columns_stay_untied(frame, agrees):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    some = pd.DataFrame({"bit": rng.integers(0, 2, 500),
                         "grade": pd.Categorical(rng.choice(["lo", "hi"], 500), ordered=True)})
    y = some["bit"] + (some["grade"] == "lo") * 2
    model = agrees("categories of pandas", train({"objective": "regression"}, some, y), codes(some))
    assert model.categories == {}
    assert json.loads(model.metadata["pandas_categorical"]) == [["hi", "lo"]]


# ---- what is not supported says so -------------------------------------------------------------


def test_unknown_parts_are_named_all_at_once(small):
    text = re.sub("version=v[34]", "version=v9", small).replace(
        "objective=binary sigmoid:1", "objective=quantum").replace(
        "is_linear=0", "is_curved=1").replace("feature_infos=", "sorted\nfeature_infos=")
    with pytest.raises(mdl.UnsupportedError) as e:
        converted(text)
    for part in ("objective 'quantum'", "text version 'v9'", "'is_curved'", "'sorted'"):
        assert part in str(e.value)


def test_the_json_dump_is_refused_with_the_way_out(diabetes):
    booster = train({"objective": "regression"}, *diabetes, 2)
    with pytest.raises(mdl.UnsupportedError, match="save_model"):
        converted(json.dumps(booster.dump_model()))


# ---- models of older versions ------------------------------------------------------------------

STORED = sorted(DATA.glob("lightgbm_*/*.txt"))


def test_there_are_models_of_three_versions():
    assert {p.parent.name for p in STORED} == {"lightgbm_3.3", "lightgbm_4.3", "lightgbm_4.7"}


@pytest.mark.parametrize("path", STORED, ids=lambda p: f"{p.parent.name[9:]}-{p.stem}")
def test_stored_models_give_what_their_version_gave(path):
    stored = np.load(path.with_suffix(".npz"))
    model = converted(path.read_bytes())
    got = model.run({"x": stored["x"]}, ["raw", "leaf", "prediction"])
    assert_same_bits(got["raw"], stored["raw"])
    assert_same_bits(got["leaf"], stored["leaf"])
    assert ulps(got["prediction"], stored["prediction"]) <= 2
