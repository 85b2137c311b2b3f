# SPDX-License-Identifier: MIT
"""tests/conformance/conformance.py FOLDER - the tests of the package onnx with two engines

    --only TEXT     cases whose set/name matches this regular expression; nothing is written
    --jobs N        cases at once (0: one on each processor)
    --memory MB     that a case may take beyond what it starts with (0: any; for sanitizers)
    --list CLASS    name each case of libmodel's in this class: refused, error, wrong, crash, ...
    --docs          write docs/onnx.md, and add what passes now to known.txt

The engines are libmodel and ONNX Runtime; what the latter does is kept in FOLDER for each version
of it, since it does not change.  Exit status 1 if an answer of libmodel is wrong, a case crashes,
or one that known.txt lists does not pass.
"""
from __future__ import annotations

import argparse
import gc
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")      # before numpy: a fork keeps no threads

import onnx

import report
from cases import Case, all_cases
from engines import VERSIONS
from isolate import run_each
from judge import judge

HERE = Path(__file__).resolve().parent
KNOWN = HERE / "known.txt"
DOCS = HERE.parents[1] / "docs" / "onnx.md"

SECONDS, MEMORY_MB = 60, 4096             # of one case; the nine networks take more
LIGHT_SECONDS, LIGHT_MEMORY_MB = 300, 8192

Verdicts = Dict[str, Dict[str, Any]]      # by the case's id


def run(engine: str, cases: List[Case], jobs: int, memory_mb: Optional[int] = None) -> Verdicts:
    """Every case in a process of its own."""
    VERSIONS[engine]()                    # imported once, here
    gc.freeze()                           # and its pages left alone in the forks
    done: Verdicts = {}
    started = run_each(judge, ((engine, case) for case in cases), jobs or os.cpu_count() or 1,
                       lambda work: LIGHT_SECONDS if work[1].set == "light" else SECONDS,
                       lambda work: memory_mb if memory_mb is not None else
                       LIGHT_MEMORY_MB if work[1].set == "light" else MEMORY_MB)
    for (_, case), verdict in started:
        done[case.id] = verdict
        if sys.stderr.isatty():
            print(f"\r{engine}: {len(done)} of {len(cases)}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return {case.id: done[case.id] for case in cases}


def run_kept(engine: str, cases: List[Case], jobs: int, folder: Path) -> Verdicts:
    """As run(), of those cases that were not run with this version before."""
    path = folder / f"{engine}-{VERSIONS[engine]()}-onnx-{onnx.__version__}.json"
    kept: Verdicts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    missing = [case for case in cases if case.id not in kept]
    if missing:
        kept.update(run(engine, missing, jobs))
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return {case.id: kept[case.id] for case in cases}


def known() -> List[str]:
    """The cases that pass; one that no longer does is a fault."""
    return KNOWN.read_text(encoding="utf-8").split() if KNOWN.exists() else []


def faults(found: Verdicts) -> List[str]:
    """What must not be: wrong answers, crashes, cases that passed before."""
    floor = set(known())
    return [f"{id_}: {verdict['class']}: {verdict['reason']}" for id_, verdict in found.items()
            if verdict["class"] in ("wrong", "crash")
            or (id_ in floor and verdict["class"] != "passed")
            or verdict.get("frozen", {}).get("class") in ("wrong", "crash")]


def add_known(found: Verdicts) -> None:
    passed = {id_ for id_, verdict in found.items() if verdict["class"] == "passed"}
    KNOWN.write_text("".join(f"{id_}\n" for id_ in sorted(passed | set(known()))), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--memory", type=int)
    parser.add_argument("--list", default="")
    parser.add_argument("--docs", action="store_true")
    told = parser.parse_args()
    cases = [case for case in all_cases() if re.search(told.only, case.id)]
    if not cases:
        print(f"no case matches {told.only!r}")
        return 2
    theirs = run_kept("onnxruntime", cases, told.jobs, told.folder)
    ours = run("libmodel", cases, told.jobs, told.memory)
    told.folder.mkdir(parents=True, exist_ok=True)
    (told.folder / "libmodel.json").write_text(json.dumps(ours, indent=1), encoding="utf-8")
    print("\n".join(report.totals(cases, ours, theirs)))
    listed = [f"{id_}: {verdict['reason']}" for id_, verdict in ours.items()
              if verdict["class"] == told.list]
    found = faults(ours)
    print("\n".join(listed + [f"FAULT {fault}" for fault in found]))
    if told.docs and not told.only:
        DOCS.write_text(report.document(cases, ours, theirs), encoding="utf-8")
        add_known(ours)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
