# SPDX-License-Identifier: MIT
"""Models of YDF, converted and run here, against its own engines.

Models and answers lie in tests/data/ydf_*; tests/data/make_ydf.py made them.  Sums, leaves and
what no link follows must be the same bits, the rest within 2 ULP.  Where YDF itself is installed
live models are converted, too.
"""
from pathlib import Path

import numpy as np
import pytest

import mdl

DATA = Path(__file__).resolve().parents[1] / "data"
NEWEST = DATA / "ydf_0.16"
MODELS = sorted(path for folder in DATA.glob("ydf_*") for path in folder.glob("*.npz"))
LINKED = ("binary", "binary_deep", "focal", "classes", "poisson", "poisson_deep", "isolation",
          "isolation_all")


def source_of(answers):
    path = answers.with_suffix("")
    return path if path.is_dir() else path.with_suffix(".ydf")


def same_bits(got, want):
    assert got.dtype == want.dtype and got.shape == want.shape
    same = got.view(f"u{got.itemsize}") == want.view(f"u{got.itemsize}")
    assert same.all(), (np.argwhere(~same)[0], got[~same][0], want[~same][0])


@pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_models_give_the_bits_of_ydf(path):
    answers = np.load(path)
    model = mdl.convert(source_of(path))
    ours = model.run({"x": answers["X"]})
    want = answers["prediction"].reshape(len(answers["X"]), -1)
    if path.stem not in LINKED:
        same_bits(ours["prediction"], want)
    near = np.abs(ours["prediction"] - want) <= 4 * np.spacing(np.abs(want))
    assert near.all()
    if "raw" in answers:
        raw = answers["raw"].reshape(want.shape)
        same_bits(ours["raw"], raw)
    if path.stem not in ("discretized_far", "discretized_huge"):       # predict_leaves does without the engine
        assert (ours["leaf"] == answers["leaf"]).all()
    assert model.predict(answers["X"]).shape == answers["prediction"].shape


def test_far_from_zero_middles_of_boundaries_meet_and_the_engine_is_followed():
    path = NEWEST / "discretized_far.npz"
    answers = np.load(path)
    leaves = mdl.convert(source_of(path)).apply(answers["X"])
    assert (leaves != answers["leaf"]).any()     # or the file would not show what it is for


def test_a_forest_of_two_classes_has_shares_and_labels_of_both():
    path = NEWEST / "forest_shares.npz"
    answers = np.load(path)
    model = mdl.convert(source_of(path))
    assert list(model.outputs) == ["prediction", "probability", "label", "raw", "leaf"]
    assert list(model.classes) == ["no", "yes"]
    made = model.run({"x": answers["X"]}, ["probability", "label"])
    yes = answers["prediction"]
    assert (made["probability"] == np.stack([1 - yes, yes], axis=1)).all()
    assert (made["label"][:, 0] == (yes >= 0.5)).all()


def test_texts_are_categories_and_unknown_ones_are_out_of_dictionary():
    path = NEWEST / "value.npz"
    model = mdl.convert(source_of(path))
    column = {name: i for i, name in enumerate(model.feature_names)}
    known = model.categories[column["grade"]]
    assert known[0] == "<OOD>" and set(known[1:]) == set("abcdefg")
    pandas = pytest.importorskip("pandas")
    X = np.load(path)["X"]
    frame = pandas.DataFrame(X, columns=model.feature_names)
    for name in ("grade", "code"):
        texts = model.categories[column[name]]
        frame[name] = ["" if v != v else "never seen" if v == 0 else texts[int(v)]
                       for v in X[:, column[name]]]
    frame["flag"] = frame["flag"] > 0.5
    assert (model.predict(frame) == np.load(path)["prediction"]).all()
    assert (model.predict(frame.astype({"grade": "category"})) == model.predict(frame)).all()
    frame["grade"] = 0.5
    with pytest.raises(mdl.DataError, match="grade"):
        model.predict(frame)


def test_a_code_beyond_the_categories_is_out_of_dictionary():
    model = mdl.convert(source_of(NEWEST / "integers.npz"))
    rows = np.zeros((4, model.n_features), np.float32)
    k = model.feature_names.index("k")
    rows[:, k] = [0, 40, 1000, 2.0**24]
    assert len(set(model.predict(rows).tolist())) == 1


