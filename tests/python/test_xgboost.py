# SPDX-License-Identifier: MIT
"""XGBoost: the importer in C reads the file, and margins and leaves are the same bits.

Two kinds of evidence: files and answers of several versions in tests/data/xgboost_*, and
models trained here, asked at rows where engines differ (hard_rows.py).
"""
from __future__ import annotations

import ctypes
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from hard_rows import hard_rows
from mdl import _lib

DATA = Path(__file__).resolve().parents[1] / "data"
sys.path.insert(0, str(DATA))
xgb = pytest.importorskip("xgboost")
import make_xgboost as make  # noqa: E402

NOT_GIVEN = -1
ALL_ROUNDS = -2


class Imported:
    """A file through mdl_import and mdl_load_memory, with nothing in between."""

    def __init__(self, path, best_iteration=NOT_GIVEN, isa=None):
        self.model = ctypes.c_void_p()
        error, builder = _lib.new_error(), ctypes.c_void_p()
        options = _lib.mdl_import_options(size=ctypes.sizeof(_lib.mdl_import_options),
                                          best_iteration=best_iteration)
        status = _lib.importer().mdl_import(ctypes.byref(builder), os.fsencode(path),
                                            ctypes.byref(options), ctypes.byref(error))
        if status:
            _lib.raise_status(status, error)
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        load = _lib.mdl_load_options(size=ctypes.sizeof(_lib.mdl_load_options), isa=isa)
        try:
            status = _lib.lib.mdl_build_bytes(builder, ctypes.byref(data), ctypes.byref(size),
                                              ctypes.byref(error))
            if not status:
                status = _lib.lib.mdl_load_memory(ctypes.byref(self.model), data, size,
                                                  ctypes.byref(load), ctypes.byref(error))
            if status:
                _lib.raise_status(status, error)
        finally:
            _lib.lib.mdl_builder_free(builder)
        self.outputs = {}
        for i in range(_lib.lib.mdl_output_count(self.model)):
            info = _lib.mdl_output_info(size=ctypes.sizeof(_lib.mdl_output_info))
            _lib.lib.mdl_output(self.model, i, ctypes.byref(info))
            self.outputs[info.name.decode()] = info

    def __del__(self):
        _lib.lib.mdl_free(self.model)

    def run(self, output, X):
        info = self.outputs[output]
        X = np.ascontiguousarray(X)
        options = _lib.mdl_predict_options(size=ctypes.sizeof(_lib.mdl_predict_options),
                                           output_name=output.encode())
        y = np.empty((len(X), info.cols), np.int32 if info.type == _lib.I32 else np.float32)

        def tensor(a):
            kind = {"f4": _lib.F32, "f8": _lib.F64, "i4": _lib.I32}[a.dtype.str[1:]]
            t = _lib.mdl_tensor(size=ctypes.sizeof(_lib.mdl_tensor), type=kind, rank=2,
                                data=a.ctypes.data)
            t.dims[0], t.dims[1] = a.shape
            return t
        error = _lib.new_error()
        status = _lib.lib.mdl_predict_tensor(self.model, ctypes.byref(tensor(X)),
                                             ctypes.byref(tensor(y)), ctypes.byref(options),
                                             ctypes.byref(error))
        if status:
            _lib.raise_status(status, error)
        return y

    def metadata(self, key):
        value = _lib.lib.mdl_metadata_get(self.model, key.encode())
        return value.decode() if value is not None else None

    def column(self, i):
        info = _lib.mdl_column_info(size=ctypes.sizeof(_lib.mdl_column_info))
        _lib.lib.mdl_column(self.model, 0, i, ctypes.byref(info))
        return (info.name.decode(), info.kind,
                [_lib.lib.mdl_category(self.model, 0, i, k).decode()
                 for k in range(info.n_categories)])

    def labels(self, output):
        i = list(self.outputs).index(output)
        return [_lib.lib.mdl_label(self.model, i, k).decode()
                for k in range(self.outputs[output].n_labels)]


def bits(a):
    return np.ascontiguousarray(a, np.float32).view(np.int32).astype(np.int64)


