# SPDX-License-Identifier: MIT
"""tests/conformance/judge.py - one case with one engine, and what it came to

    passed     every output of every data set is the expected one
    wrong      it answered, and the answer is another: the one thing that must not happen
    refused    it said beforehand that it cannot run this model
    error      it failed in any other way, and said how
    crash      its process ended, hung, or wanted more memory than there is for it
    skipped    the case has no answer that two implementations could agree on
"""
from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

import onnx

from cases import Case, DataSet, data_sets, run_inputs, skip_reason
from compare import difference
from engines import ENGINES, Refused, freeze, shape_inputs

CLASSES = ("passed", "wrong", "refused", "error", "crash", "skipped")
LONGEST = 600                             # of a reason

Work = Tuple[str, Case]


def judge(work: Work) -> Dict[str, Any]:
    """{"class", "reason"}; where libmodel refused a model whose shapes come as run-time inputs,
    also what it did with these as constants: "frozen": {"class", "reason", "inputs"}."""
    engine, case = work
    model = onnx.load(str(case.model))
    sets = data_sets(case, model)
    skip = skip_reason(model, sets)
    if skip:
        return _verdict("skipped", skip)
    made = _attempt(engine, case, model, sets, [])
    if engine == "libmodel" and made["class"] == "refused":
        names = shape_inputs(model)
        if names:
            made["frozen"] = {**_attempt(engine, case, model, sets, names), "inputs": names}
    return made


def _attempt(engine: str, case: Case, model: Any, sets: List[DataSet],
             frozen: List[str]) -> Dict[str, Any]:
    names = [value.name for value in run_inputs(model)]
    outputs = [value.name for value in model.graph.output]
    run = None
    for inputs, expected in sets:
        feeds = dict(zip(names, inputs))
        try:
            if frozen:                    # anew for each: the data set says what is constant
                run = ENGINES[engine](str(case.model), freeze(model, frozen, feeds), True)
            elif run is None:
                run = ENGINES[engine](str(case.model), model, False)
            made = run({name: value for name, value in feeds.items() if name not in frozen})
        except Refused as why:
            return _verdict("refused", why, case)
        except MemoryError as why:
            return _verdict("crash", f"out of memory: {why}", case)
        except Exception as why:
            where = "convert" if run is None else "run"
            return _verdict("error", f"{where}: {type(why).__name__}: {why}", case)
        fault = _fault(made, outputs, expected, case)
        if fault:
            return _verdict("wrong", fault)
    return _verdict("passed", "")


def _fault(made: Mapping[str, Any], names: List[str], expected: List[Any],
           case: Case) -> Optional[str]:
    if sorted(made) != sorted(names):
        return f"outputs {sorted(made)} for {sorted(names)}"
    if len(expected) != len(names):
        return f"{len(names)} outputs, {len(expected)} expected"
    for name, value in zip(names, expected):
        fault = difference(made[name], value, case.rtol, case.atol)
        if fault:
            return f"{name}: {fault}"
    return None


def _verdict(class_: str, reason: Any, case: Optional[Case] = None) -> Dict[str, Any]:
    text = str(reason)
    if case is not None:                  # reasons are compared and published: no paths
        text = text.replace(f"{case.model}: ", "").replace(f"{case.model}", "the model")
    return {"class": class_, "reason": " ".join(text.split())[:LONGEST]}
