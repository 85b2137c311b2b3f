# SPDX-License-Identifier: MIT
"""What CatBoost saved, converted and run here, against CatBoost itself.

RawFormulaVal and leaf indices must be the same bits, of the binary file and of JSON: on real
rows, and on rows that stand exactly on a border, one step beside it, or on strange numbers.
Probabilities and other links within 1e-12 (the framework's exponential is its own).
"""
import json
from pathlib import Path

import numpy as np
import pytest

cb = pytest.importorskip("catboost")

import mdl  # noqa: E402
from hard_rows import hard_rows  # noqa: E402

DATA = Path(__file__).resolve().parents[1] / "data"
LINK = 1e-12
COMMON = {"iterations": 40, "depth": 4, "verbose": 0, "allow_writing_files": False,
          "random_seed": 3, "thread_count": 2}

# ---- both ways ---------------------------------------------------------------------------------


def same_bits(got, want, what):
    got, want = np.asarray(got), np.asarray(want)
    want = want.reshape(got.shape)
    same = got == want
    if got.dtype.kind == "f":
        same = (got.view(np.int64) == want.view(np.int64)) | (np.isnan(got) & np.isnan(want))
    assert same.all(), (f"{what}: {(~same).sum()} of {same.size} differ, the first at "
                        f"{np.argwhere(~same)[0]}: {got[~same][0]!r} for {want[~same][0]!r}")


def borders_of(model):
    return {i: borders for i, borders in model.get_borders().items() if len(borders)}


def native(model, rows, what):
    return cb.CatBoost.predict(model, rows, prediction_type=what)


def check(model, rows, tmp_path, label="Class"):
    """Both files of a fitted model answer as it does; the Model of the binary one."""
    made = []
    for name, kind in (("model.cbm", "cbm"), ("model.json", "json")):
        path = tmp_path / name
        model.save_model(str(path), format=kind)
        ours = mdl.convert(path)
        again = cb.CatBoost().load_model(str(path), format=kind)    # JSON numbers leaves anew
        answers = ours.run({"x": np.asarray(rows)})
        same_bits(answers["raw"], native(model, rows, "RawFormulaVal"), f"{name}: raw")
        same_bits(answers["leaf"], again.calc_leaf_indexes(rows), f"{name}: leaves")
        if "probability" in answers:
            np.testing.assert_allclose(answers["probability"], native(model, rows, "Probability"),
                                       rtol=LINK, atol=LINK)
        if "label" in answers:
            said = native(model, rows, label)
            ours_label = answers["label"]
            if ours.classes is not None:
                ours_label = ours.classes[ours_label]
            assert (ours_label.reshape(said.shape) == said).all()
        one = np.concatenate([ours.predict_raw(rows[i:i + 1]) for i in range(0, len(rows), 37)])
        same_bits(one, native(model, rows, "RawFormulaVal")[::37], f"{name}: one row")
        assert ours.metadata["source"] == "catboost"
        assert ours.metadata.get("source_version", cb.__version__) == cb.__version__
        made.append(ours)
    return made[0]


# ---- data ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def numbers():
    random = np.random.default_rng(5)
    x = random.normal(size=(1500, 6)).astype(np.float32)
    x[:, 3] = np.round(x[:, 3] * 2)
    x[random.random(x.shape) < 0.05] = np.nan
    value = np.nansum(x[:, :3], 1) + np.nan_to_num(x[:, 3]) + random.normal(size=1500) * 0.3
    return x, value


GROWTH = ["SymmetricTree", "Depthwise", "Lossguide"]
CLASSES = {
    "Logloss": lambda v: (v > 0).astype(int),
    "CrossEntropy": lambda v: np.clip(v / 4 + 0.5, 0, 1),
    "MultiClass": lambda v: np.array(["low", "mid", "über"])[np.digitize(v, [-1, 1])],
    "MultiClassOneVsAll": lambda v: np.digitize(v, [-1, 1]) * 2,
    "MultiLogloss": lambda v: np.column_stack([v > 0, v > 1, v < -1]).astype(int),
}
VALUES = {
    "RMSE": lambda v: v, "MAE": lambda v: v, "Quantile:alpha=0.3": lambda v: v,
    "MultiQuantile:alpha=0.1,0.9": lambda v: v, "Huber:delta=1": lambda v: v,
    "Expectile:alpha=0.3": lambda v: v, "LogLinQuantile": abs, "Poisson": abs,
    "Tweedie:variance_power=1.5": abs, "RMSEWithUncertainty": lambda v: v,
    "MultiRMSE": lambda v: np.column_stack([v, v * v]),
}