def same_bits(ours, theirs, what):
    theirs = np.asarray(theirs, np.float32).reshape(ours.shape)
    wrong = np.argwhere((bits(ours) != bits(theirs)) & ~(np.isnan(ours) & np.isnan(theirs)))
    assert not len(wrong), (f"{what}: {len(wrong)} of {ours.size} differ, first {wrong[0]}: "
                            f"{ours[tuple(wrong[0])]!r}, XGBoost {theirs[tuple(wrong[0])]!r}")


def within_ulp(ours, theirs, ulp, what):
    theirs = np.asarray(theirs, np.float32).reshape(ours.shape)

    def place(a):
        b = bits(a)
        return np.where(b < 0, -(b & 0x7FFFFFFF), b)
    off = np.abs(place(ours) - place(theirs))
    off[np.isnan(ours) & np.isnan(theirs)] = 0
    assert off.max(initial=0) <= ulp, f"{what}: off by {off.max()} ULP"


def agrees(ours: Imported, X, theirs, what):
    same_bits(ours.run("raw", X), theirs["raw"], f"{what}: margins")
    prediction = ours.run("prediction", X)
    if ours.metadata("source_version") < "1.6":   # probabilities could be 0; now 3e-39 is the least
        prediction[np.abs(prediction) < 1e-37] = 0
    within_ulp(prediction, theirs["prediction"], 2, f"{what}: predictions")
    if "leaf" in theirs:
        assert np.array_equal(ours.run("leaf", X), theirs["leaf"].astype(np.int64)), what


# ---- files of several versions ---------------------------------------------------------------

