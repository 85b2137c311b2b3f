# SPDX-License-Identifier: MIT
"""tests/conformance/report.py - verdicts as tables: for a terminal, and as docs/onnx.md"""
from __future__ import annotations

import datetime
import platform
import re
from collections import Counter, defaultdict
from typing import Any, Callable, Dict, Iterable, List, Set, Tuple

import onnx

from cases import SETS, Case
from engines import VERSIONS
from judge import CLASSES
from operators import uses

Verdicts = Dict[str, Dict[str, Any]]
SHOWN, LENGTH = 3, 160                    # reasons of an operator, and how long one may be

HEAD = """# ONNX: what runs

Every test of the package `onnx` {onnx} with libmodel {libmodel} and with ONNX Runtime {onnxruntime}, each in a process of its own, on {date} ({machine}, Python {python}). Written by

    make conformance

Answers are compared as onnx's own runner does: shape and type exactly, numbers within 1e-7 + 1e-3 x |expected|, NaN for NaN; within 1e-6 for `test_dft_inverse` and its twin of opset 19, whose expected values are float32 noise of 2e-7 where the exact answer is 0. ONNX Runtime runs with the newest operator sets allowed. A test is *refused* when the model is turned down at conversion, by name, before anything runs; *error* is any other failure that is reported, *wrong* an answer that is not the expected one, *crash* the end of the process (or too much time or memory). *Skipped* are tests whose answer is drawn at random.

## More than tensors

At run time there are tensors alone, so what ONNX has beside them is several tensors, by name. A sequence `x` is `x`, its elements one after another in one dimension, and `x.dims`, int64 `[length, 8]`: the shape of each element, -1 behind its last dimension (so elements may differ in rank). An optional `x` is what it holds and `x.given`, a bool; when that is false the rest means nothing. A map `x` is `x`, its values, and `x.keys`; maps go in only (DictVectorizer, CastMap), and a ZipMap goes out as scores whose output carries the labels. In Python `m.run` takes and gives lists, None and dicts for these. Sequences of maps as inputs are refused. A sequence whose elements are known at conversion costs nothing; of others each operator copies the elements, and loops that insert are as slow as that sounds.

## Totals

{totals}
"""

CONSTANT = """
Node tests give everything at run time, the operands that say a shape as well. *As constants* counts the tests that were refused as they are and pass once these operands are part of the model, as they are in models that exporters write.
"""

OPERATORS = """
## Operators

The node tests by operator. *Versions* are those of the operator that the tests use; each test counts, those included that spell the operator out as a graph of others (*_expanded*). {note}

| operator | versions | tests | passed | refused | skipped | failed | ONNX Runtime | why not |
|---|---|---|---|---|---|---|---|---|
"""


def totals(cases: List[Case], ours: Verdicts, theirs: Verdicts) -> List[str]:
    """One row for each set and engine."""
    lines = ["| set | tests | | " + " | ".join(CLASSES) + " | as constants |",
             "|---|---|---|" + "---|" * (len(CLASSES) + 1)]
    for set_ in SETS:
        ids = [case.id for case in cases if case.set == set_]
        if not ids:
            continue
        for name, found in (("libmodel", ours), ("ONNX Runtime", theirs)):
            count = Counter(found[id_]["class"] for id_ in ids)
            frozen = sum(found[id_].get("frozen", {}).get("class") == "passed" for id_ in ids)
            numbers = " | ".join(str(count[class_] or "") for class_ in CLASSES)
            what = f"{set_} | {len(ids)}" if found is ours else " | "
            lines.append(f"| {what} | {name} | {numbers} | {frozen or ''} |")
    return lines


def document(cases: List[Case], ours: Verdicts, theirs: Verdicts) -> str:
    versions = {engine: version() for engine, version in VERSIONS.items()}
    text = HEAD.format(onnx=onnx.__version__, **versions, date=datetime.date.today().isoformat(),
                       machine=f"{platform.system()} {platform.machine()}",
                       python=platform.python_version(),
                       totals="\n".join(totals(cases, ours, theirs)))
    if any("frozen" in verdict for verdict in ours.values()):
        text += CONSTANT
    node = [case for case in cases if case.set == "node"]
    text += OPERATORS.format(note="*Failed* is wrong, error or crash.") + "\n".join(
        _operators(node, ours, theirs)) + "\n"
    text += _others([case for case in cases if case.set != "node"], ours, theirs)
    for name, found in (("libmodel", ours), ("ONNX Runtime", theirs)):
        wrong = [(case, found[case.id]) for case in cases if found[case.id]["class"] == "wrong"]
        if wrong:
            text += f"\n## Wrong answers of {name}\n\n| test | what |\n|---|---|\n"
            text += "".join(f"| {case.id} | {_cell(verdict['reason'])} |\n"
                            for case, verdict in wrong)
    return text


def _operators(cases: List[Case], ours: Verdicts, theirs: Verdicts) -> List[str]:
    members: Dict[str, List[Case]] = defaultdict(list)
    versions: Dict[str, Set[int]] = defaultdict(set)
    direct = {case.name: case for case in cases}
    for case in cases:
        op, version, _ = uses(onnx.load(str(direct[case.base].model)))[0]
        members[op].append(case)
        versions[op].add(version)
    lines = []
    for op in sorted(members, key=lambda op: ("." in op, op.lower())):
        ids = [case.id for case in members[op]]
        count = Counter(ours[id_]["class"] for id_ in ids)
        failed = sum(count[class_] for class_ in ("wrong", "error", "crash"))
        passed = sum(theirs[id_]["class"] == "passed" for id_ in ids)
        numbers = (len(ids), count["passed"], count["refused"] or "", count["skipped"] or "",
                   failed or "", passed)
        lines.append(f"| {op} | {', '.join(map(str, sorted(versions[op])))} | "
                     f"{' | '.join(map(str, numbers))} | {_why(ours[id_] for id_ in ids)} |")
    return lines


def _others(cases: List[Case], ours: Verdicts, theirs: Verdicts) -> str:
    rows = [f"| {case.id} | {ours[case.id]['class']} | {theirs[case.id]['class']} | "
            f"{_cell(ours[case.id]['reason'])} |" for case in cases
            if ours[case.id]["class"] != "passed"]
    if not rows:
        return ""
    return ("\n## The other sets: what does not pass\n\n"
            "| test | libmodel | ONNX Runtime | why |\n|---|---|---|---|\n"
            + "\n".join(rows) + "\n")


def _why(found: Iterable[Dict[str, Any]]) -> str:
    """The reasons, each once with how often, the commonest first; failures say their class."""
    count = Counter(_reason(verdict) for verdict in found if verdict["class"] != "passed")
    said = [f"{reason} ({n})" if n > 1 else reason for reason, n in count.most_common(SHOWN)]
    more = len(count) - len(said)
    return "; ".join(said) + (f"; and {more} more" if more else "")


def _reason(verdict: Dict[str, Any]) -> str:
    said = "" if verdict["class"] in ("refused", "skipped") else f"{verdict['class']}: "
    return _cell(said + verdict["reason"])


def _cell(text: str) -> str:
    text = re.sub(r"(?<![\w])/[\w./+-]*/", "", text).replace("|", "\\|")
    return text if len(text) <= LENGTH else text[:LENGTH - 3] + "..."