# ---- kinds of models -----------------------------------------------------------------------------


@pytest.mark.parametrize("growth", GROWTH)
@pytest.mark.parametrize("loss", CLASSES)
def test_classifiers_have_the_bits_of_the_source(numbers, growth, loss, tmp_path, proven):
    x, value = numbers
    model = cb.CatBoostClassifier(loss_function=loss, grow_policy=growth, **COMMON)
    model.fit(x, CLASSES[loss](value))
    rows = hard_rows(x[:300], borders_of(model), np.random.default_rng(1), per_column=20)
    check(model, rows, tmp_path)
    proven("CatBoost", f"{loss}, {growth}", len(rows), "RawFormulaVal, leaves: same bits; "
           "Probability: 1e-12")


@pytest.mark.parametrize("growth", GROWTH)
@pytest.mark.parametrize("loss", VALUES)
def test_regressors_have_the_bits_of_the_source(numbers, growth, loss, tmp_path, proven):
    if loss == "MultiQuantile:alpha=0.1,0.9" and growth != "SymmetricTree":
        pytest.skip("CatBoost cannot grow it")
    x, value = numbers
    model = cb.CatBoostRegressor(loss_function=loss, grow_policy=growth, **COMMON)
    model.fit(x, VALUES[loss](value))
    rows = hard_rows(x[:300], borders_of(model), np.random.default_rng(1), per_column=20)
    ours = check(model, rows, tmp_path)
    np.testing.assert_allclose(ours.predict(rows), model.predict(rows), rtol=LINK)
    proven("CatBoost", f"{loss.split(':')[0]}, {growth}", len(rows),
           "RawFormulaVal, leaves: same bits")


@pytest.mark.parametrize("mode", ["Min", "Max"])
def test_nan_goes_where_the_mode_says(numbers, mode, tmp_path):
    x, value = numbers
    model = cb.CatBoostRegressor(nan_mode=mode, **COMMON).fit(x, value)
    rows = hard_rows(x[:100], borders_of(model), np.random.default_rng(2), per_column=9)
    check(model, rows, tmp_path)
    other = "Max" if mode == "Min" else "Min"
    swapped = cb.CatBoostRegressor(nan_mode=other, **COMMON).fit(x, value)
    assert (swapped.predict(rows) != model.predict(rows)).any()


@pytest.mark.parametrize("mode", ["Min", "Max"])
def test_nan_counts_as_infinity_beside_borders_that_are_infinite(mode, tmp_path):
    random = np.random.default_rng(0)
    most = np.finfo("f").max
    some = np.array([1, most, np.inf, np.nan, -most, -np.inf], np.float32)
    x = random.choice(some, (300, 1))
    value = np.where(np.isnan(x), 3, np.where(x == np.inf, -2, np.sign(x)))[:, 0]
    model = cb.CatBoostRegressor(nan_mode=mode, **COMMON).fit(x, value)
    assert mode == "Min" or {-np.inf, np.inf} <= set(model.get_borders()[0])
    model.save_model(str(tmp_path / "m.cbm"))     # JSON has no infinity
    ours = mdl.convert(tmp_path / "m.cbm")
    same_bits(ours.predict_raw(some[:, None]), native(model, some[:, None], "RawFormulaVal"), mode)


def test_nan_that_training_did_not_have_is_below_every_border(numbers, tmp_path):
    x, value = np.nan_to_num(numbers[0]), numbers[1]
    model = cb.CatBoostRegressor(nan_mode="Max", **COMMON).fit(x, value)
    check(model, numbers[0], tmp_path)


