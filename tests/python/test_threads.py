# SPDX-License-Identifier: MIT
"""threads=: the same bits on any number of threads, and threads that do not get into the way."""
import copy
import os
import threading

import numpy as np
import pytest

import mdl

lgb = pytest.importorskip("lightgbm")
sparse = pytest.importorskip("scipy.sparse")

ROWS = 6000                 # enough for several threads


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(5).normal(size=(ROWS, 8))


@pytest.fixture(scope="module")
def booster(rows):
    y = (rows[:, 0] + rows[:, 1] * rows[:, 2] > 0).astype(int) + (rows[:, 3] > 1)
    params = {"objective": "multiclass", "num_class": 3, "num_leaves": 31, "num_threads": 1,
              "verbose": -1, "seed": 1}
    return lgb.train(params, lgb.Dataset(rows, y), 60)


@pytest.fixture()
def model(booster):
    return mdl.convert(booster)


@pytest.mark.parametrize("threads", [1, 2, 3, 5, -1])
def test_any_number_of_threads_gives_the_bits_of_lightgbm(model, booster, rows, threads):
    np.testing.assert_array_equal(model.predict_raw(rows, threads=threads),
                                  booster.predict(rows, raw_score=True, num_threads=1))
    np.testing.assert_array_equal(model.apply(rows, threads=threads),
                                  booster.predict(rows, pred_leaf=True, num_threads=1))
    np.testing.assert_array_equal(
        model.predict_raw(rows, threads=threads, tree_range=(5, 20)),
        booster.predict(rows, raw_score=True, num_threads=1, start_iteration=5, num_iteration=15))
    np.testing.assert_array_equal(model.predict_raw(sparse.csr_matrix(rows), threads=threads),
                                  booster.predict(rows, raw_score=True, num_threads=1))


def test_a_setting_of_the_model_serves_every_call(model, rows):
    alone = model.predict(rows), model.predict_proba(rows)
    assert model.threads == 1
    model.threads = 3
    np.testing.assert_array_equal(model.predict(rows), alone[0])
    np.testing.assert_array_equal(model.predict_proba(rows), alone[1])
    np.testing.assert_array_equal(model.predict(rows, threads=1), alone[0])
    assert model.threads == 3
    assert copy.copy(model).threads == 1


@pytest.mark.parametrize("threads", [0, -2, 1025, 2.0, "2"])
def test_other_numbers_are_refused(model, rows, threads):
    with pytest.raises(mdl.DataError, match="threads is"):
        model.predict(rows, threads=threads)
    with pytest.raises(mdl.DataError, match="threads is"):
        model.threads = threads
    assert model.threads == 1


def test_python_threads_share_the_pool(model, rows):
    want, wrong = model.predict(rows), []

    def ask():
        for _ in range(10):
            wrong.append(not np.array_equal(model.predict(rows, threads=2), want))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 40 and not any(wrong)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(model, rows):
    want = model.predict(rows, threads=2)
    child = os.fork()
    if not child:
        ok = False
        try:
            ok = np.array_equal(model.predict(rows, threads=2), want)
        finally:
            os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