FILES = sorted(p for p in DATA.glob("xgboost_*/*") if p.suffix in (".json", ".ubj"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: "/".join(p.parts[-2:])[8:])
def test_files_of_every_version_answer_as_that_version_did(path):
    theirs = dict(np.load(path.with_suffix(".npz")))
    ours = Imported(path)
    agrees(ours, theirs.pop("X"), theirs, path.name)
    assert ours.metadata("source_version").startswith(path.parts[-2][8:])


# ---- every objective and booster, trained here ------------------------------------------------

LARGER = {
    "logistic": lambda: make.cancer("binary:logistic", rounds=60, max_depth=6),
    "logistic_sets": lambda: make.cancer("binary:logistic", 40, True, max_cat_to_onehot=1),
    "squared": lambda: make.diabetes("reg:squarederror", rounds=80, max_depth=7),
    "softprob_sets": lambda: make.wine("multi:softprob", 20, True, max_cat_to_onehot=1),
    "dart": lambda: make.diabetes("reg:squarederror", booster="dart", rate_drop=0.3, rounds=40),
    "lossguide": lambda: make.diabetes("reg:squarederror", grow_policy="lossguide", max_depth=0,
                                       max_leaves=40, rounds=20),
    "approx": lambda: make.diabetes("reg:squarederror", tree_method="approx", rounds=20),
    "exact": lambda: make.diabetes("reg:squarederror", tree_method="exact", rounds=20),
}
KINDS = {**{n: make.MODELS[n] for n in make.names()}, **LARGER}


@pytest.fixture(scope="module")
def trained():
    cache = {}

    def get(name):
        if name not in cache:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                cache[name] = KINDS[name]()
        return cache[name]
    return get


@pytest.mark.parametrize("kind", ["json", "ubj"])
@pytest.mark.parametrize("name", sorted(KINDS))
def test_margins_and_leaves_are_the_same_bits(name, kind, trained, tmp_path):
    booster, X = trained(name)
    path = tmp_path / f"model.{kind}"
    booster.save_model(path)
    ours = Imported(path)
    rows = hard_rows(X, make.thresholds(booster), np.random.default_rng(11), infinite=False)
    agrees(ours, rows, make.answers(booster, rows), name)


@pytest.mark.parametrize("name", [n for n in sorted(KINDS)
                                  if not n.startswith(("linear", "dart"))])
def test_infinite_cells_go_where_in_place_prediction_sends_them(name, trained, tmp_path):
    booster, X = trained(name)
    path = tmp_path / "model.ubj"
    booster.save_model(path)
    rows = hard_rows(X, make.thresholds(booster), np.random.default_rng(12))
    assert np.isinf(rows).any()
    ours = Imported(path)
    same_bits(ours.run("raw", rows), booster.inplace_predict(rows, predict_type="margin"), name)
    within_ulp(ours.run("prediction", rows), booster.inplace_predict(rows), 2, name)


@pytest.mark.parametrize("isa", [None, b"ref"])
def test_every_kernel_set_gives_these_bits(isa, trained, tmp_path):
    booster, X = trained("logistic")
    booster.save_model(tmp_path / "model.ubj")
    rows = hard_rows(X, make.thresholds(booster), np.random.default_rng(13), infinite=False)
    agrees(Imported(tmp_path / "model.ubj", isa=isa), rows, make.answers(booster, rows), isa)


def test_an_updated_dart_has_more_weights_than_trees(tmp_path):
    X, y = make.table(make.datasets.load_diabetes)
    params = {"booster": "dart", "rate_drop": 0.5, "seed": 1, "nthread": 1, "max_depth": 3}
    d = xgb.DMatrix(X, y)
    booster = xgb.train({**params, "process_type": "update", "updater": "refresh",
                         "refresh_leaf": True}, d, 5, xgb_model=xgb.train(params, d, 5))
    saved = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
    assert len(saved["weight_drop"]) == 10 and len(saved["gbtree"]["model"]["trees"]) == 5
    booster.save_model(tmp_path / "m.json")
    agrees(Imported(tmp_path / "m.json"), X, make.answers(booster, X), "updated dart")


@pytest.mark.parametrize("kind", ["dart", "gbtree"])
def test_sums_of_negative_zeros_have_the_sign_that_xgboost_gives_them(kind, tmp_path):
    X, y = make.table(make.datasets.load_breast_cancer)
    booster = xgb.train({"booster": kind, "objective": "binary:logistic", "base_score": 0.5,
                         "max_depth": 2, "nthread": 1}, xgb.DMatrix(X, y), 2)
    document = json.loads(booster.save_raw("json"))
    model = document["learner"]["gradient_booster"]
    for tree in model.get("gbtree", model)["model"]["trees"]:
        leaf = np.array(tree["left_children"]) == -1
        tree["split_conditions"] = np.where(leaf, -0.0, tree["split_conditions"]).tolist()
    (tmp_path / "m.json").write_text(json.dumps(document))
    booster.load_model(tmp_path / "m.json")
    agrees(Imported(tmp_path / "m.json"), X, make.answers(booster, X), "leaves of -0")


# ---- rounds ----------------------------------------------------------------------------------------

def stopped_early(wrapper):
    X, y = make.table(make.datasets.load_breast_cancer)
    m = wrapper(n_estimators=60, max_depth=6, learning_rate=1.0, early_stopping_rounds=5,
                n_jobs=1)
    m.fit(X[:300], y[:300], eval_set=[(X[300:], y[300:])], verbose=False)
    assert m.best_iteration < 50
    return m, X


@pytest.mark.parametrize("kind", ["json", "ubj"])
def test_a_classifier_that_stopped_early_uses_its_best_round(kind, tmp_path):
    m, X = stopped_early(xgb.XGBClassifier)
    path = tmp_path / f"model.{kind}"
    m.save_model(path)
    ours = Imported(path)
    assert ours.metadata("source_kind") == "XGBClassifier"
    assert ours.metadata("predict") == "label"
    assert ours.metadata("best_iteration") == str(m.best_iteration)
    same_bits(ours.run("raw", X), m.predict(X, output_margin=True), "margins")
    within_ulp(ours.run("probability", X), m.predict_proba(X), 2, "probabilities")
    assert np.array_equal(ours.run("label", X).ravel(), m.predict(X))
    assert ours.labels("label") == ["0", "1"]
    assert np.array_equal(ours.run("leaf", X), m.apply(X))


def test_a_booster_and_a_choice_of_rounds(tmp_path):
    m, X = stopped_early(xgb.XGBClassifier)
    native, wrapped = tmp_path / "native.json", tmp_path / "wrapped.json"
    booster = m.get_booster()
    m.save_model(wrapped)
    booster.save_model(native)
    d = xgb.DMatrix(X)
    n = booster.num_boosted_rounds()
    everything = booster.predict(d, output_margin=True, iteration_range=(0, n))
    same_bits(Imported(native).run("raw", X), everything, "all rounds of a Booster")
    same_bits(Imported(wrapped, ALL_ROUNDS).run("raw", X), everything, "all rounds when asked")
    for k in (0, 2, n - 1):
        some = booster.predict(d, output_margin=True, iteration_range=(0, k + 1))
        same_bits(Imported(native, k).run("raw", X), some, f"rounds 0 to {k}")
    with pytest.raises(_lib.Error, match=f"best_iteration is {n}, the model has {n} rounds"):
        Imported(native, n)


def test_rounds_of_forests_and_classes_are_whole(tmp_path):
    booster, X = KINDS["forest"]()
    booster.save_model(tmp_path / "m.ubj")
    some = booster.predict(make.matrix(booster, X), output_margin=True, iteration_range=(0, 1))
    ours = Imported(tmp_path / "m.ubj", 0)
    same_bits(ours.run("raw", X), some, "one round")
    assert ours.outputs["leaf"].cols == 9


def test_a_file_without_rounds_groups_trees_by_class(tmp_path):
    booster, X = KINDS["forest"]()
    document = json.loads(booster.save_raw("json"))
    document["learner"]["gradient_booster"]["model"].pop("iteration_indptr", None)
    (tmp_path / "m.json").write_text(json.dumps(document))
    some = booster.predict(make.matrix(booster, X), output_margin=True, iteration_range=(0, 1))
    same_bits(Imported(tmp_path / "m.json", 0).run("raw", X), some, "one round")


# ---- what the model says of itself ------------------------------------------------------------------

def test_outputs_of_each_kind_of_objective(trained, tmp_path):
    def names(name):
        booster, _ = trained(name)
        booster.save_model(tmp_path / "m.json")
        return list(Imported(tmp_path / "m.json").outputs)
    assert names("logistic") == ["prediction", "probability", "label", "raw", "leaf"]
    assert names("softprob") == ["prediction", "probability", "label", "raw", "leaf"]
    assert names("squared") == ["prediction", "raw", "leaf"]
    assert names("linear") == ["prediction", "raw"]


def test_softmax_answers_the_class_and_knows_probabilities(trained, tmp_path):
    booster, X = trained("softmax")
    booster.save_model(tmp_path / "m.json")
    ours = Imported(tmp_path / "m.json")
    margin = booster.predict(make.matrix(booster, X), output_margin=True)
    e = np.exp(margin.astype(np.float64) - margin.max(axis=1, keepdims=True))
    within_ulp(ours.run("probability", X), e / e.sum(axis=1, keepdims=True), 4, "probabilities")
    assert np.array_equal(ours.run("label", X).ravel(), margin.argmax(axis=1))


def test_columns_have_the_names_kinds_and_categories_of_the_frame(tmp_path):
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "real": rng.normal(size=300), "whole": rng.integers(0, 9, 300),
        "colour": pd.Categorical(rng.choice(["red", "green", "blue"], 300)),
        "size": pd.Categorical(rng.choice([5, 7, -9], 300))})
    y = rng.normal(size=300) + (frame["colour"] == "red")
    d = xgb.DMatrix(frame, y, enable_categorical=True)
    booster = xgb.train({"max_depth": 4, "max_cat_to_onehot": 1, "tree_method": "hist"}, d, 5)
    for kind in ("json", "ubj"):
        booster.save_model(tmp_path / f"m.{kind}")
        ours = Imported(tmp_path / f"m.{kind}")
        assert ours.column(0) == ("real", _lib.COLUMN_NUMBER, [])
        assert ours.column(1) == ("whole", _lib.COLUMN_INTEGER, [])
        known = make.VERSION >= (3, 1)
        assert ours.column(2) == ("colour", _lib.COLUMN_CATEGORY,
                                  ["blue", "green", "red"] if known else [])
        assert ours.column(3) == ("size", _lib.COLUMN_CATEGORY,
                                  ["-9", "5", "7"] if known else [])
        codes = frame.assign(colour=frame["colour"].cat.codes, size=frame["size"].cat.codes)
        same_bits(ours.run("raw", codes.to_numpy(np.float32)),
                  booster.predict(d, output_margin=True), "codes")