def test_contributions_add_up():
    model = mdl.convert(source_of(NEWEST / "value.npz"))
    X = np.load(NEWEST / "value.npz")["X"][:50]
    made = model.explain(X)
    total = made.values.reshape(len(X), -1).sum(axis=1) + np.ravel(made.base_values)[0]
    assert np.allclose(total, model.predict_raw(X).ravel(), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("name, part", [
    ("oblique", "oblique conditions"), ("slow", "booleans or categories whose missing values")])
def test_what_would_need_other_trees_is_refused_by_name(name, part):
    with pytest.raises(mdl.UnsupportedError) as caught:
        mdl.convert(NEWEST / f"{name}.ydf")
    assert any(part in said for said in caught.value.parts)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(OSError, match="0 models of YDF"):
        mdl.convert(tmp_path)
    (tmp_path / "a_data_spec.pb").write_bytes(b"")
    with pytest.raises(mdl.Error, match="a_header.pb"):
        mdl.convert(tmp_path)
    (tmp_path / "b_data_spec.pb").write_bytes(b"")
    with pytest.raises(OSError, match="2 models of YDF"):
        mdl.convert(tmp_path)


# ---- with YDF itself ----------------------------------------------------------------------------


def live(learner, columns, **config):
    ydf = pytest.importorskip("ydf")
    ydf.verbose(0)
    return getattr(ydf, learner)(label="y", num_trees=10, **config).train(columns)


def table(kind):
    rng = np.random.default_rng(5)
    a = rng.normal(size=800).astype(np.float32)
    b = rng.normal(size=800).astype(np.float32)
    b[rng.random(800) < 0.2] = np.nan
    c = rng.choice(np.array(["red", "green", "blue", ""]), size=800)
    on = rng.random(800) < 0.5
    y = a + np.nan_to_num(b) + (c == "red") + on
    return {"a": a, "b": b, "c": c, "on": on, "y": {
        "value": y, "two": np.where(y > 0.5, "p", "q"),
        "three": np.array(["u", "v", "w"])[np.digitize(y, [0, 1])]}[kind]}


@pytest.mark.parametrize("learner", ["GradientBoostedTreesLearner", "RandomForestLearner"])
@pytest.mark.parametrize("kind", ["value", "two", "three"])
def test_a_live_model_is_converted_and_proven(learner, kind, proven):
    columns = table(kind)
    ydf = pytest.importorskip("ydf")
    task = ydf.Task.REGRESSION if kind == "value" else ydf.Task.CLASSIFICATION
    theirs = live(learner, columns, task=task)
    model = mdl.convert(theirs)
    assert model.check()["prediction"] <= 1e-6 and len(model.golden.inputs["x"])
    assert model.metadata["source_version"] == ydf.__version__
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({k: v for k, v in columns.items() if k != "y"})
    got, want = model.predict(frame), theirs.predict(frame)
    if learner == "RandomForestLearner" or kind == "value":
        same_bits(got, want)
        proven("YDF", f"{learner}, {kind}", len(frame), 0)
    assert np.allclose(got, want, rtol=1e-6, atol=0)
    if kind != "value":
        classes = model.run({"x": mdl._golden._plain(frame, model)}, ["label"])["label"][:, 0]
        assert (model.classes[classes] == theirs.predict_class(frame)).mean() > 0.999
    shap, base = theirs.predict_shap(frame.assign(y=columns["y"]))
    made = model.explain(frame)
    for i, name in enumerate(model.feature_names):
        mine = made.values[:, i]
        other = shap[name][:, -1] if learner == "RandomForestLearner" and kind == "two" \
            else shap[name]
        assert np.allclose(mine.reshape(other.shape), other, atol=2e-6)


def test_live_models_of_all_kinds_of_columns_are_proven():
    ydf = pytest.importorskip("ydf")
    columns = table("value")
    columns["k"] = np.random.default_rng(6).integers(0, 30, 800)
    columns["v"] = np.random.default_rng(7).normal(size=(800, 3)).astype(np.float32)
    columns["y"] = columns["y"] + (columns["k"] % 5 == 0) + columns["v"][:, 1]
    integers = ydf.Feature("k", ydf.Semantic.CATEGORICAL, is_already_integerized=True)
    for config in ({}, {"features": [integers], "include_all_columns": True},
                   {"discretize_numerical_columns": True}, {"allow_na_conditions": True}):
        theirs = live("GradientBoostedTreesLearner", columns, task=ydf.Task.REGRESSION, **config)
        model = mdl.convert(theirs)
        assert model.check() == {"prediction": 0.0}
    with pytest.raises(mdl.UnsupportedError):
        mdl.convert(live("RandomForestLearner", columns, task=ydf.Task.REGRESSION,
                         split_axis="SPARSE_OBLIQUE"))
