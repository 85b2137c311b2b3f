# SPDX-License-Identifier: MIT
"""tests/conformance/compare.py - whether an answer is the expected one

By the rules of onnx's own runner: shape and type exactly; numbers within atol + rtol * |expected|;
NaN where NaN is expected; infinities and text exactly; sequences value by value.
"""
from __future__ import annotations

from typing import Any, Optional

import numpy as np


def difference(got: Any, expected: Any, rtol: float, atol: float) -> Optional[str]:
    """None if it is the expected one, else what is wrong in a line."""
    if expected is None or got is None:
        return None if got is expected else f"{_kind(got)} for {_kind(expected)}"
    if isinstance(expected, (list, tuple)):
        if not isinstance(got, (list, tuple)):
            return f"{_kind(got)} for {_kind(expected)}"
        if len(got) != len(expected):
            return f"{len(got)} values for {len(expected)}"
        faults = (difference(g, e, rtol, atol) for g, e in zip(got, expected))
        return next((f"value {i}: {fault}" for i, fault in enumerate(faults) if fault), None)
    if isinstance(got, (list, tuple)):
        return f"{_kind(got)} for {_kind(expected)}"
    return _array(np.asarray(got), np.asarray(expected), rtol, atol)


def _array(got: Any, expected: Any, rtol: float, atol: float) -> Optional[str]:
    if got.shape != expected.shape:
        return f"shape {list(got.shape)} for {list(expected.shape)}"
    if expected.dtype.kind in "OUST":
        if got.dtype.kind not in "OUST":
            return f"{got.dtype} for text"
        return _where(got.astype(object) == expected.astype(object), got, expected)
    if got.dtype != expected.dtype:
        return f"{got.dtype} for {expected.dtype}"
    g, e = _wide(got), _wide(expected)
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(g - e) <= atol + rtol * np.abs(e)
    finite = np.isfinite(g) & np.isfinite(e)
    return _where((finite & near) | (g == e) | (np.isnan(g) & np.isnan(e)), got, expected)


def _wide(x: Any) -> Any:
    """Numbers of any type where differences are exact enough: 64 bits of integers need more than
    a double; the small types of ml_dtypes know little arithmetic."""
    if x.dtype.kind == "c":
        return x.astype(np.complex128)
    return x.astype(np.longdouble if x.dtype.kind in "iu" and x.dtype.itemsize == 8 else np.float64)


def _where(same: Any, got: Any, expected: Any) -> Optional[str]:
    same = np.asarray(same, bool)
    if same.all():
        return None
    at = tuple(int(i) for i in np.argwhere(~same)[0])
    return (f"{int((~same).sum())} of {same.size} differ, the first at {list(at)}: "
            f"{got[at]!s} for {expected[at]!s}")


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    return "a sequence" if isinstance(value, (list, tuple)) else "a tensor"
