# SPDX-License-Identifier: MIT
"""Models within models: the members of an ensemble, the model that others start from."""
from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from . import _lib
from ._errors import unsupported
from ._sklearn_flow import EXACT, Flow, Output
from ._sklearn_prep import Build, Check, build_steps, check_steps, flatten, of_sklearn, said

# Every model by the name of its class; the modules that know them add theirs.
MODELS: Dict[str, Tuple[Check, Build]] = {}

ANSWERS = {"predict_proba": "probability", "decision_function": "raw", "predict": "prediction"}


def check(obj: Any) -> List[str]:
    """Everything of an estimator or Pipeline that has no converter; it must end in a model."""
    steps = flatten(obj)
    if not steps or not of_sklearn(steps[-1], MODELS):
        return [said(steps[-1] if steps else obj)]
    parts = [part for step in steps[:-1] for part in check_steps(step)]
    return parts + MODELS[type(steps[-1]).__name__][0](steps[-1])


def check_all(members: Sequence[Any]) -> List[str]:
    """Of several, each part once."""
    return list(dict.fromkeys(part for member in members for part in check(member)))


class Part:
    """A model in the graph of another, over the table made so far or some columns of it."""

    def __init__(self, flow: Flow, obj: Any, columns: Optional[Sequence[int]] = None) -> None:
        inner = flow.inner()
        if columns is not None:
            inner.select(columns)
        self.steps = flatten(obj)
        self.columns = columns
        for step in self.steps[:-1]:
            build_steps(inner, step)
        MODELS[type(self.steps[-1]).__name__][1](inner, self.steps[-1])
        self._builder = flow.builder
        self._outputs = {o.name: o for o in inner.outputs}
        self._size = inner.size
        self.adds = inner.size is not None       # products, in the order of a BLAS

    def __contains__(self, name: str) -> bool:
        return name in self._outputs

    def names(self) -> List[str]:
        return list(self._outputs)

    def output(self, name: str) -> Output:
        if name not in self._outputs:
            raise unsupported([f"{type(self.steps[-1]).__name__} as a member that is asked for its "
                               + name])
        return self._outputs[name]

    def answer(self, name: str) -> int:
        """One of its answers, in float64."""
        value = self.output(name).value
        if self._builder.type_of(value) == _lib.F64:
            return value
        return self._builder.result(self._builder.node("cast", [value], {"to": "float64"}))

    def size(self, x: Any) -> Any:
        """The size of the terms that its answers are sums of, one number a row; 0: not known."""
        if self._size is None:
            return 0.0
        x = x if self.columns is None else np.asarray(x)[:, self.columns]
        for step in self.steps[:-1]:
            x = step.transform(x)
        return np.max(self._size(self.steps[-1], x), axis=-1, keepdims=True)


def tolerance(parts: Sequence[Part], name: str, least: float = EXACT) -> float:
    return max([least] + [part.output(name).tolerance for part in parts])


def size(parts: Sequence[Part], x: Any) -> Any:
    return sum(part.size(x) for part in parts)
