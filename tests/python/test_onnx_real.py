# SPDX-License-Identifier: MIT
"""Real ONNX models and exports of frameworks: what ONNX Runtime answers, libmodel answers"""
import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

import mdl                                                                         # noqa: E402
from onnx_exports import EXPORTS, export                                           # noqa: E402
from onnx_real import MODELS                                                       # noqa: E402

NEAR = 1e-4             # of the largest number of an output

# What is refused at conversion, with a part of the reason.
REFUSED = {}


def theirs(source):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return lambda feeds: dict(zip(names, session.run(None, feeds)))


def assert_near(got, expected, what):
    """Labels are equal, numbers are near, maps of classes are equal in their keys."""
    if isinstance(expected, list):
        assert len(got) == len(expected), what
        for i, (g, e) in enumerate(zip(got, expected)):
            if isinstance(e, dict):
                assert list(g) == list(e), f"{what}[{i}]"
                g, e = np.array(list(g.values())), np.array(list(e.values()))
            assert_near(g, e, f"{what}[{i}]")
        return
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, what
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected, err_msg=what)
        return
    assert got.dtype == expected.dtype, what
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected), err_msg=what)
    apart = np.nanmax(np.abs(got.astype(np.float64) - expected), initial=0.0)
    scale = np.nanmax(np.abs(expected), initial=0.0)
    assert apart <= NEAR * scale, f"{what}: {apart:.3g} apart, largest {scale:.3g}"


def ours(name, source):
    if name in REFUSED:
        with pytest.raises(mdl.UnsupportedError, match=REFUSED[name]):
            mdl.convert(source)
        pytest.skip(f"refused: {REFUSED[name]}")
    return mdl.convert(source).run


@pytest.mark.parametrize("name", MODELS)
def test_real_model_agrees_with_onnx_runtime(name):
    model = MODELS[name]
    source = model.source()
    expected, label = model.ask(theirs(source))
    assert label == model.label                       # the input says what it should
    got, our_label = model.ask(ours(name, source))
    for i, (g, e) in enumerate(zip(got, expected)):
        assert_near(g, e, f"{name} {i}")
    assert our_label == label


@pytest.mark.parametrize("name", EXPORTS)
def test_export_agrees_with_onnx_runtime(name):
    source, feeds = export(name)
    run, reference = ours(name, source), theirs(source)
    for rows in (feeds, {key: value[:1] for key, value in feeds.items()}):
        expected, got = reference(rows), run(rows)
        assert sorted(got) == sorted(expected)
        if name == "OneClassSVM":
            # A support vector lies on the boundary: its score is 0 but for rounding (we sum in
            # float64), and so the sign, which is its label, means nothing.
            clear = np.abs(expected["scores"][:, 0]) > 1e-5
            assert clear.sum() > 0.9 * len(clear) or len(clear) == 1
            expected["label"], got["label"] = expected["label"][clear], got["label"][clear]
        for output in expected:
            assert_near(got[output], expected[output], f"{name} {output}")
