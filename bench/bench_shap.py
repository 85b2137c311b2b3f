# SPDX-License-Identifier: MIT
"""Contributions beside those of the framework that trained the model: one thread, the same rows,
taking turns, processor time, the quickest of several rounds each; and how far they are apart.
Writes the table between the marks of docs/explain.md.

    bench_shap.py BUILD      reads the models that `make bench` leaves in BUILD/bench
"""
import sys
import time
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import xgboost

import mdl

TOP = Path(__file__).resolve().parents[1]
CASES = [  # file, what it is, rows of ours and of theirs
    ("a.json", "A: XGBoost, 100 trees of depth 6", 2048, 256),
    ("a2.json", "A2: XGBoost, 500 trees of depth 8", 1024, 32),
    ("b.txt", "B: LightGBM, 500 trees of 31 leaves", 2048, 64),
    ("c.txt", "C: LightGBM, 500 trees of 255 leaves", 512, 8),
]
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


def measure(path, rows, many, few):
    name, theirs = theirs_of(path)
    model = mdl.load(path.with_suffix(".mdl"))
    ours = lambda x: np.asarray(model.explain(x))  # noqa: E731
    apart = np.abs(ours(rows[:few]) - theirs(rows[:few])).max() / np.abs(theirs(rows[:few])).max()
    times = {"batch": [], "one": [], "theirs": [], "theirs one": []}
    for _ in range(ROUNDS):
        times["theirs"].append(seconds(theirs, rows[:few]))
        times["batch"].append(seconds(ours, rows[:many]))
        times["one"] += [seconds(ours, rows[i:i + 1]) for i in range(8)]
        times["theirs one"] += [seconds(theirs, rows[i:i + 1]) for i in range(2)]
    return name, {key: min(of) * 1e6 for key, of in times.items()}, apart


def main():
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1]) / "bench"
    rows = np.fromfile(folder / "rows.f32", np.float32).reshape(-1, 28)
    lines = ["| model | framework | its batch | libmodel's batch | times | its one row | libmodel's | "
             "times | apart |", "|---|---|---|---|---|---|---|---|---|"]
    for file, title, many, few in CASES:
        name, t, apart = measure(folder / file, rows, many, few)
        lines.append(f"| {title} | {name} | {t['theirs']:.0f} us | {t['batch']:.1f} us | "
                     f"{t['theirs'] / t['batch']:.0f} | {t['theirs one']:.0f} us | {t['one']:.0f} us | "
                     f"{t['theirs one'] / t['one']:.1f} | {apart:.0e} |")
        print(lines[-1], flush=True)
    document = TOP / "docs" / "explain.md"
    text = document.read_text()
    before, _, rest = text.partition("<!-- bench-shap -->\n")
    _, _, after = rest.partition("<!-- end -->\n")
    document.write_text(before + "<!-- bench-shap -->\n" + "\n".join(lines) + "\n<!-- end -->\n" + after)


main()
