# SPDX-License-Identifier: MIT
"""The tests of the package onnx that are known to pass, and the harness that runs them

`make conformance` runs all of them and writes docs/onnx.md.  Here those of
tests/conformance/known.txt must pass, and the others must not answer wrongly or crash.  The harness
itself is tested on engines that fail.
"""
import ctypes
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ml_dtypes = pytest.importorskip("ml_dtypes")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))

import conformance                                                                 # noqa: E402
import engines                                                                     # noqa: E402
from cases import all_cases                                                        # noqa: E402
from compare import difference                                                     # noqa: E402
from isolate import run_each                                                       # noqa: E402
from judge import judge                                                            # noqa: E402

import mdl                                                                         # noqa: E402
from mdl.onnx_backend import Backend, run_node                                     # noqa: E402

CASES = [case for case in all_cases() if case.set != "light"]


# ---- libmodel ------------------------------------------------------------------------------------


def test_known_cases_pass_and_no_answer_is_wrong():
    found = conformance.run("libmodel", CASES, jobs=2)
    assert len(found) == len(CASES) >= 1900
    assert conformance.faults(found) == []


def test_floor_names_cases_that_exist():
    assert set(conformance.known()) <= {case.id for case in all_cases()}
    assert conformance.known() == sorted(conformance.known())


# ---- the harness ---------------------------------------------------------------------------------


def segfault(_):
    ctypes.string_at(0)


def hang(_):
    time.sleep(60)


def memory(_):
    return len(np.ones(1 << 30))


def leave(_):
    os._exit(3)


@pytest.mark.parametrize("function, reason", [(segfault, "SIGSEGV"), (hang, "hangs"),
                                              (memory, "Memory"), (leave, "exit status 3")])
def test_crash_is_named_and_others_go_on(function, reason):
    def one(i):
        return function(i) if i == 2 else {"class": "passed", "reason": str(i)}

    found = dict(run_each(one, range(1, 5), 2, lambda _: 3.0, lambda _: 256))
    assert found[2]["class"] == "crash" and reason in found[2]["reason"]
    assert [found[i]["reason"] for i in (1, 3, 4)] == ["1", "3", "4"]


def case(name):
    return next(c for c in CASES if c.id == name)


def verdict(monkeypatch, engine, name="node/test_add"):
    monkeypatch.setitem(engines.ENGINES, "libmodel", engine)
    return judge(("libmodel", case(name)))


def test_right_answer_passes(monkeypatch):
    def right(path, model, changed):
        return lambda feeds: {"sum": feeds["x"] + feeds["y"]}
    assert verdict(monkeypatch, right)["class"] == "passed"


@pytest.mark.parametrize("change", [
    lambda s: s * np.float32(1.002), lambda s: s.astype(np.float64), lambda s: s[:1],
    lambda s: np.where(s > 2, np.nan, s).astype(np.float32)])
def test_wrong_number_type_shape_and_nan_are_wrong(monkeypatch, change):
    def wrong(path, model, changed):
        return lambda feeds: {"sum": change(feeds["x"] + feeds["y"])}
    assert verdict(monkeypatch, wrong)["class"] == "wrong"


def test_missing_output_is_wrong(monkeypatch):
    assert verdict(monkeypatch, lambda *_: lambda feeds: {})["class"] == "wrong"


def test_refusal_is_told_from_other_errors(monkeypatch):
    def refuse(path, model, changed):
        raise engines.Refused("Add-14: not there")

    def fail(path, model, changed):
        raise mdl.FormatError("damaged")

    assert verdict(monkeypatch, refuse) == {"class": "refused", "reason": "Add-14: not there"}
    assert verdict(monkeypatch, fail)["class"] == "error"
    assert verdict(monkeypatch, fail, "node/test_bernoulli")["class"] == "skipped"


def test_shape_inputs_become_constants_of_a_refused_model(monkeypatch):
    def only_constants(path, model, changed):
        if not changed:
            raise engines.Refused("shape at run time")
        shape, = (onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer)
        assert [value.name for value in model.graph.input] == ["data"]
        return lambda feeds: {"reshaped": feeds["data"].reshape(shape)}
    found = verdict(monkeypatch, only_constants, "node/test_reshape_one_dim")
    assert found["class"] == "refused"
    assert found["frozen"] == {"class": "passed", "reason": "", "inputs": ["shape"]}


def test_comparison_follows_onnx():
    f = np.float32
    same = [(f([1.0]), f([1.0005])), (f([np.nan, np.inf]), f([np.nan, np.inf])),
            (np.array(["a"], object), np.array(["a"], object)), ([f([1])], [f([1])]), (None, None),
            (np.array([3], ml_dtypes.int4), np.array([3], ml_dtypes.int4)),
            (np.array([1.5], ml_dtypes.bfloat16), np.array([1.5], ml_dtypes.bfloat16))]
    other = [(f([1.0]), f([1.01])), (f([1.0]), f([np.nan])), (f([np.inf]), f([-np.inf])),
             (f([0]), f([1e-6])), (f([3e38]), f([np.inf])), (f([1]), [f([1])]), ([f([1])], f([1])),
             ([], [f([1])]), (None, f([1])), (np.array(["a"], object), np.array(["b"], object)),
             (np.array(["1"], object), np.array([1])),
             (np.array([2**62 + 2**60]), np.array([2**62])), (f(1.0), f([1.0])),
             (np.array([3], ml_dtypes.int4), np.array([3], np.int8))]
    assert [difference(got, expected, 1e-3, 1e-7) for got, expected in same] == [None] * len(same)
    assert all(difference(got, expected, 1e-3, 1e-7) for got, expected in other)


# ---- onnx.backend --------------------------------------------------------------------------------


def test_backend_runs_a_model_and_a_node():
    model = onnx.load(str(case("node/test_add").model))
    x, y = np.arange(60, dtype=np.float32).reshape(3, 4, 5), np.ones((3, 4, 5), np.float32)
    np.testing.assert_array_equal(Backend.run_model(model, [x, y]).sum, x + 1)
    np.testing.assert_array_equal(run_node(model.graph.node[0], [x, y])[0], x + 1)
    assert Backend.is_compatible(model)
    assert Backend.supports_device("CPU") and not Backend.supports_device("CUDA")


def test_backend_says_what_does_not_fit():
    model = onnx.load(str(case("node/test_add").model))
    with pytest.raises(mdl.UnsupportedError, match="CUDA"):
        Backend.prepare(model, "CUDA")
    with pytest.raises(mdl.DataError, match="3 inputs"):
        Backend.prepare(model).run([1, 2, 3])