@pytest.mark.skipif(make.VERSION < (3, 1), reason="files hold categories since 3.1")
def test_categories_that_xgboost_itself_mangled_are_not_believed(tmp_path):
    """Until 3.4 it counts characters where it means bytes, and cuts the last text short."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"colour": pd.Categorical(rng.choice(["red", "grün", "blue"], 300))})
    d = xgb.DMatrix(frame, rng.normal(size=300), enable_categorical=True)
    booster = xgb.train({"max_depth": 2}, d, 2)
    booster.save_model(tmp_path / "m.json")
    expected = ["blue", "grün", "red"] if make.VERSION >= (3, 4) else []
    assert Imported(tmp_path / "m.json").column(0) == ("colour", _lib.COLUMN_CATEGORY, expected)
    codes = frame["colour"].cat.codes.to_numpy(np.float32)[:, None]
    same_bits(Imported(tmp_path / "m.json").run("raw", codes),
              booster.predict(d, output_margin=True), "codes")


def test_a_memory_snapshot_is_a_model_too(trained, tmp_path):
    booster, X = trained("squared")
    (tmp_path / "snapshot").write_bytes(bytes(booster.serialize()) if hasattr(booster, "serialize")
                                        else bytes(booster.__getstate__()["handle"]))
    same_bits(Imported(tmp_path / "snapshot").run("raw", X),
              booster.predict(make.matrix(booster, X), output_margin=True), "snapshot")


def test_nan_thresholds_and_infinite_numbers_mean_what_they_mean_to_xgboost(trained, tmp_path):
    booster, X = trained("squared")
    document = json.loads(booster.save_raw("json"))
    rng = np.random.default_rng(1)
    for tree in document["learner"]["gradient_booster"]["model"]["trees"]:
        for i in range(len(tree["left_children"])):
            if tree["left_children"][i] != -1 and rng.random() < 0.3:
                tree["split_conditions"][i] = float(rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0]))
    path = tmp_path / "m.json"
    path.write_text(json.dumps(document))
    changed = xgb.Booster(model_file=path)
    rows = hard_rows(X, make.thresholds(booster), np.random.default_rng(14))
    same_bits(Imported(path).run("raw", rows),
              changed.inplace_predict(rows, predict_type="margin"), "changed")


# ---- what cannot be converted -----------------------------------------------------------------------

def change(booster, path, edit):
    document = json.loads(booster.save_raw("json"))
    edit(document["learner"])
    path.write_text(json.dumps(document))
    return path


def test_all_unsupported_parts_are_named_at_once(trained, tmp_path):
    booster, _ = trained("squared")

    def edit(learner):
        learner["objective"]["name"] = "reg:unheard_of"
        learner["gradient_booster"]["name"] = "gbforest"
    with pytest.raises(_lib.UnsupportedError) as caught:
        Imported(change(booster, tmp_path / "m.json", edit))
    assert caught.value.parts == ["objective 'reg:unheard_of'", "booster 'gbforest'"]


def test_pickles_and_the_old_binary_format_are_refused_with_the_way_out(trained, tmp_path):
    import pickle
    booster, _ = trained("squared")
    path = tmp_path / "model"
    path.write_bytes(pickle.dumps(booster))
    with pytest.raises(_lib.UnsupportedError, match="pickle.*save_model"):
        Imported(path)
    path.write_bytes(b"binf" + bytes(200))
    with pytest.raises(_lib.UnsupportedError, match="before 3.1.*save_model"):
        Imported(path)


# ---- through the package ------------------------------------------------------------------------------

def test_the_package_converts_the_file_alike(trained, tmp_path):
    mdl = pytest.importorskip("mdl")
    booster, X = trained("softprob_sets")
    booster.save_model(tmp_path / "m.ubj")
    model = mdl.convert(str(tmp_path / "m.ubj"))
    theirs = make.answers(booster, X)
    same_bits(model.predict_raw(X), theirs["raw"], "margins")
    within_ulp(model.predict(X), theirs["prediction"], 2, "predictions")
    assert np.array_equal(np.asarray(model.apply(X)).reshape(theirs["leaf"].shape), theirs["leaf"])