@pytest.mark.parametrize("depth", [1, 8, 10])
def test_shallow_and_deep_oblivious_trees(numbers, depth, tmp_path):
    x, value = numbers
    model = cb.CatBoostRegressor(**{**COMMON, "depth": depth, "iterations": 8}).fit(x, value)
    check(model, hard_rows(x[:100], borders_of(model), np.random.default_rng(2), 9), tmp_path)


@pytest.mark.parametrize("growth", GROWTH)
def test_trees_that_ask_nothing_give_their_leaf(growth, tmp_path):
    x = np.zeros((50, 2), np.float32)
    model = cb.CatBoostRegressor(**{**COMMON, "iterations": 3}, grow_policy=growth,
                                 allow_const_label=True)
    model.fit(np.column_stack([x[:, 0], np.arange(50)]), np.full(50, 2.5))
    check(model, np.random.default_rng(1).normal(size=(20, 2)).astype(np.float32), tmp_path)


def test_scale_and_bias_are_applied_as_the_source_does(numbers, tmp_path):
    x, value = numbers
    model = cb.CatBoostRegressor(**COMMON).fit(x, value)
    for scale, bias in ((1, 0), (1, -2.25), (0.37, 0), (-1 / 3, 1e-3)):
        model.set_scale_and_bias(scale, [bias])
        check(model, x[:200], tmp_path)


def test_sums_of_models_answer_as_one(numbers, tmp_path):
    x, value = numbers
    models = [cb.CatBoostClassifier(**{**COMMON, "random_seed": i, "iterations": 5 + i}).fit(
        x, (value > 0).astype(int)) for i in range(3)]
    both = cb.sum_models(models, weights=[0.5, 0.3, 0.2])
    assert "probability" in check(both, x[:200], tmp_path).outputs


def test_a_shrunk_model_and_single_rounds(numbers, tmp_path):
    x, value = numbers
    model = cb.CatBoostRegressor(boost_from_average=False, **COMMON).fit(x, value)
    path = tmp_path / "m.cbm"
    model.save_model(str(path))
    want = model.predict(x[:100], ntree_end=11)
    same_bits(mdl.convert(path, best_iteration=10).predict_raw(x[:100]), want, "best_iteration")
    whole = mdl.convert(path)
    same_bits(whole.predict_raw(x[:100], tree_range=(0, 11)), want, "tree_range")
    same_bits(whole.predict_raw(x[:100], tree_range=(7, 11)),
              model.predict(x[:100], ntree_start=7, ntree_end=11), "tree_range")
    model.shrink(11)
    assert check(model, x[:100], tmp_path).metadata["source_version"] == cb.__version__
    with pytest.raises(mdl.Error, match="best_iteration 40, the model has 40 trees"):
        mdl.convert(path, best_iteration=40)


# ---- classes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [[0, 1], [-3, 7], ["no", "yes"], [0.5, 1.25], [False, True]])
def test_classes_keep_their_names_and_types(numbers, names, tmp_path):
    x, value = numbers
    model = cb.CatBoostClassifier(**COMMON).fit(x, np.array(names)[(value > 0).astype(int)])
    ours = check(model, x[:200], tmp_path)
    assert ours.classes.tolist() == names


def test_the_probability_threshold_of_a_model_is_kept(numbers, tmp_path):
    x, value = numbers
    model = cb.CatBoostClassifier(**COMMON).fit(x, (value > 0).astype(int))
    plain = model.predict(x)
    model.set_probability_threshold(0.2)
    check(model, x, tmp_path)
    assert (model.predict(x) != plain).any()


def test_classes_that_training_did_not_see_are_refused_by_name(numbers, tmp_path):
    x, value = numbers
    model = cb.CatBoostClassifier(loss_function="MultiClass", class_names=[0, 1, 2, 3], **COMMON)
    model.fit(x, np.digitize(value, [-1, 1]))
    model.save_model(str(tmp_path / "m.cbm"))
    with pytest.raises(mdl.UnsupportedError, match="classes that the training data did not have"):
        mdl.convert(tmp_path / "m.cbm")


# ---- categories ------------------------------------------------------------------------------------

