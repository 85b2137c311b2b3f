# SPDX-License-Identifier: MIT
"""Contributions beside those of the framework that trained the model: one thread, the same rows,
taking turns, processor time, the quickest of several rounds each; and how far they are apart.
Writes the table between the marks of docs/explain.md.  Fails where one row of A or B is not explained
ten times as fast.

    bench_shap.py BUILD      trains what `make bench` trains, once, in BUILD/bench
"""
import os
import sys
import time
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import xgboost

import mdl
from ensembles import ENSEMBLES, convert, rows, train

os.environ["BENCH_BUILD"] = os.path.abspath(sys.argv[1])

import report  # noqa: E402

TOP = Path(__file__).resolve().parents[1]
CASES = [("A", 2048, 256), ("A2", 1024, 32), ("B", 2048, 64), ("C", 512, 8)]   # rows of ours and of theirs
ASKED = {"A": 10, "B": 10}
ROUNDS = 5


def theirs_of(path):
    """What explains rows with the framework, on one thread."""
    if path.suffix == ".json":
        booster = xgboost.Booster(model_file=path)
        booster.set_param({"nthread": 1})
        return "XGBoost " + xgboost.__version__, lambda rows: booster.predict(
            xgboost.DMatrix(rows, nthread=1), pred_contribs=True)
    booster = lightgbm.Booster(model_file=path)
    return "LightGBM " + lightgbm.__version__, lambda rows: booster.predict(
        rows.astype(float), pred_contrib=True, num_threads=1)


def seconds(call, rows):
    start = time.process_time()
    call(rows)
    return (time.process_time() - start) / len(rows)


def measure(source, model, x, many, few):
    name, theirs = theirs_of(source)
    ours = lambda rows: np.asarray(model.explain(rows))  # noqa: E731
    apart = np.abs(ours(x[:few]) - theirs(x[:few])).max() / np.abs(theirs(x[:few])).max()
    times = {"batch": [], "one": [], "theirs": [], "theirs one": []}
    for _ in range(ROUNDS):
        times["theirs"].append(seconds(theirs, x[:few]))
        times["batch"].append(seconds(ours, x[:many]))
        times["one"] += [seconds(ours, x[i:i + 1]) for i in range(8)]
        times["theirs one"] += [seconds(theirs, x[i:i + 1]) for i in range(2)]
    return name, {key: min(of) * 1e6 for key, of in times.items()}, apart


def main():
    warnings.simplefilter("ignore")
    folder = os.path.join(sys.argv[1], "bench")
    os.makedirs(folder, exist_ok=True)
    machine, slow, table = report.machine(), [], []
    for which, many, few in CASES:
        ensemble = ENSEMBLES[which]
        train(folder, which)
        model = mdl.load(convert(folder, which))
        name, t, apart = measure(Path(folder, which, ensemble.file), model, rows(folder, ensemble.data), many, few)
        batch, one = t["theirs"] / t["batch"], t["theirs one"] / t["one"]
        table.append([f"{which}: {ensemble.title}", name, f"{t['theirs']:.0f} us", f"{t['batch']:.1f} us",
                      f"{batch:.0f}", f"{t['theirs one']:.0f} us", f"{t['one']:.0f} us", f"{one:.1f}",
                      f"{apart:.0e}"])
        print(" | ".join(table[-1]), flush=True)
        if one < ASKED.get(which, 0):
            slow.append(f"{which}: one row only {one:.1f} times as fast as {name}")
    lines = [f"Made on {machine['date']}, {machine['processor']} ({machine['family']}), kernels {model.isa}.", ""]
    lines += report.table(["model", "framework", "its batch", "libmodel's batch", "times", "its one row",
                           "libmodel's", "times", "apart"], table)
    document = TOP / "docs" / "explain.md"
    text = document.read_text()
    before, _, rest = text.partition("<!-- bench-shap -->\n")
    _, _, after = rest.partition("<!-- end -->\n")
    document.write_text(before + "<!-- bench-shap -->\n" + "\n".join(lines) + "\n<!-- end -->\n" + after)
    sys.exit("\n".join(slow) or 0)


main()
