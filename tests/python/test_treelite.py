# SPDX-License-Identifier: MIT
"""Checkpoints of treelite, converted and run here, against GTIL, treelite's own engine.

Margins and leaf indices must be the same bits, predictions within 2 ULP.  Its softmax computes
in float32, also for models of float64: there ours is compared with the exact value, too.
Checkpoints and answers lie in tests/data/treelite_*; tests/data/make_treelite.py made them.
"""
from pathlib import Path

import numpy as np
import pytest

import mdl

DATA = Path(__file__).resolve().parents[1] / "data"
FILES = sorted(DATA.glob("treelite_*/*.tl"))
WIDE_SOFTMAX = ("boosted", "lgb_multiclass")


def same_bits(got, want):
    assert got.dtype == want.dtype and got.shape == want.shape
    kind = f"u{got.itemsize}"
    same = (got.view(kind) == want.view(kind)) | ((got != got) & (want != want))
    assert same.all(), (np.argwhere(~same)[0], got[~same][0], want[~same][0])


def softmax(raw):
    terms = np.exp(raw - raw.max(axis=1, keepdims=True))
    return terms / terms.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_checkpoints_give_the_bits_of_gtil(path):
    answers = np.load(path.with_suffix(".npz"))
    model = mdl.convert(path)
    rows = answers["X"]
    ours = model.run({"x": rows})
    same_bits(ours["raw"], answers["raw"])
    assert (ours["leaf"] == answers["leaf"]).all()
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(ours["prediction"] - answers["prediction"])
        least = np.spacing(np.abs(answers["prediction"]))
    if path.stem in WIDE_SOFTMAX:
        assert np.allclose(ours["prediction"], softmax(answers["raw"]), rtol=1e-14, atol=0)
        assert near.max() < 1e-7
    else:
        equal = ours["prediction"] == answers["prediction"]
        assert (equal | (near <= 2 * least) | np.isnan(answers["prediction"])).all()


def test_a_sparse_row_lacks_what_it_does_not_store():
    sparse = pytest.importorskip("scipy.sparse")
    model = mdl.convert(DATA / "treelite_4.8" / "less.tl")
    holes = np.array([[np.nan, 1.0, np.nan], [2.0, np.nan, np.nan]], np.float32)
    stored = sparse.csr_matrix((np.array([1.0, 2.0], np.float32), ([0, 1], [1, 0])), (2, 3))
    assert (model.predict(stored) == model.predict(holes)).all()


def test_labels_of_a_forest_are_its_largest_shares():
    model = mdl.convert((DATA / "treelite_4.8" / "forest_classes.tl").read_bytes())
    answers = np.load(DATA / "treelite_4.8" / "forest_classes.npz")
    assert list(model.outputs) == ["prediction", "probability", "label", "raw", "leaf"]
    label = model.run({"x": answers["X"]}, ["label"])["label"][:, 0]
    assert (label == answers["prediction"].argmax(axis=1)).all()
    assert model.metadata["source_version"].startswith("4.8")


def test_a_live_model_is_converted_by_what_it_serializes():
    class Model:
        def serialize_bytes(self):
            return (DATA / "treelite_4.8" / "sets.tl").read_bytes()

    Model.__module__ = "treelite.model"
    answers = np.load(DATA / "treelite_4.8" / "sets.npz")
    same_bits(mdl.convert(Model()).run({"x": answers["X"]}, ["raw"])["raw"], answers["raw"])