pandas = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def mixed(numbers):
    """Numbers, few and many texts of all lengths, and integers; and rows with what is new."""
    x, value = numbers
    random = np.random.default_rng(8)
    n = len(x)
    long = np.array(["ä" * (k % 5) + f"category {k}" * (k % 9 + 1) for k in range(60)])
    frame = pandas.DataFrame({
        "a": x[:, 0], "few": np.array(["x", "", "z z"])[random.integers(3, size=n)],
        "b": x[:, 1], "many": long[random.integers(60, size=n)],
        "number": random.integers(-20, 20, size=n)})
    effect = value + frame.many.str.len() / 60 * (frame.few == "x") + frame.number / 10
    rows = frame.sample(600, random_state=1).reset_index(drop=True)
    rows.loc[::7, "many"] = "never seen"
    rows.loc[::11, "number"] = 2**31
    rows.loc[::13, "few"] = "new"
    rows.loc[::5, "a"] = np.nan
    rows.loc[::17, "b"] = np.inf
    return frame, effect.to_numpy(), rows


KINDS = {
    "one-hot": {"one_hot_max_size": 200}, "default": {}, "NaN high": {"nan_mode": "Max"},
    "combinations": {"max_ctr_complexity": 4, "one_hot_max_size": 3},
    "Depthwise": {"grow_policy": "Depthwise"},
    **{kind: {"simple_ctr": [kind], "combinations_ctr": [kind]}
       for kind in ("Borders", "Buckets", "BinarizedTargetMeanValue", "Counter")},
    "Borders of 4": {"simple_ctr": ["Borders:TargetBorderCount=4"],
                     "combinations_ctr": ["Buckets:TargetBorderCount=3"]},
}


@pytest.mark.parametrize("target", ["value", "binary", "classes"])
@pytest.mark.parametrize("kind", KINDS)
def test_categories_have_the_bits_of_the_source(mixed, kind, target, tmp_path, proven):
    if kind == "Borders of 4" and target != "value":
        pytest.skip("classes have borders of their own")
    frame, effect, rows = mixed
    make = cb.CatBoostRegressor if target == "value" else cb.CatBoostClassifier
    model = make(**{**COMMON, "logging_level": None, "verbose": 0}, **KINDS[kind],
                 cat_features=["few", "many", "number"])
    model.fit(frame, effect if target == "value" else (effect > 1).astype(int)
              if target == "binary" else np.digitize(effect, [0, 1, 2]))
    want = native(model, rows, "RawFormulaVal")
    for suffix in ("cbm", "json"):
        path = tmp_path / f"model.{suffix}"
        model.save_model(str(path), format=suffix)
        ours = mdl.convert(path)
        same_bits(ours.predict_raw(rows), want, suffix)
        one = np.concatenate([ours.predict_raw(rows[i:i + 1]) for i in range(0, len(rows), 97)])
        same_bits(one, want[::97], f"{suffix}: one row")
        if target != "value":
            np.testing.assert_allclose(ours.predict_proba(rows),
                                       native(model, rows, "Probability"), LINK, LINK)
    same_bits(mdl.convert(tmp_path / "model.cbm").apply(rows),
              model.calc_leaf_indexes(rows).astype(np.int32), "leaves")
    proven("CatBoost", f"categories, {kind}, {target}", len(rows), "RawFormulaVal, leaves: same bits")


# Statistics that CatBoost trains on GPUs alone: those of a model trained here are given their names, and
# fractions for sums.  CatBoost reads that file, and says what is right.  (Of JSON it reads such a sum as 0,
# though it writes it: so the .cbm decides.)
@pytest.mark.parametrize("kind, of", [("Counter", "FeatureFreq"),
                                      ("BinarizedTargetMeanValue", "FloatTargetMeanValue")])
def test_statistics_of_other_trainers_have_the_bits_of_the_source(mixed, kind, of, tmp_path, proven):
    frame, effect, rows = mixed
    model = cb.CatBoostRegressor(**COMMON, simple_ctr=[kind], combinations_ctr=[kind],
                                 cat_features=["few", "many", "number"]).fit(frame, effect)
    path = tmp_path / "m.cbm"
    trained, text = tmp_path / "trained.json", tmp_path / "m.json"
    model.save_model(str(trained), format="json")
    text.write_text(trained.read_text().replace(kind, of))
    cb.CatBoost().load_model(str(text), format="json").save_model(str(path))
    if of == "FloatTargetMeanValue":
        cbm = path.read_bytes()
        for table in json.loads(text.read_text())["ctr_data"].values():
            row = np.array(table["hash_map"]).reshape(-1, 3)[:, 1:].astype(np.float64)
            cells = np.rec.fromarrays([row[:, 0], row[:, 1]], dtype="<f4,<i4")
            assert cbm.count(cells.tobytes()) == 1
            other = np.rec.fromarrays([row[:, 0] * 1.37 + 0.1, row[:, 1]], dtype="<f4,<i4")
            cbm = cbm.replace(cells.tobytes(), other.tobytes())
        path.write_bytes(cbm)
    theirs = cb.CatBoost().load_model(str(path))
    want = theirs.predict(rows)
    if of == "FloatTargetMeanValue":
        assert (want != model.predict(rows)).any()
    theirs.save_model(str(text), format="json")
    assert of in text.read_text()
    for file in (path, text):
        same_bits(mdl.convert(file).predict_raw(rows), want, file.suffix)
    proven("CatBoost", f"categories, {of} (of a file that was edited)", len(rows), "RawFormulaVal: same bits")


@pytest.fixture(scope="module")
def with_categories(mixed):
    frame, effect, _ = mixed
    return cb.CatBoostClassifier(**COMMON, cat_features=["few", "many", "number"]).fit(
        frame, (effect > 1).astype(int))


def test_live_models_with_categories_convert(with_categories, mixed):
    frame, _, rows = mixed
    ours = mdl.convert(with_categories, sample=frame)
    assert ours.check()
    assert (ours.predict(rows) == with_categories.predict(rows)).all()
    same_bits(mdl.convert(with_categories).predict_raw(rows), ours.predict_raw(rows), "no sample")


def test_categories_come_as_frames_arrays_of_objects_and_codes(with_categories, mixed):
    rows = mixed[2]
    ours = mdl.convert(with_categories)
    want = ours.predict_raw(rows)
    cells = np.column_stack([rows[name].astype(object) for name in rows.columns])
    same_bits(ours.predict_raw(cells), want, "objects")
    categorical = rows.assign(many=rows.many.astype("category"), few=rows.few.astype("category"))
    same_bits(ours.predict_raw(categorical), want, "pandas.Categorical")
    polars = pytest.importorskip("polars")
    same_bits(ours.predict_raw(polars.DataFrame({c: rows[c].tolist() for c in rows})), want, "polars")


def test_what_is_no_category_is_refused(with_categories, mixed):
    rows = mixed[2].head(3)
    ours = mdl.convert(with_categories)
    with pytest.raises(mdl.DataError, match="column 'many' holds 1.5 .*texts or integers"):
        ours.predict(rows.assign(many=[1.5, 2.5, 3.5]))
    with pytest.raises(mdl.DataError, match="column 'few' holds nan"):
        ours.predict(rows.assign(few=["x", np.nan, "x"]))
    with pytest.raises(mdl.DataError, match="float32 cannot hold the hashes"):
        ours.predict(np.zeros((2, 5), np.float32))


# ---- live objects ------------------------------------------------------------------------------------


def test_live_models_predict_as_their_owner_does(numbers):
    x, value = numbers
    group = np.arange(len(x)) // 10
    logloss = {"loss_function": "Logloss", **COMMON}
    for model, y, more in (
            (cb.CatBoostClassifier(**COMMON), (value > 0).astype(int), {}),
            (cb.CatBoostClassifier(**COMMON), np.array(["a", "b", "c"])[np.digitize(value, [0, 1])],
             {}),
            (cb.CatBoostClassifier(loss_function="MultiLogloss", **COMMON),
             CLASSES["MultiLogloss"](value), {}),
            (cb.CatBoost(logloss), (value > 0).astype(int), {}),
            (cb.CatBoostRegressor(loss_function="Poisson", **COMMON), abs(value), {}),
            (cb.CatBoostRegressor(loss_function="RMSEWithUncertainty", **COMMON), value, {}),
            (cb.CatBoostRanker(**COMMON), abs(value), {"group_id": group})):
        model.fit(x, y, **more)
        ours = mdl.convert(model, sample=x)
        assert ours.metadata["source_kind"] == type(model).__name__
        theirs, got = model.predict(x), ours.predict(x)
        assert got.shape == theirs.shape and got.dtype.kind == theirs.dtype.kind
        if got.dtype.kind == "f":
            np.testing.assert_allclose(got, theirs, rtol=LINK)
        else:
            assert (got == theirs).all()
        assert ours.check()


def test_frames_go_by_the_names_of_columns(numbers):
    pandas = pytest.importorskip("pandas")
    x, value = numbers
    frame = pandas.DataFrame(x, columns=list("abcdef"))
    model = cb.CatBoostRegressor(**COMMON).fit(frame, value)
    ours = mdl.convert(model, sample=frame)
    same_bits(ours.predict(frame[list("fedcba")]), model.predict(frame), "frame")
    with pytest.raises(mdl.DataError, match="'d'"):
        ours.predict(frame[list("abcef")])


def test_what_is_no_fitted_model_is_refused(numbers):
    with pytest.raises(cb.CatBoostError, match="no trained model"):
        mdl.convert(cb.CatBoostClassifier())
    with pytest.raises(mdl.UnsupportedError, match="catboost.Pool is no model"):
        mdl.convert(cb.Pool(numbers[0]))


def test_columns_of_text_and_embeddings_are_refused_by_name(tmp_path):
    random = np.random.default_rng(1)
    text = ["good day" if i % 2 else "bad night" for i in range(200)]
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": random.normal(size=200), "text": text})
    model = cb.CatBoostClassifier(**COMMON, text_features=["text"]).fit(frame, np.arange(200) % 2)
    model.save_model(str(tmp_path / "m.cbm"))
    with pytest.raises(mdl.UnsupportedError, match="columns of text"):
        mdl.convert(tmp_path / "m.cbm")
    frame = pandas.DataFrame({"a": random.normal(size=200),
                              "e": list(random.normal(size=(200, 4)))})
    model = cb.CatBoostClassifier(**COMMON, embedding_features=["e"])
    model.fit(frame, np.arange(200) % 2)
    model.save_model(str(tmp_path / "m.cbm"))
    with pytest.raises(mdl.UnsupportedError, match="columns of embeddings"):
        mdl.convert(tmp_path / "m.cbm")


# ---- files of this and older versions --------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(DATA.glob("catboost_*/categories.npz")),
                         ids=lambda p: p.parent.name)
def test_stored_files_with_categories_give_the_stored_answers(path):
    stored = np.load(path)
    rows = np.column_stack([stored["numbers"].astype(object), stored["texts"].astype(object),
                            stored["integers"].astype(object)])
    for suffix in (".cbm", ".json"):
        model = mdl.convert(path.with_suffix(suffix))
        same_bits(model.predict_raw(rows), stored["raw"], suffix)
        same_bits(model.apply(rows), stored["leaf"].astype(np.int32), suffix)


@pytest.mark.parametrize("path", sorted(set(DATA.glob("catboost_*/*.npz"))
                                        - set(DATA.glob("catboost_*/categories.npz"))),
                         ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_stored_files_give_the_stored_answers(path):
    stored = np.load(path)
    for suffix in (".cbm", ".json"):
        answers = mdl.convert(path.with_suffix(suffix)).run({"x": stored["x"]})
        same_bits(answers["raw"], stored["raw"], "raw")
        if suffix == ".cbm" or path.stem == "binary":      # JSON numbers other leaves anew
            same_bits(answers["leaf"], stored["leaf"].astype(np.int32), "leaves")
        if "probability" in stored:
            np.testing.assert_allclose(answers["probability"], stored["probability"], LINK, LINK)
